"""Stage for the tests that need a GPU, divided among several processes."""

from __future__ import annotations

import os
import re
import subprocess
import sys

from benchmark.config.compose import ROOT
from benchmark.speed.stage import SHORT, Stage

PROCESSES = 6
STAND_IN = ["tests/training/test_graphs.py", "-k", "replayed_update and (hype_n or pats)"]


def tests(stage: Stage) -> None:
    """Run the tests and report failures."""
    selections = [["tests/cuda", f"--share={number}/{PROCESSES}"] for number in range(PROCESSES)]
    if stage.stand_in:
        selections = [STAND_IN]
    command = [sys.executable, "-m", "pytest", "-q", "--tb=line", "-rfE", "-p", "no:cacheprovider"]
    started = [
        subprocess.Popen(
            [*command, *arguments],
            cwd=ROOT,
            env=os.environ | {"COLUMNS": "1000"},  # otherwise the summary leaves out why a test failed
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for arguments in selections
    ]
    for process, arguments in zip(started, selections, strict=True):
        name = " ".join(arguments[:2])
        try:
            output, _ = process.communicate(timeout=max(stage.left - 2, 1))
        except subprocess.TimeoutExpired:
            process.kill()
            output, _ = process.communicate()
            stage.say(f"{SHORT}: {name} was not through; it had said {output.strip()[-100:]!r}")
            continue
        lines = output.strip().splitlines() or ["nothing"]
        passed = process.returncode == 0 and re.search(r"\d+ passed", lines[-1])
        stage.say(f"{'' if passed else SHORT + ': '}{name}: {lines[-1].strip('= ')}")
        for why, names in by_reason(lines).items():
            stage.say(f"  {why[:300]}: {len(names)} tests, first {names[0]}")


def by_reason(lines: list[str]) -> dict[str, list[str]]:
    """The tests that failed, by the reason given in the ``lines`` of pytest's summary."""
    failed: dict[str, list[str]] = {}
    for line in lines:
        if line.startswith(("FAILED ", "ERROR ")):
            name, _, why = line.split(" ", 1)[1].partition(" - ")
            failed.setdefault(why or "no reason given", []).append(name)
    return failed
