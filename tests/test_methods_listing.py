"""`python -m benchmark.methods` lists every method there is a file for, somebody else's included."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmark.config import ROOT
from benchmark.methods.__main__ import listing, main


def test_every_method_file_is_listed_with_what_it_is_and_where_it_acts() -> None:
    rows = {name: rest for name, *rest in listing(ROOT / "conf" / "method")}
    assert set(rows) == {path.stem for path in (ROOT / "conf" / "method").glob("*.yaml")}
    assert all(about and moments for about, moments, _ in rows.values())
    assert rows["noisytune"][1] == "perturb"
    assert "intensity=0.15" in rows["noisytune"][2]


def test_the_methods_of_another_folder_can_be_listed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.yaml").write_text("_target_: benchmark.methods.noisytune.NoisyTune\nintensity: 0.3\n")
    main([str(tmp_path)])
    assert "mine" in capsys.readouterr().out
