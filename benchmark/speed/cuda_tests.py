"""Stage for the tests that need a GPU, divided among several processes."""

from __future__ import annotations

import re
import subprocess
import sys

from benchmark.config.compose import ROOT
from benchmark.speed.stage import SHORT, Stage

PROCESSES = 6
STAND_IN = ["tests/training/test_graphs.py", "-k", "replayed_update and (hype_n or pats)"]


def tests(stage: Stage) -> None:
    """Run the tests and report failures."""
    asked = [["tests/cuda", f"--share={one}/{PROCESSES}"] for one in range(PROCESSES)]
    if stage.stand_in:
        asked = [STAND_IN]
    command = [sys.executable, "-m", "pytest", "-q", "--tb=line", "-rfE", "-p", "no:cacheprovider"]
    started = [
        subprocess.Popen(
            [*command, *one], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        for one in asked
    ]
    for process, one in zip(started, asked, strict=True):
        name = " ".join(one[:2])
        try:
            said, _ = process.communicate(timeout=max(stage.left - 2, 1))
        except subprocess.TimeoutExpired:
            process.kill()
            said, _ = process.communicate()
            stage.say(f"{SHORT}: {name} was not through; it had said {said.strip()[-100:]!r}")
            continue
        lines = said.strip().splitlines() or ["nothing"]
        passed = process.returncode == 0 and re.search(r"\d+ passed", lines[-1])
        stage.say(f"{'' if passed else SHORT + ': '}{name}: {lines[-1].strip('= ')}")
        for line in [line for line in lines if line.startswith(("FAILED", "ERROR"))][:20]:
            stage.say(f"  {line[:300]}")
