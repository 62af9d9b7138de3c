"""Throughput of finished runs, and the hours that planned ones will take at it."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from benchmark.config.schema import RunConfig
from benchmark.records.record import Record, VersionError
from benchmark.records.store import Store

RECENT = 2000  # records to take throughput from; to read a store of 100 000 would take minutes
Workload = tuple[Any, ...]  # model, task, methods, batch size, length and precision


@dataclass
class Measured:
    """Seconds per update and megabytes of finished runs by workload; training examples by task."""

    seconds: dict[Workload, list[float]] = field(default_factory=dict)
    megabytes: dict[Workload, list[float]] = field(default_factory=dict)
    examples: dict[str, int] = field(default_factory=dict)

    def add(self, record: Record, size: float) -> None:
        """Add a finished record, whose files on disk have ``size`` megabytes."""
        config = record.config
        updates = record.curve[-1].step if record.curve else 0
        if record.status != "finished" or not updates:
            return
        protocol, data = config["protocol"], config["data"]
        batch = (protocol["batch_size"], protocol["max_length"], protocol["precision"])
        workload = (config["model"]["name"], config["task"]["name"], tuple(sorted(config["method"])), *batch)
        self.seconds.setdefault(workload, []).append(record.seconds.total / updates)
        self.megabytes.setdefault(workload, []).append(size)
        if data["count"] is None and data["share"] is None:
            self.examples[config["task"]["name"]] = record.examples["train"]

    def hours(self, config: RunConfig) -> float | None:
        """The hours of a planned run, or None if its workload was not measured."""
        rates, updates = self.seconds.get(workload_of(config)), self.updates(config)
        return None if rates is None or updates is None else median(rates) * updates / 3600

    def updates(self, config: RunConfig) -> int | None:
        """The updates of a run, or None if its training set's size is unknown."""
        protocol, data = config.protocol, config.data
        if protocol.steps is not None:
            return protocol.steps
        examples = data.count or self.examples.get(config.task.name)
        if examples is None:
            return None
        if data.share is not None:
            examples = max(1, round(data.share * examples))
        return max(1, round((protocol.epochs or 0) * math.ceil(examples / protocol.batch_size)))

    def size(self, config: RunConfig) -> float | None:
        """The megabytes of a planned run's record, or None if its workload was not measured."""
        sizes = self.megabytes.get(workload_of(config))
        return None if sizes is None else median(sizes)


def workload_of(config: RunConfig) -> Workload:
    """The workload of a planned run; `Measured.add` builds the same for a record."""
    protocol = config.protocol
    batch = (protocol.batch_size, protocol.max_length, protocol.precision)
    return (config.model.name, config.task.name, tuple(sorted(config.method)), *batch)


def measure(store: Store, known: Mapping[str, Record] = {}) -> Measured:
    """Measurements from ``known`` records of the store, by run id, and from its latest others."""
    measured = Measured()
    for name, record in known.items():
        measured.add(record, _megabytes(store.places.get(name, store.folder / name)))
    for folder in _latest_folders(store.folder)[: max(0, RECENT - len(known))]:
        if folder.name in known:
            continue
        try:
            record = Record.from_json(json.loads((folder / "record.json").read_text()))
            measured.add(record, _megabytes(folder))
        except (OSError, ValueError, VersionError):
            continue  # a damaged record is reported when it is used, not here
    return measured


def _megabytes(folder: Path) -> float:
    return sum(part.stat().st_size for part in folder.iterdir()) / 1e6


def _latest_folders(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    with os.scandir(folder) as entries:
        runs = [(entry.stat().st_mtime, entry.path) for entry in entries if len(entry.name) >= 16]
    return [Path(path) for _, path in sorted(runs, reverse=True)[:RECENT]]
