"""The command of a cluster's workers: one grid, one store, and one version of code and data, everywhere."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from benchmark.engines.base import Assignment
from benchmark.engines.stamp import leave_stamp

LOGS = "logs"
# Environment variables that workers on other machines get: places of data and trusted packages, no secrets.
PASSED_ON = (
    "BENCHMARK_TRUSTED",
    "HF_DATASETS_CACHE",
    "HF_HOME",
    "HF_HUB_CACHE",
    "HF_HUB_OFFLINE",
    "PYTHONPATH",
)


@dataclass(frozen=True)
class Workplace:
    """The words of the worker's command, with the folder and variables of its process."""

    words: tuple[str, ...]
    folder: str
    environment: dict[str, str]


@dataclass(frozen=True)
class Begun:
    """A grid whose stamp lies in its store: ``STORE/logs/STAMP/`` has the output of its workers."""

    stamp: str
    logs: Path
    place: Workplace


def begin(asked: Assignment, cpus: float, minutes: float | None) -> Begun:
    """Leave a grid's stamp in its store; return the command of workers with ``cpus`` CPUs."""
    stamp, store = leave_stamp(asked.grid, asked.store), asked.store.folder.resolve()
    logs = store / LOGS / stamp
    logs.mkdir(parents=True, exist_ok=True)
    at_a_time = max(1, int(cpus // threads_of(asked)))
    words = [*asked.words, "--store", str(store), "--workers", str(at_a_time), "--stamp", stamp]
    limit = [] if minutes is None else ["--minutes", f"{minutes:g}"]
    environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    return Begun(stamp, logs, Workplace((*words, *limit), os.getcwd(), environment))


def threads_of(asked: Assignment) -> int:
    """The CPU threads of a run of the grid."""
    return max(run.config.threads for run in asked.missing)
