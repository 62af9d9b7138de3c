"""Campaigns are packed by method, shown as their records say, and gone on with where they were stopped."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmark.config.compose import ROOT
from benchmark.grids import grid
from benchmark.records.record import Record
from benchmark.records.store import Store
from benchmark.scorecard import publish
from benchmark.scorecard.references import SWEEPS, arms, references
from helpers.records import ARRAYS
from helpers.stores import called

NAME = "strength"


@pytest.fixture
def store(tmp_path: Path, record_of: Callable[..., Record], monkeypatch: pytest.MonkeyPatch) -> Store:
    """Two seeds of a campaign in the store of a folder of their own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    made = Store("results/runs")
    made.open()
    for run in grid.load(f"{SWEEPS}/{NAME}", ["seed=1,2"]).runs:
        scores = {"validation": {"accuracy": 0.5 + run.config.seed / 100}}
        made.add(record_of(run.config, scores, examples={"train": 64, "validation": 3}), ARRAYS)
    return made


def test_records_are_packed_by_method_and_read_again(store: Store, tmp_path: Path) -> None:
    planned = grid.load(f"{SWEEPS}/{NAME}")
    assert publish.pack(planned, tmp_path / "out" / NAME) == 26
    names = {path.name for path in (tmp_path / "out" / NAME).iterdir()}
    assert names == {"plain.tar.gz", "noisytune.tar.gz", "hype_n.tar.gz"}
    before = {name: (tmp_path / "out" / NAME / name).read_bytes() for name in names}
    publish.pack(planned, tmp_path / "out" / NAME)
    assert {name: (tmp_path / "out" / NAME / name).read_bytes() for name in names} == before
    [reference] = references(tmp_path / "out")
    again = Store(tmp_path / "again")
    assert reference.add_to(again) == []
    records = {run.run_id: record for run in planned.runs if (record := again.find(run.run_id)) is not None}
    assert len(records) == 26
    kept = arms(planned, records)
    assert (kept.seeds, set(kept.methods)) == ((1, 2), {"[]", "[noisytune]", "[hype_n]"})


def test_the_report_beside_them_is_that_of_the_store(store: Store, tmp_path: Path, capsys: Any) -> None:
    status, _, said = called(publish.main, capsys, NAME, "--output", tmp_path / "out")
    assert (status, said) == (0, f"{SWEEPS}/{NAME}: 26 of 130 runs\n")
    text = (tmp_path / "out" / NAME / "table.md").read_text()
    assert "51.50" in text
    assert str(tmp_path) not in text
    assert (tmp_path / "out" / NAME / "claims.csv").is_file()


def test_what_is_published_stays_when_another_store_publishes(
    store: Store, tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert called(publish.main, capsys, NAME, "--output", tmp_path / "out")[0] == 0
    before = {path.name: path.read_bytes() for path in (tmp_path / "out" / NAME).glob("*.tar.gz")}
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    status, _, said = called(publish.main, capsys, NAME, "--output", tmp_path / "out")
    assert (status, said) == (0, f"{SWEEPS}/{NAME}: 26 of 130 runs\n")
    assert {path.name: path.read_bytes() for path in (tmp_path / "out" / NAME).glob("*.tar.gz")} == before


@pytest.mark.parametrize("minutes", ["0", "-1", "nan"])
def test_no_time_is_refused(capsys: Any, tmp_path: Path, minutes: str) -> None:
    status, _, said = called(publish.main, capsys, f"--minutes={minutes}", "--output", tmp_path)
    assert status == 2
    assert "must be above 0" in said


def test_an_unknown_campaign_is_refused(capsys: Any, tmp_path: Path) -> None:
    status, _, said = called(publish.main, capsys, "strenght", "--output", tmp_path)
    assert status == 2
    assert "did you mean 'strength'?" in said


def test_a_grid_that_takes_too_long_is_told_to_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = [sys.executable, "-c", "import time; time.sleep(60)"]
    started: list[subprocess.Popen[bytes]] = []
    popen = subprocess.Popen

    def begun(_: list[str]) -> subprocess.Popen[bytes]:
        started.append(popen(slow))
        return started[-1]

    monkeypatch.setattr(publish.subprocess, "Popen", begun)
    publish.make(["strength", "tiny"], time.monotonic() + 0.5)
    assert [process.returncode for process in started] == [-15]
