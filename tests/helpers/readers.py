"""A small store of whole records, and its readers: what each answers, and what it says."""

from __future__ import annotations

import logging
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmark import claims, plan, reproduce
from benchmark.command import OneLine
from benchmark.grids import grid
from benchmark.grids.grid import Grid
from benchmark.records import reading
from benchmark.records.store import Store
from benchmark.report.numbers.frame import scores
from benchmark.report.numbers.planned import with_floors
from benchmark.runs import tracking
from benchmark.runs.hits import Hits
from benchmark.runs.run import Run, run
from benchmark.runs.told import Told
from helpers.hand_made import claim

TABLE = "demo/noisytune"
CHANGES = ("task=opinion", "seed=1,2", "protocol.epochs=null", "protocol.steps=3", "data.count=64")
CACHE = Path(__file__).parents[2] / ".cache"
LIMIT = 10  # seconds of one question


def store_of(planned: Grid) -> Store:
    return Store(planned.runs[0].config.store)


def damaged(planned: Grid) -> str:
    """The id of the run whose record is damaged: the first with a method."""
    return next(one.run_id for one in planned.runs if one.config.method)


class Heard(tracking.Tracker):
    def __init__(self, told: list[str]) -> None:
        self.told = told

    def track(self, record: Any, arrays: Any, purpose: Any, new: bool) -> None:
        Told.of(record, arrays)
        self.told.append(record.run_id)


def by_plan(planned: Grid) -> Any:
    rows = map(str.split, plan.plan([TABLE], [], False).splitlines())
    return next(row[1:4] for row in rows if row[:1] == [TABLE])  # runs, done, to do


def by_report(planned: Grid) -> Any:
    hits = Hits(store_of(planned))
    records, missing = reproduce.look_up(planned, hits)
    frame = with_floors(planned, scores(planned, records), hits.store.arrays)
    for run_id in records:
        hits.store.arrays(run_id)
    shown = frame[["run_id", "status", "score"]]
    return shown, {one.run_id for one in missing}, set(hits.unknown)


def by_ledger(planned: Grid) -> Any:
    return claims.Judging(store_of(planned), [])(TABLE)


def by_tracker(planned: Grid) -> Any:
    told: list[str] = []
    store = store_of(planned)
    for one in planned.runs:
        try:
            record = store.find(one.run_id)
        except reading.UnreadableError as error:
            logging.getLogger("tracker").warning("%s", error)
            continue
        if record is not None:
            arrays = store.arrays(one.run_id)
            tracking.Tracking({"_target_": "heard"}).track(record, lambda found=arrays: found, None, True)
    return told


READERS: dict[str, Callable[[Grid], Any]] = {
    "plan": by_plan,
    "report": by_report,
    "ledger": by_ledger,
    "tracker": by_tracker,
}


@contextmanager
def limited() -> Iterator[None]:
    """No reader waits for ever."""

    def late(*_: object) -> None:
        raise AssertionError("a reader waits")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(LIMIT)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def tree(folder: Path) -> dict[str, Any]:
    """Everything in a store, by path."""
    return {
        str(path.relative_to(folder)): (path.lstat().st_mode, path.lstat().st_size, path.lstat().st_mtime_ns)
        for path in folder.rglob("*")
    }


def asked(
    planned: Grid, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> dict[str, tuple[Any, list[str]]]:
    """By reader: what it answers, and its lines as a terminal shows them. Nothing in the store has changed."""
    told: list[str] = []
    monkeypatch.setattr(tracking, "build", lambda _: Heard(told))
    monkeypatch.setattr(tracking, "broken", set())
    before, answers = tree(store_of(planned).folder), {}
    for name, reader in READERS.items():
        caplog.clear()
        with limited():
            answer = reader(planned)
        lines = [OneLine("%(message)s").format(record) for record in caplog.records]
        assert all(line.isprintable() and len(line) < 1000 for line in lines)
        answers[name] = told if name == "tracker" else answer, lines
    assert tree(store_of(planned).folder) == before
    assert tracking.broken == set()
    return answers


def made(folder: Path) -> Grid:
    """A grid of four runs, whose records it makes in ``folder``."""
    planned = grid.load(TABLE, [*CHANGES, f"store={folder}", f"cache={CACHE}"])
    for one in planned.runs:
        run(Run(one.config))
    shutil.rmtree(folder / "unfinished", ignore_errors=True)
    return replace(planned, table=planned.table | {"claims": [claim(where=["opinion"])]})


def copied(planned: Grid, folder: Path) -> Grid:
    """The same grid, with a copy of its store in ``folder``."""
    shutil.copytree(store_of(planned).folder, folder)
    runs = [replace(one, config=replace(one.config, store=str(folder))) for one in planned.runs]
    return replace(planned, runs=runs)
