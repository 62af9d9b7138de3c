"""The page of runs that failed, diverged or collapsed, and the ways that lead to it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmark.grids import grid
from benchmark.records.record import Failure, Record
from benchmark.records.store import Store
from benchmark.runs.result import portable
from benchmark.site import failed_runs
from helpers.hand_made import HOSTILE, scored

TABLE = "demo/noisytune"
PAGE = "failed.html"


@pytest.fixture(scope="module")
def runs() -> list[grid.PlannedRun]:
    return grid.load(TABLE).runs


@pytest.fixture
def store(tmp_path: Path, record_of: Callable[..., Record], runs: list[grid.PlannedRun]) -> Store:
    """A store with a run that failed twice, one that diverged, one that collapsed, and one that is well."""
    store = Store(tmp_path / "store")
    store.open()
    planned = grid.load(TABLE)
    records = scored(replace(planned, runs=planned.runs[1:4]), record_of, lambda _: 70.0)
    diverged, collapsed, well = records.values()
    store.add(
        replace(diverged, status="diverged", diverged_at=3, curve=[], scores={}),
        {"losses": np.array([0.7, 0.9, np.nan], np.float32)},
    )
    store.add(replace(collapsed, collapsed=["validation"]), {"losses": np.ones(2, np.float32)})
    store.add(well, {"losses": np.ones(2, np.float32)})
    for number in (1, 2):
        store.add_failure(failure(runs[0], f"out of luck at /home/somebody/data/{number}"))
    store.add_failure(failure(runs[3], "a try before the one that went well"))
    return store


def failure(run: grid.PlannedRun, error: str) -> Failure:
    config = portable(run.config)
    return Failure(run.run_id, "error", error, "", config, "python -m benchmark", "2026-02-03T00:00:00+00:00")


def rows(folder: Path) -> list[str]:
    return [part.partition("</tr>")[0] for part in (folder / PAGE).read_text().split("<tr data-")[1:]]


def test_every_run_that_did_not_end_well_is_named_with_its_reason(store, make, runs, tmp_path):
    make(store, tmp_path / "site", [TABLE])
    failed, diverged, collapsed = rows(tmp_path / "site")
    assert runs[0].run_id in failed
    assert "error: out of luck at …/2 (2 times)" in failed
    assert "embedded opinion [plain fine-tuning] seed 1" in failed
    assert f'href="runs/{runs[1].run_id}.html"' in diverged
    assert "a loss or an output was not a finite number by update 3" in diverged
    assert f'href="runs/{runs[2].run_id}.html"' in collapsed
    assert "one answer to everything on validation" in collapsed
    assert all(
        f'data-table="{TABLE}"' in row and "tables/demo-noisytune.html" in row
        for row in rows(tmp_path / "site")
    )


def test_the_overview_a_table_and_a_run_lead_there(store, make, runs, tmp_path):
    make(store, tmp_path / "site", [TABLE])
    index = (tmp_path / "site/index.html").read_text()
    assert '<dt>Failed, diverged or collapsed</dt><dd><a href="failed.html">3</a>' in index
    table = (tmp_path / "site/tables/demo-noisytune.html").read_text()
    assert '3 runs failed, diverged or collapsed: <a href="../failed.html#table=demo/noisytune">' in table
    page = (tmp_path / f"site/runs/{runs[1].run_id}.html").read_text()
    assert '<a href="../failed.html">a loss or an output was not a finite number by update 3</a>' in page


def test_a_failure_that_was_mended_is_gone_from_a_page_that_is_kept(store, make, runs, record_of, tmp_path):
    make(store, tmp_path / "site", [TABLE])
    planned = grid.load(TABLE)
    [record] = scored(replace(planned, runs=runs[:1]), record_of, lambda _: 70.0).values()
    store.add(record, {"losses": np.ones(2, np.float32)})
    made = make(store, tmp_path / "site", [TABLE])
    assert (made.tables, made.runs) == (1, 1)
    assert ["diverged" in row for row in rows(tmp_path / "site")] == [True, False]
    assert (
        "2 runs failed, diverged or collapsed" in (tmp_path / "site/tables/demo-noisytune.html").read_text()
    )


def test_what_cannot_be_read_is_said_and_hostile_text_is_shown_as_it_is(store, make, runs, tmp_path):
    store.add_failure(failure(runs[0], HOSTILE))
    (store.folder / "failures" / f"{runs[4].run_id}-1.json").write_text("{")
    other = failure(runs[5], "").to_json() | {"version": 99}
    (store.folder / "failures" / f"{runs[5].run_id}-1.json").write_text(json.dumps(other))
    make(store, tmp_path / "site", [TABLE])
    text = (tmp_path / "site" / PAGE).read_text()
    assert "1 failures cannot be read" in text
    assert "of version 99" in text
    assert "&lt;img src=x" in text
    assert "<img" not in text
    assert "\x1b" not in text


def test_a_table_whose_records_are_of_another_version_has_a_page_that_says_so(store, make, runs, tmp_path):
    path = store.folder / runs[1].run_id / "record.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"version": 99}))
    made = make(store, tmp_path / "site", [TABLE], (f"store={store.folder}",))
    assert len(made.problems) == 1
    page = (tmp_path / "site/tables/demo-noisytune.html").read_text()
    assert "cannot be shown" in page
    assert "of version 99" in page
    assert str(tmp_path) not in page
    assert (tmp_path / "site/index.html").is_file()


def test_a_store_without_such_runs_says_so(make, tmp_path):
    make(Store(tmp_path / "none"), tmp_path / "site", [TABLE])
    assert "There is no such run in this store." in (tmp_path / "site" / PAGE).read_text()


def test_more_than_a_page_holds_are_counted(store, make, tmp_path, monkeypatch):
    monkeypatch.setattr(failed_runs, "MOST_ROWS", 1)
    make(store, tmp_path / "site", [TABLE])
    assert len(rows(tmp_path / "site")) == 1
    assert "2 more are not listed" in (tmp_path / "site" / PAGE).read_text()
