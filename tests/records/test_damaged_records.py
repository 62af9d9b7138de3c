"""One damaged record of a store: it is named once, costs one run, and nothing is moved, for every reader."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmark.grids import grid
from benchmark.grids.grid import Grid
from benchmark.runs import tracking
from benchmark.runs.finished import load_records
from helpers import damage, readers
from helpers.readers import Heard, asked, damaged, store_of


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Grid:
    """A grid of four runs with their records."""
    return readers.made(tmp_path_factory.mktemp("whole") / "store")


@pytest.fixture
def planned(whole: Grid, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Grid:
    """The grid with a store of the test's own; every command loads it."""
    planned = readers.copied(whole, tmp_path / "store")
    monkeypatch.setattr(grid, "load", lambda *_: planned)
    return planned


@pytest.fixture(scope="module")
def usual(whole: Grid) -> pd.DataFrame:
    """The scores of the undamaged store, one row per run."""
    return readers.by_report(whole)[0]


@pytest.mark.parametrize(("kind", "name"), damage.VARIANTS, ids=lambda value: value)
def test_a_damaged_record_is_named_once_and_costs_its_run_alone(
    kind: str,
    name: str,
    planned: Grid,
    usual: pd.DataFrame,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    victim, every = damaged(planned), {one.run_id for one in planned.runs}
    damage.damage(store_of(planned).folder / victim, kind, name)
    answers = asked(planned, caplog, monkeypatch)
    lost = kind != "arrays"
    for reader, (_, lines) in answers.items():
        assert len(lines) == (0 if kind == "arrays" and reader == "plan" else 1), (reader, lines)
        assert all(victim in line for line in lines)
    shown, missing, unknown = answers["report"][0]
    assert missing == ({victim} if lost and kind != "unknown" else set())
    assert unknown == ({victim} if kind == "unknown" else set())
    assert answers["plan"][0] == ["4", "3" if lost else "4", str(len(missing))]
    assert set(answers["tracker"][0]) == (every - {victim} if lost else every)
    others = usual["run_id"] != (victim if lost else "")
    pd.testing.assert_frame_equal(shown[others], usual[others])
    status, score = shown.set_index("run_id").loc[victim]
    assert not lost or (status == "missing" and np.isnan(score))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("-1", "no JSON"),
        ("-1", "[]"),
        ("-x", "{}"),
        ("-1", '{"run_id": 7}'),
        ("-1", "[" * 100_000),
        ("-", "null"),
    ],
)
def test_a_failure_that_cannot_be_read_is_passed_over_with_a_line(
    name: str, content: str, planned: Grid, caplog: pytest.LogCaptureFixture
) -> None:
    store = store_of(planned)
    (store.folder / "failures").mkdir()
    path = store.folder / "failures" / f"{damaged(planned)}{name}.json"
    path.write_text(content)
    assert store.failures(damaged(planned)) == []
    assert [record.getMessage().count(path.name) for record in caplog.records] == [1]


def test_a_tracker_goes_on_after_a_record_that_it_cannot_be_told(
    planned: Grid, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(tracking, "build", lambda _: Heard(told))
    monkeypatch.setattr(tracking, "broken", set())
    first, second, *_ = load_records(planned).values()
    bad = replace(first, config={"method": {}})
    for record in (bad, second):
        tracking.Tracking({"_target_": "heard"}).track(record, dict, None, True)
    assert told == [second.run_id]
    [line] = caplog.records
    assert f"the record {bad.run_id} cannot be told" in line.getMessage()
