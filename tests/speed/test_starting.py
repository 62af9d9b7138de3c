from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmark.places import ROOT


def test_a_run_ends_with_its_first_update_and_leaves_no_record(tmp_path: Path) -> None:
    words = [
        sys.executable,
        "-m",
        "benchmark.speed.first_update",
        "data.count=16",
        f"store={tmp_path / 'runs'}",
    ]
    made = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert made.returncode == 0, made.stderr
    assert "finished" not in made.stdout
    assert not list((tmp_path / "runs").glob("*/record.json"))


def test_a_command_that_makes_no_update_says_so(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "benchmark.speed.first_update", "--help"]
    made = subprocess.run(
        words, cwd=tmp_path, capture_output=True, text=True, timeout=120, env={"PYTHONPATH": str(ROOT)}
    )
    assert made.returncode == 1
    assert "the run made no update" in made.stderr
