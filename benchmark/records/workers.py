"""The processes that make runs for a store, and the machines that they are on.

    STORE/workers/ID        a lease that every such process holds as long as it lives

Leases name machines by their host names, so two machines of one name would take each other's runs.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import SoftFileLease

from benchmark.errors import BenchmarkError
from benchmark.records import token
from benchmark.records.lease import Lease

WORKERS = "workers"
FORGOTTEN = 100  # multiple of a lease's seconds after which a silent worker on another machine counts as gone

_present: dict[tuple[Path, int], Lease] = {}  # by store and process


@contextmanager
def present(store: Path) -> Iterator[None]:
    """List this process among the workers of a store, for the block.

    If it is listed already, it stays.

    Raises: as `arrive`.
    """
    new = arrive(store)
    try:
        yield
    finally:
        if new:
            leave()


def arrive(store: Path) -> bool:
    """List this process among the workers of a store; False if it is listed already.

    Raises: BenchmarkError if another machine has this one's name, StoreGoneError.
    """
    key = store.absolute(), os.getpid()
    if key in _present:
        return False
    own = Lease(store, WORKERS, secrets.token_hex(8))
    own.take()
    try:
        for path in own.path.parent.iterdir():
            if path != own.path:
                _meet(own, path)
    except BaseException:
        own.release()
        raise
    _present[key] = own
    return True


def leave() -> None:
    """Take this process off the workers of all stores."""
    for key in [key for key in _present if key[1] == os.getpid()]:
        _present.pop(key).release()


def forget_killed(store: Path) -> None:
    """Remove the files of workers that were killed, if the store can be written to."""
    with suppress(BenchmarkError, OSError):
        if any((store / WORKERS).iterdir()):
            with present(store):
                pass


def _meet(own: Lease, path: Path) -> None:
    """Check another worker's file: remove it if the worker is gone, refuse another machine of this name."""
    seconds = token.opened(own.store).lease
    here, there = own.owner(), SoftFileLease(path, lease_duration=seconds).owner
    try:
        age = own.path.stat().st_mtime - path.stat().st_mtime  # by the clock of the store's disk
    except OSError:  # it has left
        return
    if here is None or there is None or there.hostname != here.hostname:
        gone = age > FORGOTTEN * seconds
    elif _boot(there.start) == _boot(here.start):
        other = Lease(own.store, WORKERS, path.name)
        if other.take():  # it was killed
            other.release()
        return
    else:
        gone = age > seconds  # a process of this machine from before its restart
        if not gone:
            raise BenchmarkError(
                f"store={own.store}: another machine that is called {here.hostname} too makes runs there: give one "
                "of them another host name; or, if this machine was just started again, wait half a minute"
            )
    if gone:
        path.unlink(missing_ok=True)


def _boot(start: int | None) -> int:
    """The part of a process's start, as given by filelock, that identifies the machine's last boot."""
    return (start or 0) >> 64
