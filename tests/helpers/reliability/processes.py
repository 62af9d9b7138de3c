"""The processes of an experiment, found by an environment variable that they inherit, and what each of them is."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

MARK = "RELIABILITY_OF"
TOLD = {  # by what a command line has, in this order
    "benchmark.reproduce": "driver",
    "benchmark.worker": "worker",
    "raylet/raylet": "Ray node",
    "ray::work": "process of Ray",
    "slurm_script": "process of Slurm's job",
    "submitit": "process of Slurm's job",
    "srun": "process of Slurm's job",
    "slurmstepd": "slurmstepd",
    "slurmd": "slurmd",
}
STAYING = ("Ray node", "slurmd")  # of a place, when no grid is made


@dataclass(frozen=True)
class Process:
    """A living process: its parent's number, and its command line."""

    parent: int
    words: str


def living(mark: str) -> dict[int, Process]:
    """The processes that have inherited ``mark``, this one apart, by number."""
    there = {}
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            state = (path / "stat").read_text().rpartition(")")[2].split()
            ours = f"{MARK}={mark}".encode() in (path / "environ").read_bytes().split(b"\0")
            words = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if ours and state[0] != "Z" and path.name != str(os.getpid()):
                there[int(path.name)] = Process(int(state[1]), words)
    return there


def family(mark: str) -> dict[int, str]:
    """The kinds of the processes that make grids now, by number."""
    there, kinds = living(mark), {}
    for pid, process in there.items():
        if "resource_tracker" in process.words:
            continue
        if "forkserver" in process.words:
            above = there.get(process.parent)
            forked = above is not None and "forkserver" in above.words
            kinds[pid] = "run" if forked else "server"
        elif kind := next((kind for words, kind in TOLD.items() if words in process.words), None):
            kinds[pid] = kind
    return kinds


def makers(mark: str) -> list[int]:
    """The processes that should be gone once no grid is made any more."""
    return [pid for pid, kind in family(mark).items() if kind not in STAYING]
