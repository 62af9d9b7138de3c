"""The command of a cluster's grid sees runs in the store, and passes on what workers say."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmark.config.schema import RunConfig
from benchmark.engines.base import Assignment
from benchmark.engines.watch import Logs, Watch
from benchmark.errors import BenchmarkError
from benchmark.grids.grid import Grid
from benchmark.records.record import Failure, Record
from benchmark.records.store import Store
from helpers import grids

SCORES = {"validation": {"accuracy": 0.5}}
REFUSED = "error: code: commit a here, and commit b where the grid was begun\n"


@pytest.fixture
def planned(tmp_path: Path) -> Grid:
    return grids.load("demo/noisytune", "task=opinion", "method=[]", "seed=1,2", f"store='{tmp_path}/store'")


@pytest.fixture
def watch(planned: Grid, tmp_path: Path) -> Watch:
    store = Store(tmp_path / "store")
    store.open()
    (tmp_path / "logs").mkdir()
    watch = Watch(Assignment(planned, (), list(planned.runs), store), tmp_path / "logs")
    watch.progress.line.every = 0.0
    return watch


def look(watch: Watch, workers: int = 2) -> None:
    watch.next = 0.0
    watch.look(workers)


def add(watch: Watch, config: RunConfig, record_of: Callable[..., Record]) -> None:
    watch.store.add(record_of(config, SCORES), {})


def test_a_run_is_done_when_its_record_is_in_the_store(
    watch: Watch, planned: Grid, record_of: Callable[..., Record]
) -> None:
    look(watch)
    assert len(watch.missing) == 2
    add(watch, planned.runs[0].config, record_of)
    look(watch)
    assert [*watch.missing] == [planned.runs[1].run_id]
    assert watch.progress.done == 1


def test_a_store_is_not_looked_at_all_the_time(
    watch: Watch, planned: Grid, record_of: Callable[..., Record]
) -> None:
    look(watch)
    add(watch, planned.runs[0].config, record_of)
    watch.look(2)
    assert len(watch.missing) == 2


def test_failures_count_from_the_beginning_of_the_watch(watch: Watch, planned: Grid) -> None:
    fail(watch, planned.runs[0].run_id)
    anew = Watch(Assignment(planned, (), list(planned.runs), watch.store), watch.logs.folder)
    fail(watch, planned.runs[1].run_id)
    for one in (watch, anew):
        look(one)
    assert watch.failed == {run.run_id for run in planned.runs}
    assert anew.failed == {planned.runs[1].run_id}


def fail(watch: Watch, run_id: str) -> None:
    watch.store.add_failure(Failure(run_id, "error", "lost its way", "", {}, "", ""))


def test_the_end_without_any_run_says_why_a_worker_was_refused(
    watch: Watch, capsys: pytest.CaptureFixture[str]
) -> None:
    (watch.logs.folder / "1.err").write_text(REFUSED)
    with pytest.raises(
        BenchmarkError, match="no worker is left, and 2 runs are missing: code: commit a here"
    ):
        watch.close()
    assert "error" not in capsys.readouterr().err


def test_the_end_repeats_a_refusal_that_was_told_before(watch: Watch) -> None:
    (watch.logs.folder / "1.err").write_text(REFUSED)
    look(watch, workers=1)
    with pytest.raises(BenchmarkError, match="2 runs are missing: code: commit a here"):
        watch.close()


def test_the_end_with_some_runs_is_a_warning(
    watch: Watch, planned: Grid, record_of: Callable[..., Record], caplog: pytest.LogCaptureFixture
) -> None:
    add(watch, planned.runs[0].config, record_of)
    watch.close()
    assert "no worker is left, and 1 runs are missing: they said nothing" in caplog.text


def test_the_end_with_failed_runs_is_none_of_the_workers(
    watch: Watch, planned: Grid, caplog: pytest.LogCaptureFixture
) -> None:
    for run in planned.runs:
        fail(watch, run.run_id)
    watch.close()
    assert caplog.text == ""


def test_each_line_is_passed_on_once_and_when_it_is_whole(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "1.err").write_text("of an earlier command\n")
    logs = Logs(tmp_path)
    for name, text in (("1", "WARNING: a\nWARN"), ("2", "WARNING: a\n3/7 runs, 1 running\n\x1b[2J\n")):
        with (tmp_path / f"{name}.err").open("a") as file:
            file.write(text)
    logs.pass_on(refusals=True)
    with (tmp_path / "1.err").open("a") as file:
        file.write("ING: b\n")
    logs.pass_on(refusals=True)
    assert capsys.readouterr().err == "WARNING: a\n\\x1b[2J\nWARNING: b\n"


def test_a_refusal_is_told_while_other_workers_go_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    logs = Logs(tmp_path)
    (tmp_path / "1.err").write_text(REFUSED)
    with caplog.at_level(logging.WARNING):
        logs.pass_on(refusals=False)
        assert caplog.text == ""
        logs.pass_on(refusals=True)
        logs.pass_on(refusals=True)
    assert caplog.messages == ["a worker was refused: " + REFUSED.removeprefix("error: ").strip()]
