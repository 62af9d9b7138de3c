"""User CPU seconds of commands from their first moment, beside those of `import torch`."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Mapping

from benchmark.places import ROOT

HEADER = ["command", "user CPU seconds", "times import torch", "aim"]
TORCH = "import torch"
TABLE = "demo/noisytune"
AIMED = 3.5  # seconds of TORCH on the machine of the aims
NEW, KEPT = (
    "store={new}",
    "store={kept}",
)  # a new store for each command, and one store that has all runs the second time
#: By name: the seconds aimed at, where TORCH takes AIMED, and a command.
COMMANDS: dict[str, tuple[float, list[str]]] = {
    "help": (1, ["benchmark", "--help"]),
    "help of a command": (1, ["benchmark.reproduce", "--help"]),
    "plan of one table": (2, ["benchmark.plan", "demo/noisytune", NEW]),
    "plan of all tables": (8, ["benchmark.plan", "all", NEW]),
    "a table again, all in the store": (
        2.5,
        ["benchmark.reproduce", "demo/noisytune", "task=opinion", KEPT, "--output", "{kept}-tables"],
    ),
    "first update of a run, embedded encoder": (AIMED + 4, ["benchmark.speed.first_update", NEW]),
    "first update of a run, MiniLM": (AIMED + 9, ["benchmark.speed.first_update", "model=minilm", NEW]),
}


def starts(commands: Mapping[str, tuple[float, list[str]]] = COMMANDS) -> list[list[str]]:
    """Rows: a command, its user CPU seconds, their ratio to those of `import torch`, and the aim.

    Raises: subprocess.CalledProcessError for a command that fails.
    """
    torch = min(user_seconds(["-c", TORCH]) for _ in range(2))
    rows = [[TORCH, f"{torch:.2f}", "1.0", ""]]
    for name, (aim, words) in commands.items():
        with tempfile.TemporaryDirectory() as folder:
            stores = [{"new": f"{folder}/{number}", "kept": f"{folder}/kept"} for number in range(2)]
            took = [user_seconds(["-m", *(word.format(**store) for word in words)]) for store in stores]
        rows.append([name, f"{took[1]:.2f}", f"{took[1] / torch:.1f}", f"{aim / AIMED:.1f}"])
    return rows


def user_seconds(words: list[str]) -> float:
    """User CPU seconds of a Python process and its children, on one thread."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, *words], check=True, cwd=ROOT, env=environment, capture_output=True)
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
