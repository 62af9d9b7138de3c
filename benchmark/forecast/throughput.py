"""Rates of finished runs by workload and device, for planned runs of the same workload.

A rate is measured on steady updates only. A smoke run is too short for one. The loading time of a process's
first run includes imports, so only its updates and evaluations count.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from benchmark.config.schema import RunConfig
from benchmark.records.reading import DamagedError, UnreadableError, record_at
from benchmark.records.record import FINISHED, Record, VersionError
from benchmark.records.store import Store

ID = 16  # letters of a run's id
RECENT = 2000  # records to take rates from; to read a store of 100 000 would take minutes
STEADY = 20  # updates; a run of fewer has no typical one
Workload = tuple[Any, ...]  # model, task, methods, batch size, length and precision


@dataclass(frozen=True)
class RunCost:
    """The cost of a finished run of a workload: seconds of an update, an evaluation and loading, and megabytes.

    ``steady`` is false for a run too short for a rate, or that was interrupted. ``device`` is its name in the
    record. ``memory`` is the peak in bytes. ``examples`` counts the task's whole training set; None if the
    run had only a part of it.
    """

    workload: Workload
    device: str
    update: float
    evaluation: float
    loading: float
    megabytes: float
    memory: float | None
    task: str
    examples: int | None
    steady: bool = True


@dataclass(frozen=True)
class MeasuredRates:
    """The medians of a workload's runs on a device; ``loading`` is None if it may include imports."""

    update: float
    evaluation: float
    loading: float | None
    megabytes: float
    memory: float | None


@dataclass
class Measured:
    """Costs of finished runs by workload; training examples by task."""

    costs: dict[Workload, list[RunCost]] = field(default_factory=dict)
    examples: dict[str, int] = field(default_factory=dict)

    def add(self, record: Record, size: float) -> None:
        """Add a finished record, whose files on disk have ``size`` megabytes."""
        if (cost := cost_of(record, size)) is not None:
            self.take(cost)

    def take(self, cost: RunCost) -> None:
        """Add the cost of a run."""
        if cost.examples is not None:
            self.examples[cost.task] = cost.examples
        if cost.steady:
            self.costs.setdefault(cost.workload, []).append(cost)

    def rates(self, workload: Workload, device: str) -> MeasuredRates | None:
        """The rates of a workload on devices whose name begins with ``device``.

        None if it was not measured there.
        """
        costs = [cost for cost in self.costs.get(workload, ()) if cost.device.startswith(device)]
        if not costs:
            return None
        peaks = [cost.memory for cost in costs if cost.memory is not None]
        return MeasuredRates(
            update=median(cost.update for cost in costs),
            evaluation=median(cost.evaluation for cost in costs),
            loading=min(cost.loading for cost in costs) if len(costs) > 1 else None,
            megabytes=median(cost.megabytes for cost in costs),
            memory=max(peaks, default=None),
        )


def workload_of(config: RunConfig) -> Workload:
    """The workload of a planned run; `cost_of` builds the same for a record."""
    protocol = config.protocol
    batch = (protocol.batch_size, protocol.max_length, protocol.precision)
    return (config.model.name, config.task.name, tuple(sorted(config.method)), *batch)


def cost_of(record: Record, size: float) -> RunCost | None:
    """The cost of a run with ``size`` megabytes of files; None if unfinished."""
    config, seconds = record.config, record.seconds
    updates = record.curve[-1].step if record.curve else 0
    if record.status != FINISHED or not updates:
        return None
    protocol, data, task = config["protocol"], config["data"], config["task"]["name"]
    batch = (protocol["batch_size"], protocol["max_length"], protocol["precision"])
    whole = data["count"] is None and data["share"] is None
    return RunCost(
        workload=(config["model"]["name"], task, tuple(sorted(config["method"])), *batch),
        device=str(record.environment.get("device", "")),
        update=seconds.per_update,
        evaluation=seconds.evaluate / len(record.curve),
        loading=max(0.0, seconds.total - seconds.train - seconds.evaluate - seconds.probes),
        megabytes=size,
        memory=record.memory.peak,
        task=task,
        examples=record.examples["train"] if whole else None,
        steady=updates >= STEADY and not record.resumed,
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
