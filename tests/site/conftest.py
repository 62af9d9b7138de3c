"""A small site, made once: a whole table, a part of a figure, one that nobody has run, settings, and hostile text."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmark.config.schema import RunConfig
from benchmark.grids import grid
from benchmark.records.record import Failure, Record
from benchmark.records.store import Store
from benchmark.runs.result import portable
from benchmark.site import making
from helpers.hand_made import HOSTILE, noise, scored
from helpers.records import ARRAYS, ID, RECORD

TABLES = ["demo/noisytune", "noisytune/figure2", "noisytune/figure5", "noisytune/table1"]


@pytest.fixture(scope="session")
def small_store(tmp_path_factory: pytest.TempPathFactory, record_of: Callable[..., Record]) -> Store:
    """A store with all runs of a table, some of those of a figure, one that failed, and a record whose every text is hostile."""
    store = Store(tmp_path_factory.mktemp("site") / "store")
    store.open()

    def score(config: RunConfig) -> float:
        return 70 + 2 * bool(config.method) + noise(config, 0.5)

    for name, seeds in ((TABLES[0], 5), (TABLES[1], 2)):
        planned = grid.load(name)
        runs = [run for run in planned.runs if run.config.seed <= seeds]
        for record in scored(replace(planned, runs=runs), record_of, score).values():
            record.curve.append(replace(record.curve[-1], step=record.curve[-1].step + 2))
            updates = record.curve[-1].step
            store.add(record, {"losses": np.linspace(0.9, 0.3, updates, dtype=np.float32)})
    store.add(hostile(), ARRAYS)
    missing = planned.runs[-1]
    why, when = HOSTILE.replace("\x1b", ""), "2026-01-01T00:00:00+00:00"
    store.add_failure(Failure(missing.run_id, "error", why, "", portable(missing.config), "python", when))
    return store


def hostile() -> Record:
    """A record with markup, escapes and templates wherever it has text."""
    config = deepcopy(RECORD.config)
    config["model"]["label"] = config["task"]["label"] = config["protocol"]["name"] = HOSTILE
    environment = RECORD.environment | {"device": HOSTILE.replace("\x1b", "")}  # a record may have none there
    return replace(deepcopy(RECORD), run_id=ID, config=config, command=HOSTILE, environment=environment)


@pytest.fixture(scope="session")
def built(small_store: Store) -> Path:
    """The folder of its site."""
    output = small_store.folder.parent / "site"
    make(small_store, output)
    return output


def make(
    store: Store, output: Path, names: list[str] = TABLES, overrides: tuple[str, ...] = ()
) -> making.Made:
    """Make a site without a word."""
    return making.make(store, names, overrides, output, lambda: None, lambda *_: None)


@pytest.fixture(name="make")
def make_fixture() -> Iterator[Callable[..., making.Made]]:
    """``make(store, output, names, overrides)``: a site made without a word."""
    logging.disable(logging.WARNING)
    yield make
    logging.disable(logging.NOTSET)
