"""What is committed of the campaigns: their tables are what their records give, and no file is large."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmark.config.compose import ROOT
from benchmark.records.store import Store
from benchmark.scorecard.publish import ORDER
from benchmark.scorecard.references import FOLDER, Reference, references

COMMITTED = references(ROOT / FOLDER)
LARGEST, ALL = 2_000_000, 30_000_000  # bytes of a file, and of all


@pytest.mark.parametrize("reference", COMMITTED, ids=lambda reference: reference.table)
def test_a_campaigns_table_is_what_its_records_give(reference: Reference, tmp_path: Path) -> None:
    assert reference.add_to(Store(tmp_path / "results" / "runs")) == []
    environment = os.environ | {"PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-m", "benchmark.reproduce", reference.table, "--report-only"]
    subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True)
    made, committed = tmp_path / "results" / "tables" / reference.table, reference.archives[0].parent
    for name in ("table.md", "table.csv", "claims.csv"):
        assert (made / name).read_text() == (committed / name).read_text()


def test_what_is_committed_is_small_and_has_a_place_in_the_order() -> None:
    sizes = {path.name: path.stat().st_size for path in (ROOT / FOLDER).rglob("*") if path.is_file()}
    assert max(sizes.values()) < LARGEST
    assert sum(sizes.values()) < ALL
    assert {reference.archives[0].parent.name for reference in COMMITTED} <= set(ORDER)
