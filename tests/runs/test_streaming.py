"""A run that W&B hears while it trains, through a stand-in of its server; nothing that W&B does harms the run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from benchmark.config.compose import ROOT
from benchmark.config.schema import RunConfig
from benchmark.records.store import Store
from benchmark.runs import streaming, tracking
from benchmark.runs.run import Run, run
from benchmark.runs.told import DIGEST, digest
from helpers.wandb_server import KEY, Server, clients, none_left, pointed_at, serving

UPDATES = 24
BOUND = 60.0  # seconds of wall that the worst server may cost a run
Config = RunConfig


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Server]:
    with serving() as running:
        pointed_at(running, monkeypatch, tmp_path)
        monkeypatch.setattr(tracking, "broken", set())
        monkeypatch.setattr(streaming, "EVERY", 0.0)  # every update is offered
        yield running
        assert none_left(running)
        assert running.strangers == []


@pytest.fixture
def live(tiny: Callable[..., Config], tmp_path: Path) -> Callable[..., Config]:
    """``live(*overrides)``: a short run with W&B, online since there is an account."""
    return lambda *overrides: tiny(
        "tracker=wandb", f"tracker.folder='{tmp_path / 'tracked'}'", "protocol.epochs=null",
        f"protocol.steps={UPDATES}", *overrides,
    )  # fmt: skip


def when(update: int, act: Callable[[], Any]) -> Callable[[str, int, int], None]:
    """A progress callback that acts at an update."""
    return lambda unit, done, _: act() if (unit, done) == ("updates", update) else None


def until(true: Callable[[], Any], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.02)


def test_history_arrives_while_the_run_trains(
    live: Callable[..., Config], server: Server, tmp_path: Path
) -> None:
    this = Run(live("method=[noisytune]"), purpose="demo/noisytune")
    seen = list[int]()

    def look() -> None:
        until(lambda: this.id in server.runs and server.runs[this.id].lines)
        seen.extend(server.runs[this.id].steps("loss"))

    record = run(this, when(UPDATES - 2, look))
    told = server.runs[this.id]
    assert 1 <= len(seen) < UPDATES
    assert told.inserted == 1
    assert (told.told["groupName"], told.told["jobType"]) == ("demo/noisytune", "noisytune")
    losses = Store(this.config.store).arrays(this.id)["losses"]
    assert told.steps("loss") == list(range(1, UPDATES + 1))
    np.testing.assert_allclose([line["loss"] for line in told.history if "loss" in line], losses, rtol=1e-6)
    for entry in record.curve:
        (line,) = [line for line in told.history if line["_step"] == entry.step]
        assert line["validation/accuracy"] == entry.scores["validation"]["accuracy"]
    streamed = [line for line in told.history if "updates_per_second" in line]
    assert streamed
    assert all(line["examples_per_second"] > line["updates_per_second"] > 0 for line in streamed)
    assert all(line["learning_rate"] >= 0 for line in streamed)
    assert told.config["environment"]["python"] == record.environment["python"]
    assert (told.exit_code, told.summary["status"]) == (0, "finished")
    assert told.summary[DIGEST] == digest(record.to_json())
    kept = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert [path for path in kept if KEY.encode() in path.read_bytes()] == []


def test_a_tracker_changes_no_bit(live: Callable[..., Config], server: Server, tmp_path: Path) -> None:
    heard = Run(live())
    alone = Run(replace(heard.config, tracker={}, store=str(tmp_path / "alone")))
    records = [run(this) for this in (heard, alone)]
    assert records[0].curve == records[1].curve
    one, other = (this.store.arrays(this.id) for this in (heard, alone))
    assert one.keys() == other.keys()
    assert all(np.array_equal(one[name], other[name]) for name in one)


def test_a_run_that_goes_on_is_one_run_there(live: Callable[..., Config], server: Server) -> None:
    this = Run(live("snapshot_minutes=0"))

    class Ended(Exception):
        pass

    def end() -> None:
        until(lambda: this.id in server.runs and server.runs[this.id].lines)
        raise Ended

    with pytest.raises(Ended):
        run(this, when(UPDATES - 4, end))
    told = server.runs[this.id]
    assert told.exit_code == 1
    assert DIGEST not in told.summary
    record = run(this)
    assert record.resumed == 1
    assert list(server.runs) == [this.id]
    assert told.inserted == 1
    assert told.steps("loss") == list(range(1, UPDATES + 1))
    assert (told.exit_code, told.summary[DIGEST]) == (0, digest(record.to_json()))


def absent(server: Server) -> None:
    server.shutdown()
    server.server_close()


def broken(server: Server) -> None:
    server.ill = "error"


def short_of_a_field(server: Server) -> None:
    server.ill = "field"


def slow(server: Server) -> None:
    server.delay = 4.0


@pytest.mark.parametrize("fall_ill", [absent, broken, short_of_a_field, slow])
def test_a_server_that_is_ill_costs_a_warning_and_a_bounded_time(
    live: Callable[..., Config],
    server: Server,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    fall_ill: Callable[[Server], None],
) -> None:
    fall_ill(server)
    started = time.monotonic()
    this = Run(live())
    record = run(this)
    assert time.monotonic() - started < BOUND
    assert (record.status, this.store.find(this.id)) == ("finished", record)
    run(Run(live("seed=2")))  # it is warned of once, and waited for once
    (warning,) = caplog.records
    assert "runs go on untracked" in warning.getMessage()
    assert this.id not in warning.getMessage()  # a launcher says equal lines of its workers once
    assert KEY not in caplog.text
    assert capfd.readouterr() == ("", "")


def shut_down(server: Server) -> None:
    absent(server)


def kill_clients(server: Server) -> None:
    for process in clients(server):
        os.kill(process, signal.SIGKILL)


@pytest.mark.parametrize("fall_ill", [shut_down, kill_clients])
def test_what_dies_during_a_run_costs_a_warning(
    live: Callable[..., Config],
    server: Server,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    fall_ill: Callable[[Server], None],
) -> None:
    this = Run(live())

    def fall() -> None:
        until(lambda: this.id in server.runs and server.runs[this.id].lines)
        fall_ill(server)

    started = time.monotonic()
    record = run(this, when(UPDATES - 2, fall))
    assert time.monotonic() - started < BOUND
    assert this.store.find(this.id) == record
    (warning,) = caplog.records
    assert "runs go on untracked" in warning.getMessage()
    assert capfd.readouterr() == ("", "")


def test_without_an_account_or_a_place_to_write_there_is_a_warning(
    live: Callable[..., Config],
    server: Server,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "file").write_text("")
    run(Run(live(f"tracker.folder='{tmp_path / 'file' / 'tracked'}'")))
    monkeypatch.setattr(tracking, "broken", set())
    monkeypatch.delenv("WANDB_API_KEY")
    run(Run(live("seed=2", "tracker.mode=online")))
    folder, account = (record.getMessage() for record in caplog.records)
    assert "tracker: W&B: NotADirectoryError" in folder
    assert "No API key configured" in account
    assert server.runs == {}


def test_a_run_that_is_killed_leaves_no_process(server: Server, tmp_path: Path) -> None:
    words = [
        "task=opinion",
        "data.count=64",
        "protocol.epochs=null",
        "protocol.steps=100000",
        "tracker=wandb",
    ]
    words += [f"store='{tmp_path / 'store'}'", f"cache='{ROOT / '.cache'}'", f"tracker.folder='{tmp_path}'"]
    command = subprocess.Popen(
        [sys.executable, "-m", "benchmark", *words],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until(lambda: any(told.lines for told in server.runs.values()), 120.0)
        assert len(clients(server)) == 3  # the run, ours and W&B's
    finally:
        command.kill()
        command.wait()
    assert none_left(server, 30.0)
    (told,) = server.runs.values()
    assert told.exit_code == 1


def test_lines_are_few_whatever_the_number_of_updates(
    live: Callable[..., Config], monkeypatch: pytest.MonkeyPatch
) -> None:
    offered = list[Any]()

    class Hearing(tracking.Tracker):
        def listener(self, _: Run) -> Any:
            return streaming.Stream(offered.append)

        def track(self, *_: Any) -> None:
            pass

    monkeypatch.setattr(tracking, "build", lambda _: Hearing())
    monkeypatch.setattr(tracking, "broken", set())
    clock = iter(range(10**9))
    ticking = SimpleNamespace(monotonic=lambda: next(clock) / 40)  # 40 updates a second
    monkeypatch.setattr(streaming, "time", ticking)
    run(Run(live("protocol.steps=200", "protocol.evaluations_per_epoch=1", "data.count=null")))
    assert len(offered) == 5
    assert all(len(lines) <= streaming.MOST + 2 for lines in offered)
    steps = [step for lines in offered for step, _ in lines]
    assert steps == sorted(set(steps))
