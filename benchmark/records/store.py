"""The store: a folder per run, written completely or not at all.

    STORE/RUN_ID/record.json        configuration, scores, curve, timings, environment: see `benchmark.records.record`
    STORE/RUN_ID/arrays.npz         training losses; logits and targets of every evaluation
    STORE/RUN_ID-2/                 the same for the next data, weights, tokenizer or own code behind the same names, or
                                    from another store that was merged into this one, with other bits
    STORE/failures/RUN_ID-N.json    the error of the N-th failed attempt at a run
    STORE/unfinished/RUN_ID.pt      the state of an unfinished run, to continue from (`benchmark.training.snapshot`)
    STORE/leases/, workers/         which process makes which run; ongoing/ has its progress
    STORE/store.json                the token that distinguishes it from another folder
    STORE/set-aside/                damaged or foreign files, never deleted

Readers move nothing: a damaged record is named, counts as missing and stays, until its run is made again or the
store is checked. A record that cannot be read now is unknown: its run is not made again. Reading needs no torch.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, count, takewhile
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.damage import SET_ASIDE, set_aside
from benchmark.errors import BenchmarkError
from benchmark.records import token, writing
from benchmark.records.disk import UnwritableError, make_writable, unwritable
from benchmark.records.failed import failures_in
from benchmark.records.reading import DamagedError, UnreadableError, record_at
from benchmark.records.record import Failure, Record, VersionError
from benchmark.records.several import chosen
from benchmark.stopping import Stopped

if TYPE_CHECKING:
    import numpy as np

log = logging.getLogger(__name__)
FAILURES, UNFINISHED, STAMPS = "failures", "unfinished", "stamps"


def refused(folder: Path, error: VersionError) -> BenchmarkError:
    """The refusal of a record of another version."""
    return BenchmarkError(f"{folder}: {error}; choose another store, or the code that wrote it")


class Store:
    """A folder of records, the only state that runs, machines and reports share."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.places: dict[str, Path] = {}  # the folder of the record found last, by run id
        self.beside: dict[str, list[Path]] = {}  # by run id: further records of the same origins
        self.told: set[Path | str] = set()  # warned of

    def open(self, wait: bool = False) -> token.Token:
        """Make the store ready for a run's record; return its token.

        If the store is gone, ``wait``. Raises: BenchmarkError if not writable, StoreGoneError if gone.
        """
        if not token.known(self.folder):
            make_writable("store", self.folder)
        elif wait:
            self.wait_until_there()
        try:
            return token.opened(self.folder)
        except OSError as error:
            raise UnwritableError(unwritable(self.folder, error)) from error

    def find(self, run_id: str, now: Mapping[str, str] = {}) -> Record | None:
        """The finished record of a run with the origins of ``now``, or None; see `benchmark.records.several`.

        A warning names others of the same origins. A damaged record is named and counts as missing. A record without
        a version does too. Raises: UnreadableError if a record cannot be read now, BenchmarkError for a record of
        another version.
        """
        records, folders = [], self.folders(run_id)
        for folder in chain([next(folders)], takewhile(os.path.lexists, folders)):
            record = self.read(folder, run_id)
            if record is not None and not record.changed(now):
                records.append((folder, record))
        if not records:
            return None
        place, latest, self.beside[run_id] = chosen(records)
        self.places[run_id] = place
        for folder in self.beside[run_id]:
            self.warn(folder, f"of the same run and data as {place.name}, which is used; this one is not")
        return latest

    def size(self, run_id: str) -> int:
        """The bytes of a run's latest record."""
        folder = self.places.get(run_id, self.folder / run_id)
        return sum(path.stat().st_size for path in folder.glob("*"))

    def is_empty(self) -> bool:
        """True if there is no record of any run."""
        return next(self.folder.glob("*/record.json"), None) is None

    def folders(self, run_id: str) -> Iterator[Path]:
        """The places of a run's records: ``RUN_ID``, then ``RUN_ID-2`` and so on, of other files."""
        yield self.folder / run_id
        yield from (self.folder / f"{run_id}-{number}" for number in count(2))

    def read(self, folder: Path, run_id: str) -> Record | None:
        """The record of a run in ``folder``, or None; see `find`."""
        try:
            return record_at(folder, run_id)
        except DamagedError as error:
            self.warn(folder, f"not a record ({error}); it stays there, and counts as missing")
        except VersionError as error:
            if error.version is not None:
                raise refused(folder, error) from error
            self.warn(folder, f"{error}; it is not used")
        return None

    def warn(self, subject: Path | str, why: object) -> None:
        """Log a warning of a file or of a fact, once."""
        if subject not in self.told:
            self.told.add(subject)
            log.warning("%s: %s", subject, why)

    def arrays(self, run_id: str, record: Record | None = None) -> dict[str, np.ndarray]:
        """The arrays of the record found last (``record``, if loaded); empty, with a warning, if damaged."""
        from benchmark.records.arrays import read  # imports numpy, which records alone do not need

        path = self.places.get(run_id, self.folder / run_id) / "arrays.npz"
        try:
            record = record or self.read(path.parent, run_id)
            return {} if record is None else read(path, record)
        except (DamagedError, FileNotFoundError, UnreadableError) as error:
            self.warn(path, f"not used ({error})")
        return {}

    def add(self, record: Record, arrays: Mapping[str, np.ndarray]) -> Record:
        """Write a finished run and return its record; records of other files stay beside it.

        If another process finished the run first, its record stays and is returned. If the store is gone, wait
        until it is back. Raises: BenchmarkError if that record is of another version, UnwritableError with the
        place of the result.
        """
        while True:
            try:
                self.wait_until_there()
                return self._added(record, arrays)
            except OSError as error:
                if token.is_there(self.folder):
                    kept = writing.rescued(record, arrays, self.folder)
                    raise UnwritableError(f"{unwritable(self.folder, error)}; {kept}") from error
            except Stopped:
                log.warning("store=%s: gone; %s", self.folder, writing.rescued(record, arrays, self.folder))
                raise

    def wait_until_there(self) -> None:
        """Wait for a store that is gone, and say so."""
        if not token.is_there(self.folder):
            log.warning("store=%s is gone: waiting until it is back", self.folder)
        while not token.is_there(self.folder):
            time.sleep(1)

    def _added(self, record: Record, arrays: Mapping[str, np.ndarray]) -> Record:
        partial = writing.written(record, arrays, self.folder)
        try:
            for folder in self.folders(record.run_id):
                kept = self._placed(partial, folder, record)
                if kept is not None and not kept.changed(record.origins()):
                    self.places[record.run_id] = folder
                    return kept
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        raise AssertionError("there is always another folder")

    def _placed(self, partial: Path, folder: Path, record: Record) -> Record | None:
        """Move ``partial``, which holds ``record``, to ``folder``; return the record that is there then.

        A damaged record in its place is set aside. None if there is one that cannot be read now: it stays.
        """
        try:
            os.rename(partial, folder)
            return record
        except OSError as error:
            failed = error
        try:
            standing, why = record_at(folder, record.run_id), ""
        except UnreadableError as error:
            if not os.path.lexists(folder):
                raise failed from error
            self.warn(folder, error)
            return None
        except (DamagedError, VersionError) as error:
            if isinstance(error, VersionError) and error.version is not None:
                raise refused(folder, error) from error
            standing, why = None, f"not a record ({error})"
        if standing is not None:
            return standing
        if why:
            self.set_aside(folder, why)
        os.rename(partial, folder)
        return record

    def add_failure(self, failure: Failure) -> Path:
        """Write a run's failure and return its path; earlier failures of it stay.

        Raises: StoreGoneError; BenchmarkError after 9999 failures.
        """
        token.opened(self.folder)
        folder = self.folder / FAILURES
        folder.mkdir(exist_ok=True)
        text = json.dumps(failure.to_json(), indent=1, default=str)
        for number in range(1, 10_000):
            path = folder / f"{failure.run_id}-{number}.json"
            try:
                with path.open("x") as file:
                    file.write(text)
                return path
            except FileExistsError:
                continue
        raise BenchmarkError(f"{folder}: {failure.run_id} has failed too often to be recorded again")

    def failures(self, run_id: str) -> list[Failure]:
        """The readable failures of a run, oldest first; others are named in a warning."""
        return self.failures_of([run_id]).get(run_id, [])

    def failures_of(self, run_ids: Iterable[str]) -> dict[str, list[Failure]]:
        """The `failures` of some runs by run id, from one look; runs without any are left out."""
        return failures_in(self.folder / FAILURES, run_ids, self.warn)

    def snapshot(self, run_id: str) -> Path:
        """The path of an unfinished run's snapshot, which need not exist."""
        return self.folder / UNFINISHED / f"{run_id}.pt"

    def drop_snapshot(self, run_id: str) -> None:
        """Remove the snapshots of a finished run."""
        for path in self.snapshot(run_id).parent.glob(f"{run_id}.*"):
            try:
                path.unlink(missing_ok=True)
            except OSError as error:  # a read-only store
                log.warning("%s: not needed any more, and cannot be removed (%s)", path, error)

    def set_aside(self, path: Path, why: str) -> None:
        """Move ``path`` out of the way, and say so."""
        set_aside(path, why, self.folder / SET_ASIDE)
