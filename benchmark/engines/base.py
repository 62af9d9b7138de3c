"""Interface of engines, which make a grid's missing runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from benchmark.config.ranges import at_least
from benchmark.config.targets import built
from benchmark.errors import BenchmarkError
from benchmark.grids.grid import Grid, PlannedRun
from benchmark.records.record import Record
from benchmark.records.store import Store


@dataclass(frozen=True)
class Assignment:
    """Runs to be made: those of ``grid`` that ``store`` lacks.

    ``words`` are the words of a command line that mean the grid, for workers elsewhere. ``records`` are the
    grid's existing records. ``workers`` is the number of runs at a time; None leaves it to the engine. A run
    that failed for another worker after the time ``since`` is not tried again; the time is that of the
    store's disk, and None means now.
    """

    grid: Grid
    words: tuple[str, ...]
    missing: list[PlannedRun]
    store: Store
    records: list[Record] = field(default_factory=list)
    workers: int | None = None
    since: float | None = None

    def __post_init__(self) -> None:
        if self.workers is not None and self.workers < 1:
            raise BenchmarkError(f"--workers {self.workers}: at least 1")


@dataclass
class Engine:
    """Interface of an engine, whose choices are in `conf/engine/`. Its fields are its settings."""

    run_minutes: float | None = None  # in which a run must end

    def __post_init__(self) -> None:
        if self.run_minutes is not None:
            at_least("engine.run_minutes", self.run_minutes, 0, strict=True)

    def check(self) -> None:
        """Raises: BenchmarkError if it cannot be used here: not installed, or no cluster."""

    def make(self, asked: Assignment) -> None:
        """Make the missing runs; the store then has a record or a failure of each.

        Raises: BenchmarkError if no run can be made.
        """
        raise NotImplementedError

    def tidy(self, store: Store, ended: Grid | None) -> None:
        """Remove what killed commands have left in a store. The grid ``ended`` has all of its runs."""


def build(settings: dict[str, Any]) -> Engine:
    """The engine of a configuration. Raises: BenchmarkError for a setting that it refuses."""
    return built("engine", settings, Engine)
