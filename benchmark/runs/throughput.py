"""Throughput of finished runs, and the hours that planned ones will take at it."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from benchmark.config.schema import RunConfig
from benchmark.records.reading import DamagedError, UnreadableError, record_at
from benchmark.records.record import Record, VersionError
from benchmark.records.store import Store

ID = 16  # letters of a run's id
RECENT = 2000  # records to take throughput from; to read a store of 100 000 would take minutes
Workload = tuple[Any, ...]  # model, task, methods, batch size, length and precision


@dataclass(frozen=True)
class Work:
    """The work of a planned run: its workload, and the settings that decide its number of updates."""

    workload: Workload
    task: str
    batch_size: int
    epochs: float | None
    steps: int | None
    count: int | None
    share: float | None


@dataclass(frozen=True)
class RunCost:
    """The cost of a finished run of a workload: seconds per update, and megabytes.

    ``examples`` are those of the task's whole training set; None if the run had a part of it.
    """

    workload: Workload
    seconds: float
    megabytes: float
    task: str
    examples: int | None


@dataclass
class Measured:
    """Seconds per update and megabytes of finished runs by workload; training examples by task."""

    seconds: dict[Workload, list[float]] = field(default_factory=dict)
    megabytes: dict[Workload, list[float]] = field(default_factory=dict)
    examples: dict[str, int] = field(default_factory=dict)

    def add(self, record: Record, size: float) -> None:
        """Add a finished record, whose files on disk have ``size`` megabytes."""
        if (cost := cost_of(record, size)) is not None:
            self.take(cost)

    def take(self, cost: RunCost) -> None:
        """Add the cost of a run."""
        self.seconds.setdefault(cost.workload, []).append(cost.seconds)
        self.megabytes.setdefault(cost.workload, []).append(cost.megabytes)
        if cost.examples is not None:
            self.examples[cost.task] = cost.examples

    def hours(self, config: RunConfig) -> float | None:
        """The hours of a planned run, or None if its workload was not measured."""
        return self.hours_of(work_of(config))

    def hours_of(self, work: Work) -> float | None:
        """The hours of so much ``work``, or None if its workload was not measured."""
        rates, updates = self.seconds.get(work.workload), self.updates(work)
        return None if rates is None or updates is None else median(rates) * updates / 3600

    def updates(self, work: Work) -> int | None:
        """The updates of a run, or None if its training set's size is unknown."""
        if work.steps is not None:
            return work.steps
        examples = work.count or self.examples.get(work.task)
        if examples is None:
            return None
        if work.share is not None:
            examples = max(1, round(work.share * examples))
        return max(1, round((work.epochs or 0) * math.ceil(examples / work.batch_size)))

    def size(self, config: RunConfig) -> float | None:
        """The megabytes of a planned run's record, or None if its workload was not measured."""
        sizes = self.megabytes.get(workload_of(config))
        return None if sizes is None else median(sizes)


def work_of(config: RunConfig) -> Work:
    """The work of a planned run."""
    protocol, data = config.protocol, config.data
    amount = (protocol.batch_size, protocol.epochs, protocol.steps, data.count, data.share)
    return Work(workload_of(config), config.task.name, *amount)


def workload_of(config: RunConfig) -> Workload:
    """The workload of a planned run; `Measured.add` builds the same for a record."""
    protocol = config.protocol
    batch = (protocol.batch_size, protocol.max_length, protocol.precision)
    return (config.model.name, config.task.name, tuple(sorted(config.method)), *batch)


def cost_of(record: Record, size: float) -> RunCost | None:
    """The cost of a run with ``size`` megabytes of files; None if unfinished."""
    config = record.config
    updates = record.curve[-1].step if record.curve else 0
    if record.status != "finished" or not updates:
        return None
    protocol, data, task = config["protocol"], config["data"], config["task"]["name"]
    batch = (protocol["batch_size"], protocol["max_length"], protocol["precision"])
    workload = (config["model"]["name"], task, tuple(sorted(config["method"])), *batch)
    whole = data["count"] is None and data["share"] is None
    return RunCost(
        workload, record.seconds.total / updates, size, task, record.examples["train"] if whole else None
    )


def costs(store: Store, records: Mapping[str, Record]) -> dict[str, RunCost | None]:
    """Costs of the runs of a store's ``records`` by run id; None for unfinished ones."""
    sizes = {name: _megabytes(store.places.get(name, store.folder / name)) for name in records}
    return {name: cost_of(record, sizes[name]) for name, record in records.items()}


def measure(store: Store, known: Mapping[str, RunCost | None] = {}) -> Measured:
    """Measurements from ``known`` costs by run id, and from the store's latest others."""
    measured = Measured()
    for cost in known.values():
        if cost is not None:
            measured.take(cost)
    for folder in _latest_folders(store.folder)[: max(0, RECENT - len(known))]:
        if folder.name in known:
            continue
        try:
            record = record_at(folder, folder.name[:ID])
            if record is not None:
                measured.add(record, _megabytes(folder))
        except (DamagedError, UnreadableError, VersionError):
            continue  # such a record is reported when it is used, not here
    return measured


def _megabytes(folder: Path) -> float:
    try:
        with os.scandir(folder) as parts:
            return sum(part.stat(follow_symlinks=False).st_size for part in parts) / 1e6
    except OSError:  # it was moved since, or may not be listed
        return 0.0


def _latest_folders(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    with os.scandir(folder) as entries:
        runs = [
            (entry.stat(follow_symlinks=False).st_mtime, entry.path)
            for entry in entries
            if len(entry.name) >= ID
        ]
    return [Path(path) for _, path in sorted(runs, reverse=True)[:RECENT]]
