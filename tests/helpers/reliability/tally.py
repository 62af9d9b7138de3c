"""The outcome of an experiment: the stores that it left beside that of a grid that nobody disturbed."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmark.records.lease import LEASES
from benchmark.records.store import Store
from benchmark.records.workers import WORKERS

NOISE = ("Traceback", "(raylet)", "core_worker", "slurmstepd: error")


@dataclass
class Tally:
    """Counts over the grids of an experiment. See `faults` for those that should be zero."""

    signals: Counter[str] = field(default_factory=Counter)
    grids: int = 0
    records: int = 0
    drivers: int = 0
    lost: int = 0
    other_bits: int = 0
    twice: int = 0
    living_on: int = 0
    noise: int = 0
    litter: list[str] = field(default_factory=list)
    begun: float = field(default_factory=time.monotonic)

    @property
    def minutes(self) -> float:
        """Minutes since it was begun."""
        return (time.monotonic() - self.begun) / 60

    def judge(self, folder: Path, undisturbed: Store) -> None:
        """Count what is in ``folder`` of a grid that has ended."""
        store = Store(folder / "store")
        trained = Counter((folder / "trained").read_text().split())
        names = sorted(path.parent.name for path in undisturbed.folder.glob("*/record.json"))
        self.grids += 1
        for name in names:
            ours, theirs = store.find(name), undisturbed.find(name)
            if ours is None or theirs is None:
                self.lost += 1
                continue
            self.records += 1
            arrays, expected = store.arrays(name), undisturbed.arrays(name)
            same = (ours.scores, ours.curve) == (theirs.scores, theirs.curve)
            same = same and arrays.keys() == expected.keys()
            self.other_bits += not (
                same and all(np.array_equal(arrays[key], expected[key]) for key in expected)
            )
        self.twice += sum(count - 1 for count in trained.values())
        folders = [store.folder / LEASES, store.folder / WORKERS, store.folder / "unfinished"]
        left = [path for place in folders if place.is_dir() for path in place.iterdir()]
        left += [*store.folder.glob(".writing-*"), *store.folder.glob("set-aside")]
        left += [*store.folder.glob("logs/**/*.pkl"), *store.folder.glob("logs/**/*.sh")]
        self.litter += [str(path.relative_to(store.folder)) for path in left]
        said = [*folder.glob("said-*"), *store.folder.glob("logs/**/*.err")]
        self.noise += sum(any(words in path.read_text(errors="replace") for words in NOISE) for path in said)

    def faults(self) -> dict[str, object]:
        """The counts that should be zero, by their names in a table."""
        return {
            "records lost or damaged": self.lost,
            "records with other bits than undisturbed": self.other_bits,
            "runs trained to their end more than once": self.twice,
            "processes that lived on": self.living_on,
            "files left over": ", ".join(self.litter) or 0,
            "commands that said what users need not see": self.noise,
        }

    def rows(self) -> dict[str, object]:
        """The cells of a table's column, by their names."""
        sent = ", ".join(f"{name} {count}" for name, count in sorted(self.signals.items()))
        return {
            "signals": f"{self.signals.total()}: {sent}" if sent else 0,
            "grids, drivers, records": f"{self.grids}, {self.drivers}, {self.records}",
            **self.faults(),
            "minutes": f"{self.minutes:.0f}",
        }
