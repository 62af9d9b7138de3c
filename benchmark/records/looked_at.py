"""A look at a store without writing to it: its content, and the runs in progress."""

from __future__ import annotations

import json
import os
import re
import time
from collections import defaultdict
from collections.abc import Container, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from filelock import SoftFileLease

from benchmark.errors import BenchmarkError
from benchmark.records import token
from benchmark.records.lease import LEASES
from benchmark.records.ongoing import GRID, notes
from benchmark.records.reading import DamagedError, record_at
from benchmark.records.record import Failure, VersionError
from benchmark.records.shape import ShapeError
from benchmark.records.store import FAILURES, UNFINISHED

RUN = re.compile(r"[0-9a-f]{16}")
BESIDE = re.compile(r"([0-9a-f]{16})(-[1-9]\d*)?")
PATIENCE = 2.0  # multiple of a lease's seconds after which its holder is called silent
GRID_PATIENCE = 60.0  # seconds after which a grid's command is taken to be gone


@dataclass(frozen=True)
class Making:
    """A run in progress: its ``holder`` in words, and the ``facts`` of its note, if there is one.

    ``silent`` is the seconds since its last sign of life, 0 if that was just now.
    """

    run_id: str
    holder: str
    silent: float
    facts: dict[str, Any]


@dataclass(frozen=True)
class Failed:
    """A run without a record that failed: ``what`` it is, ``why`` in a line, how many ``times``, last ``when``."""

    run_id: str
    what: str
    why: str
    times: int
    when: str


@dataclass
class Look:
    """The state of a ``store``: runs done, stopped, in progress and failed, notes of grids, and remarks."""

    store: Path
    done: int = 0
    stopped: int = 0
    making: list[Making] = field(default_factory=list)
    grids: list[dict[str, Any]] = field(default_factory=list)
    failed: list[Failed] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


def looked_at(store: Path) -> Look:
    """Look at a store, which may be written to meanwhile.

    Raises: BenchmarkError for a folder that is not there, cannot be read, is no store, or one of another format.
    """
    try:
        names = os.listdir(store)
    except FileNotFoundError as error:
        raise BenchmarkError(
            f"store={store}: no such folder; no run was made there yet, or its disk is away"
        ) from error
    except OSError as error:
        raise BenchmarkError(f"store={store}: cannot be read ({error.strerror or error})") from error
    stated = token.read(store)
    done = {match[1] for name in names if (match := BESIDE.fullmatch(name))}
    if stated is None and not done and names:
        raise BenchmarkError(
            f"store={store}: no store, but a folder with other files; name the folder of the records"
        )
    look = Look(store, done=len(done))
    look.remarks += _other_versions(store, sorted(filter(BESIDE.fullmatch, names)))
    if not names:
        look.remarks.append("empty: no run was made here yet")
    seconds = stated.lease if stated else token.LEASE
    told = {name: (facts, age) for name, facts, age in notes(store)}
    look.grids = [
        facts for name, (facts, age) in told.items() if name.startswith(GRID) and age < GRID_PATIENCE
    ]
    look.making = list(_making(store, seconds, {name: facts for name, (facts, _) in told.items()}))
    made = {making.run_id for making in look.making}
    stopped = {path.stem for path in (store / UNFINISHED).glob("*.pt")}
    look.stopped = len(stopped - made - done)
    look.failed = failed(store, done | made, look.remarks)
    return look


def _other_versions(store: Path, names: list[str]) -> Iterator[str]:
    """A remark on records of another version; two are read, since a store has one version."""
    for name in dict.fromkeys([*names[:1], *names[-1:]]):
        with suppress(BenchmarkError, DamagedError):
            try:
                record_at(store / name, name[:16])
            except VersionError as error:
                yield f"{name}: {error}"


def _making(store: Path, seconds: float, told: dict[str, dict[str, Any]]) -> Iterator[Making]:
    """The runs that are leased, with the holders of the leases."""
    try:
        names = sorted(os.listdir(store / LEASES))
    except OSError:
        return
    for name in filter(RUN.fullmatch, names):
        path = store / LEASES / name
        try:
            age = time.time() - path.stat().st_mtime
            owner = SoftFileLease(path, lease_duration=seconds).owner
        except OSError:  # it was just given back
            continue
        holder = f"process {owner.pid} of {owner.hostname}" if owner else "another process"
        yield Making(name, holder, age if age > PATIENCE * seconds else 0.0, told.get(name, {}))


def failed(store: Path, but: Container[str], remarks: list[str]) -> list[Failed]:
    """The failed runs except those in ``but``, the latest first.

    Unreadable files are added to ``remarks``.
    """
    files = defaultdict[str, list[Path]](list)
    for path in (store / FAILURES).glob("*.json"):
        run_id, _, number = path.stem.rpartition("-")
        if number.isdecimal() and run_id not in but:
            files[run_id].append(path)
    failures, unread = list[Failed](), 0
    for run_id, paths in files.items():
        last = max(paths, key=lambda path: int(path.stem.rpartition("-")[2]))
        try:
            failure = Failure.from_json(json.loads(last.read_text()))
        except VersionError as error:
            remarks.append(f"{last.name}: {error}")
            continue
        except (OSError, ValueError, ShapeError):
            unread += 1
            continue
        why = f"{failure.cause}: {failure.error}"
        failures.append(Failed(run_id, _what(failure.config), why, len(paths), failure.failed))
    if unread:
        remarks.append(
            f"{unread} failures cannot be read: `python -m benchmark.store check {store}` names them"
        )
    return sorted(failures, key=lambda run: run.when, reverse=True)


def _what(config: dict[str, Any]) -> str:
    """A run's parts in words, from its configuration in a file."""
    names = [config.get(part, {}).get("name", "?") for part in ("model", "task")]
    return f"{' '.join(names)} [{','.join(sorted(config.get('method', {})))}] seed {config.get('seed', '?')}"
