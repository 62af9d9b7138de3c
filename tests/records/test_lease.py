"""A run is made by one process at a time, and never by nobody: the traps of leases over a shared folder."""

from __future__ import annotations

import errno
import gc
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import filelock
import pytest

from benchmark.errors import BenchmarkError
from benchmark.records import token, workers
from benchmark.records.lease import LEASES, Lease
from benchmark.records.token import StoreGoneError, Token

SHORT = 0.6  # seconds of a lease
HOLDER = """
import os, signal, socket, sys, time
host = sys.argv[2]
if host:
    socket.gethostname = lambda: host
import filelock
lease = filelock.SoftFileLease(sys.argv[1], lease_duration=float(sys.argv[3]))
lease.acquire()
print(os.getpid(), flush=True)
time.sleep(60)
"""


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store whose leases are short, as none is outside of tests."""
    folder = tmp_path / "store"
    folder.mkdir()
    (folder / token.FILE).write_text(f'{{"id": "a store", "lease": {SHORT}, "format": 1}}')
    (folder / LEASES).mkdir()
    return folder


@pytest.fixture
def hold(store: Path):
    """``hold(name, host)``: another process takes a lease; returns the process."""
    holders = []

    def take(path: Path, host: str = "") -> subprocess.Popen[str]:
        words = [sys.executable, "-c", HOLDER, str(path), host, str(SHORT)]
        holders.append(subprocess.Popen(words, stdout=subprocess.PIPE, text=True))
        assert holders[-1].stdout.readline()
        return holders[-1]

    yield take
    for holder in holders:
        holder.kill()
        holder.wait()


def waits(take: Callable[[], bool], most: float = 10.0) -> float:
    """The seconds until ``take`` is true."""
    begun = time.monotonic()
    while not take():
        assert time.monotonic() - begun < most
        time.sleep(0.02)
    return time.monotonic() - begun


def test_a_lease_is_held_by_one_and_given_back(store: Path, hold: Callable[..., subprocess.Popen[str]]):
    ours = Lease(store, LEASES, "run")
    assert ours.take()
    theirs = Lease(store, LEASES, "run")
    assert not theirs.take()
    assert theirs.holder() == f"process {os.getpid()} of {theirs.owner().hostname}"
    ours.release()
    assert theirs.take()
    theirs.release()
    assert list((store / LEASES).iterdir()) == []


def test_a_living_holder_keeps_it_for_longer_than_a_lease(store: Path, hold):
    hold(store / LEASES / "run")
    lease = Lease(store, LEASES, "run")
    end = time.monotonic() + 3 * SHORT
    while time.monotonic() < end:
        assert not lease.take()
        time.sleep(0.05)


def test_a_killed_holder_of_this_machine_is_replaced_at_once(store: Path, hold):
    holder = hold(store / LEASES / "run")
    holder.kill()
    holder.wait()
    assert waits(Lease(store, LEASES, "run").take) < SHORT


def test_a_killed_holder_of_another_machine_is_replaced_after_a_lease(store: Path, hold):
    holder = hold(store / LEASES / "run", "elsewhere")
    holder.kill()
    lease = Lease(store, LEASES, "run")
    assert waits(lease.take) >= SHORT
    lease.release()


def test_an_empty_file_of_a_process_killed_while_it_took_the_lease_is_removed(store: Path):
    (store / LEASES / "run").touch()
    lease = Lease(store, LEASES, "run")
    assert waits(lease.take) >= SHORT
    lease.release()


def test_a_file_that_is_no_lease_is_removed(store: Path):
    (store / LEASES / "run").write_text("garbage")
    lease = Lease(store, LEASES, "run")
    assert waits(lease.take) < 5
    lease.release()


def test_a_lease_that_nobody_refers_to_is_free(store: Path):
    assert Lease(store, LEASES, "run").take()
    gc.collect()
    lease = Lease(store, LEASES, "run")
    assert lease.take()
    lease.release()


def test_a_holder_that_was_stopped_too_long_sees_that_it_lost_the_lease(store: Path):
    ours = Lease(store, LEASES, "run")
    assert ours.take()
    assert not ours.lost()
    (store / LEASES / "run").unlink()  # what a contender does after a lease without a heartbeat
    theirs = filelock.SoftFileLease(store / LEASES / "run", lease_duration=SHORT)
    theirs.acquire(blocking=False)
    waits(ours.lost)
    ours.release()
    assert theirs.is_locked
    assert (store / LEASES / "run").exists()
    theirs.release()


def test_all_who_share_a_store_take_leases_of_its_length(store: Path):
    lease = Lease(store, LEASES, "run")
    assert lease.take()
    longer = filelock.SoftFileLease(store / LEASES / "run", lease_duration=2 * SHORT)
    with pytest.raises(filelock.LeaseSettingsMismatch, match=f"{SHORT}"):
        longer.acquire(blocking=False)
    lease.release()


def test_no_lease_is_taken_in_the_place_of_a_store_that_is_away(store: Path):
    assert Lease(store, LEASES, "run").take()
    shutil.move(store, store.with_name("away"))
    for prepare in (lambda: None, store.mkdir):
        prepare()
        with pytest.raises(StoreGoneError, match=r"store=.*: gone; in its place is no store"):
            Lease(store, LEASES, "run").take()
    assert list(store.iterdir()) == []
    store.rmdir()
    shutil.move(store.with_name("away"), store)
    assert token.is_there(store)


def test_another_store_in_the_place_of_the_one_that_was_there_is_refused(store: Path):
    token.opened(store)
    (store / token.FILE).write_text('{"id": "another", "lease": 1, "format": 1}')
    with pytest.raises(StoreGoneError, match="in its place is another store"):
        token.opened(store)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_disk_that_takes_no_lease_is_named(store: Path, number: int, monkeypatch: pytest.MonkeyPatch):
    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(filelock.SoftFileLease, "acquire", refuse)
    with pytest.raises(BenchmarkError, match=f"no lease could be taken .{os.strerror(number)}"):
        Lease(store, LEASES, "run").take()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "damaged, or not of this project"),
        ("[1]", "damaged, or not of this project"),
        ('{"id": "a", "lease": 1, "format": 2}', "a store of format 2, and this code writes format 1"),
        ('{"id": "a", "lease": -1, "format": 1}', "format 1"),
    ],
)
def test_a_token_that_cannot_be_read_is_named(text: str, why: str, tmp_path: Path):
    (tmp_path / token.FILE).write_text(text)
    with pytest.raises(BenchmarkError, match=why):
        token.opened(tmp_path)


def test_a_new_store_gets_one_token_whoever_is_first(tmp_path: Path):
    code = "import sys; from pathlib import Path; from benchmark.records import token; print(token.opened(Path(sys.argv[1])).id)"
    words = [sys.executable, "-c", code, str(tmp_path)]
    processes = [
        subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])
        for _ in range(4)
    ]
    assert len({process.communicate()[0] for process in processes} | {f"{token.opened(tmp_path).id}\n"}) == 1
    assert [path.name for path in tmp_path.iterdir()] == [token.FILE]


@pytest.fixture
def one_killed(store: Path, hold) -> Any:
    """The process of a worker that is alive, beside the file of one that was killed."""
    (store / workers.WORKERS).mkdir()
    alive = hold(store / workers.WORKERS / "alive")
    dead = hold(store / workers.WORKERS / "dead")
    dead.kill()
    dead.wait()
    return alive


def test_a_worker_shows_that_it_is_there_and_those_that_were_killed_are_removed(store: Path, one_killed):
    workers.arrive(store)
    names = {path.name for path in (store / workers.WORKERS).iterdir()}
    assert names > {"alive"}
    assert len(names) == 2  # its own, and not that of the dead one
    assert one_killed.poll() is None
    workers.leave()
    assert {path.name for path in (store / workers.WORKERS).iterdir()} == {"alive"}


def test_a_second_machine_of_the_same_name_is_refused(store: Path, monkeypatch: pytest.MonkeyPatch):
    (store / workers.WORKERS).mkdir()
    twin = store / workers.WORKERS / "twin"
    theirs = filelock.SoftFileLease(twin, lease_duration=SHORT)
    theirs.acquire()
    start = theirs.owner.start
    twin.write_text(twin.read_text().replace(str(start), str((start >> 64) + 1 << 64)))  # another boot
    with pytest.raises(BenchmarkError, match=r"another machine that is called .* makes runs there"):
        workers.arrive(store)
    assert [path.name for path in twin.parent.iterdir()] == ["twin"]
    os.utime(twin, (1, 1))  # the machine was started again long ago
    workers.arrive(store)
    assert "twin" not in {path.name for path in twin.parent.iterdir()}
    workers.leave()


def test_a_command_that_makes_no_run_removes_those_that_were_killed_too(store: Path, one_killed):
    workers.forget_killed(store)
    assert {path.name for path in (store / workers.WORKERS).iterdir()} == {"alive"}
    assert one_killed.poll() is None


def test_a_store_without_workers_has_none_to_forget(store: Path):
    workers.forget_killed(store)
    assert not (store / workers.WORKERS).exists()


def test_the_token_of_a_launcher_is_the_only_one_that_its_workers_take(tmp_path: Path):
    token.expect(tmp_path, Token("of the launcher"))
    with pytest.raises(StoreGoneError, match="no store"):
        token.opened(tmp_path)
    assert list(tmp_path.iterdir()) == []
