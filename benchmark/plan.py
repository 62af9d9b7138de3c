"""`python -m benchmark.plan TABLE… | all`: a table's runs, done and to do, and hours."""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from benchmark.command import carried_out, parse
from benchmark.config.schema import RunConfig
from benchmark.errors import BenchmarkError
from benchmark.grids import grid
from benchmark.grids.grid import Grid, PlannedRun
from benchmark.records.record import Record, VersionError
from benchmark.records.store import Store
from benchmark.runs.hits import Hits

DESCRIPTION = """\
Say what tables of sweeps/ would run, and what of it the store has; nothing is run.

  python -m benchmark.plan noisytune/table2 hype/table1
  python -m benchmark.plan noisytune/table2 model=minilm task=rte
  python -m benchmark.plan all

Hours are of one worker: seconds per update, measured where runs of the same model, task and methods are in
the store, times the updates to do. Runs that nothing was measured for are counted apart.
"""
RECENT = 2000  # records to take throughput from; to read a store of 100 000 would take minutes
UNKNOWN = "unknown"
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


def measure(store: Store, first: Iterable[str] = ()) -> Measured:
    """Measurements from the store's latest records, after the runs named by ``first``."""
    measured = Measured()
    folders = dict.fromkeys([*(store.folder / name for name in first), *_latest_folders(store.folder)])
    for folder in list(folders)[:RECENT]:
        try:
            record = Record.from_json(json.loads((folder / "record.json").read_text()))
            measured.add(record, sum(part.stat().st_size for part in folder.iterdir()) / 1e6)
        except (OSError, ValueError, VersionError):
            continue  # a damaged record is reported when it is used, not here
    return measured


def _latest_folders(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    with os.scandir(folder) as entries:
        runs = [(entry.stat().st_mtime, entry.path) for entry in entries if len(entry.name) >= 16]
    return [Path(path) for _, path in sorted(runs, reverse=True)[:RECENT]]


@dataclass(frozen=True)
class Row:
    """The plan of one table; hours and megabytes are of measured runs to do."""

    name: str
    runs: int
    done: int
    shared: int
    hours: float
    megabytes: float
    unknown: int

    @property
    def to_do(self) -> int:
        """Runs that the store does not have."""
        return self.runs - self.done


def rows(grids: Sequence[Grid], done: set[str], measured: Measured) -> list[Row]:
    """The plan of every grid; a run is ``shared`` if another grid has it."""
    tables = Counter(name for planned in grids for name in {run.run_id for run in planned.runs})
    plans = []
    for planned in grids:
        runs = {run.run_id: run for run in planned.runs}
        missing = [run.config for name, run in runs.items() if name not in done]
        hours = [measured.hours(config) for config in missing]
        sizes = [measured.size(config) or 0.0 for config in missing]
        plans.append(
            Row(
                name=planned.name,
                runs=len(runs),
                done=len(runs) - len(missing),
                shared=sum(tables[name] > 1 for name in runs),
                hours=sum(hour for hour in hours if hour is not None),
                megabytes=sum(sizes),
                unknown=hours.count(None),
            )
        )
    return plans


def total(grids: Sequence[Grid], done: set[str], measured: Measured) -> Row:
    """The plan of all grids together; a shared run counts once."""
    runs: dict[str, PlannedRun] = {run.run_id: run for planned in grids for run in planned.runs}
    together = Grid("together", grids[0].table, {}, {}, list(runs.values()))
    return rows([together], done, measured)[0]


def render(plans: list[Row], last: Row | None) -> str:
    """The plan as a table for the terminal."""
    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("Table", "runs", "done", "to do", "shared", "hours", "MB", "not measured"):
        shown.add_column(name, justify="left" if name == "Table" else "right")
    for row in [*plans, *([last] if last else [])]:
        known = row.unknown < row.to_do or not row.to_do
        numbers = (row.runs, row.done, row.to_do, row.shared if row is not last else "")
        estimates = (f"{row.hours:.1f}", f"{row.megabytes:.0f}") if known else (UNKNOWN, UNKNOWN)
        shown.add_row(row.name, *map(str, numbers), *estimates, str(row.unknown or ""))
    console = Console(width=140, color_system=None)
    with console.capture() as captured:
        console.print(shown)
    lines = (line.rstrip() for line in captured.get().splitlines())
    return "\n".join(line for line in lines if line)


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status: 0, or 2 for a refusal."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmark.plan",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "tables", metavar="TABLE", nargs="*", help="tables of sweeps/ or `all`, and overrides"
    )
    parser.add_argument("--args", default="", metavar="STRING", help="more of these in one string, for make")
    parser.add_argument("--smoke", action="store_true", help="of the smoke runs")
    options = parse(parser, arguments)

    def work() -> int:
        overrides = [argument for argument in options.tables if "=" in argument]
        names = [argument for argument in options.tables if argument not in overrides]
        print(plan(grid.tables(overrides) if names == ["all"] else names, overrides, options.smoke))
        return 0

    return carried_out(work)


def plan(names: Sequence[str], overrides: Sequence[str], smoke: bool) -> str:
    """The plan of tables as text.

    Raises: BenchmarkError for a table that does not exist, or for none at all.
    """
    if not names:
        raise BenchmarkError(f"name a table, or all (valid: {', '.join(grid.tables(overrides))})")
    grids = [grid.load(name, overrides, smoke) for name in names]
    first = next((run for planned in grids for run in planned.runs), None)
    store = Store(first.config.store if first else "")
    wanted = {run.run_id: run.config for planned in grids for run in planned.runs}
    hits = Hits(store)
    done = {name for name, config in wanted.items() if hits.find(config, name) is not None}
    measured = measure(store, sorted(done)) if first else Measured()
    last = total(grids, done, measured) if len(grids) > 1 else None
    return render(rows(grids, done, measured), last)


if __name__ == "__main__":
    sys.exit(main())
