"""A run is made once, whoever asks for it, and a signal loses nothing of it."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import benchmark.runs.run
from benchmark import stopping
from benchmark.config.schema import RunConfig
from benchmark.records.lease import LEASES
from benchmark.records.store import Store
from benchmark.records.workers import WORKERS
from benchmark.runs.leased import ElsewhereError, lease_of
from benchmark.runs.request import Run
from benchmark.runs.run import run
from benchmark.stopping import Stopped

Tiny = Callable[..., RunConfig]


@pytest.fixture
def hearing():
    """The signals are heard as a command hears them."""
    before = {number: signal.getsignal(number) for number in (*stopping.SIGNALS, signal.SIGALRM)}
    for number in stopping.SIGNALS:  # whatever runs the tests may ignore some, which children inherit
        signal.signal(number, signal.SIG_DFL)
    stopping.hear()
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def left(config: RunConfig) -> list[str]:
    """The files of leases and workers in a run's store."""
    return [path.name for name in (LEASES, WORKERS) for path in (Path(config.store) / name).iterdir()]


def test_a_run_that_another_process_makes_is_waited_for_and_not_made_again(
    tiny: Tiny, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    first = run(Run(tiny()))
    config = tiny()
    record_folder = Path(config.store) / first.run_id
    hidden = Path(config.store).parent / "not written yet"
    record_folder.rename(hidden)
    lease = lease_of(Run(config))
    assert lease.take()

    def finish() -> None:
        while "waiting for it" not in caplog.text:
            time.sleep(0.05)
        hidden.rename(record_folder)
        lease.release()

    monkeypatch.setattr(benchmark.runs.run, "train", lambda *_: pytest.fail("trained twice"))
    other = threading.Thread(target=finish)
    other.start()
    assert run(Run(config)).finished == first.finished
    other.join()
    assert f"process {os.getpid()} of" in caplog.text
    assert left(config) == []


def test_a_run_that_another_process_makes_is_not_waited_for_by_a_worker(tiny: Tiny):
    this = Run(tiny())
    this.store.open()
    lease = lease_of(this)
    assert lease.take()
    with pytest.raises(ElsewhereError, match=f"process {os.getpid()}"):
        run(this, wait=False)
    lease.release()


def test_a_run_that_fails_gives_its_lease_back(tiny: Tiny, monkeypatch: pytest.MonkeyPatch):
    def broken(*_: object) -> None:
        raise RuntimeError("out of luck")

    monkeypatch.setattr(benchmark.runs.run, "train", broken)
    with pytest.raises(RuntimeError):
        run(Run(tiny()))
    assert left(tiny()) == []


def test_a_run_whose_lease_was_lost_says_so_and_is_recorded(
    tiny: Tiny, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setattr("benchmark.records.lease.Lease.lost", lambda self: True)
    record = run(Run(tiny()))
    assert "another process began it too" in caplog.text
    assert Store(tiny().store).find(record.run_id) is not None


@pytest.mark.parametrize("number", stopping.SIGNALS)
def test_a_signal_saves_a_snapshot_from_which_the_run_continues_to_the_same_bits(
    number: signal.Signals, tiny: Tiny, tmp_path: Path, hearing: None
):
    config = tiny("protocol.epochs=4", "method=[hype_n]")
    expected = run(Run(replace(config, store=str(tmp_path / "straight"))))

    def interrupt(unit: str, done: int, total: int) -> None:
        if (unit, done) == ("updates", 3):
            os.kill(os.getpid(), number)

    with pytest.raises(Stopped) as stopped:
        run(Run(config), interrupt)
    assert stopped.value.status == 128 + number
    store = Store(config.store)
    assert store.snapshot(Run(config).id).exists()
    assert left(config) == []
    assert store.failures(Run(config).id) == []
    record = run(Run(config))
    assert (record.resumed, record.scores, record.curve) == (1, expected.scores, expected.curve)
    ours, theirs = store.arrays(record.run_id), Store(tmp_path / "straight").arrays(record.run_id)
    assert all(np.array_equal(ours[name], theirs[name]) for name in theirs)


def test_a_signal_after_the_last_update_waits_until_the_record_is_written(tiny: Tiny, hearing: None):
    def interrupt(unit: str, done: int, total: int) -> None:
        if unit == "updates" and done == total:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(Stopped):
        run(Run(tiny()), interrupt)
    assert Store(tiny().store).find(Run(tiny()).id) is not None


def test_without_snapshots_a_signal_ends_a_run_and_leaves_none(tiny: Tiny, hearing: None):
    config = tiny("protocol.epochs=4", "snapshot_minutes=null")

    def interrupt(unit: str, done: int, total: int) -> None:
        if unit == "updates":
            assert done <= 3
            if done == 3:
                os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(Stopped):
        run(Run(config), interrupt)
    assert not (Path(config.store) / "unfinished").exists()


def test_a_second_signal_is_obeyed_at_once(hearing: None, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(stopping, "AGAIN", 0.0)

    def twice() -> None:
        with stopping.deferred():
            os.kill(os.getpid(), signal.SIGTERM)
            assert stopping.asked()
            os.kill(os.getpid(), signal.SIGINT)
            pytest.fail("went on")

    with pytest.raises(Stopped) as stopped:
        twice()
    assert stopped.value.number == signal.SIGINT
    assert not stopping.asked()


def test_a_signal_that_comes_twice_at_once_is_one(hearing: None):
    """A scheduler tells every process, and the launcher tells its own again."""

    def told_twice() -> None:
        with stopping.deferred():
            os.kill(os.getpid(), signal.SIGTERM)
            os.kill(os.getpid(), signal.SIGTERM)
            assert stopping.asked()

    with pytest.raises(Stopped):
        told_twice()


def test_a_signal_that_cannot_be_obeyed_is_obeyed_after_a_while(
    hearing: None, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(stopping, "PATIENCE", 0.2)

    def busy() -> None:
        with stopping.deferred():
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(5)
            pytest.fail("went on")

    with pytest.raises(Stopped):
        busy()


def test_a_signal_that_the_command_was_told_to_ignore_is_ignored(hearing: None):
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    stopping.hear()
    os.kill(os.getpid(), signal.SIGHUP)
    assert not stopping.asked()
