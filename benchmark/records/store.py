"""The store: a folder per run, written completely or not at all.

    STORE/RUN_ID/record.json        configuration, scores, curve, timings, environment: see `benchmark.records.record`
    STORE/RUN_ID/arrays.npz         training losses; logits and targets of every evaluation
    STORE/RUN_ID-2/                 the same for the next data, weights or tokenizer behind the same names
    STORE/failures/RUN_ID-N.json    the error of the N-th failed attempt at a run
    STORE/unfinished/RUN_ID.pt      the state of an unfinished run, to continue from (`benchmark.training.snapshot`)
    STORE/leases/, workers/         who makes which run now (`benchmark.records.lease`, `workers`)
    STORE/store.json                the token that tells it from a folder in its place (`benchmark.records.token`)
    STORE/set-aside/                damaged or foreign files, never deleted

Reading needs neither torch nor transformers.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from itertools import chain, count, takewhile
from pathlib import Path

import numpy as np

from benchmark.damage import SET_ASIDE, set_aside
from benchmark.errors import BenchmarkError
from benchmark.records import token
from benchmark.records.arrays import fault
from benchmark.records.disk import UnwritableError, make_writable, unwritable
from benchmark.records.record import Failure, Record, VersionError
from benchmark.stopping import Stopped

log = logging.getLogger(__name__)

FAILURES, UNFINISHED = "failures", "unfinished"
SPARE, FILES = (
    20_000,
    5,
)  # bytes and files that a run takes beside its record, for its lease and a snapshot's folder


class Store:
    """A folder of records, the only state that runs, machines and reports share."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.places: dict[str, Path] = {}  # the folder of the record found last, by run id

    def open(self) -> token.Token:
        """Make the store ready for a run's record; its token.

        Raises: BenchmarkError if it cannot be written to, StoreGoneError if it is not where it was.
        """
        if not token.known(self.folder):
            make_writable("store", self.folder)
        try:
            return token.opened(self.folder)
        except OSError as error:
            raise UnwritableError(unwritable(self.folder, error)) from error

    def find(self, run_id: str, now: Mapping[str, str] = {}) -> Record | None:
        """The latest finished record of a run with the origins of ``now``, or None.

        A damaged record is set aside and counts as missing. A record without a version stays and counts as
        missing too. Raises: BenchmarkError for a record of another version.
        """
        latest = None
        folders = self.folders(run_id)
        for folder in chain([next(folders)], takewhile(Path.is_dir, folders)):
            record = self.read(folder, run_id)
            if record is not None and not record.changed(now):
                latest = record
                self.places[run_id] = folder
        return latest

    def size(self, run_id: str) -> int:
        """The bytes of a run's latest record."""
        folder = self.places.get(run_id, self.folder / run_id)
        return sum(path.stat().st_size for path in folder.glob("*"))

    def is_empty(self) -> bool:
        """True if there is no record of any run."""
        return next(self.folder.glob("*/record.json"), None) is None

    def folders(self, run_id: str) -> Iterator[Path]:
        """The places of a run's records: ``RUN_ID``, then ``RUN_ID-2`` and so on, of other data or weights."""
        yield self.folder / run_id
        yield from (self.folder / f"{run_id}-{number}" for number in count(2))

    def read(self, folder: Path, run_id: str) -> Record | None:
        """The record of a run in ``folder``, or None; see `find`."""
        path = folder / "record.json"
        try:
            text = path.read_text()
        except (OSError, UnicodeDecodeError) as error:
            if folder.exists():
                self.set_aside(folder, f"not a record ({error})")
            return None
        try:
            record = Record.from_json(json.loads(text))
            if record.run_id != run_id:
                raise ValueError(f"belongs to {record.run_id}")
        except VersionError as error:
            if error.version is None:
                log.warning("%s: %s; it is not used", path, error)
                return None
            raise BenchmarkError(
                f"{path}: {error}; choose another store, or the code that wrote it"
            ) from error
        except ValueError as error:
            self.set_aside(folder, f"not a record ({error})")
            return None
        return record

    def arrays(self, run_id: str) -> dict[str, np.ndarray]:
        """The arrays of the record found last; empty, with a warning, if their file is damaged."""
        path = self.places.get(run_id, self.folder / run_id) / "arrays.npz"
        try:
            with np.load(path, allow_pickle=False) as stored:
                read = dict(stored)
        except Exception as error:  # numpy and zipfile raise half a dozen kinds
            log.warning("%s: cannot be read (%s)", path, error)
            return {}
        if (why := fault(read)) is not None:
            log.warning("%s: damaged, and not used (%s)", path, why)
            return {}
        return read

    def add(self, record: Record, arrays: Mapping[str, np.ndarray]) -> Record:
        """Write a finished run and return its record; records of other data or weights stay beside it.

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
                    kept = self._rescued(record, arrays)
                    raise UnwritableError(f"{unwritable(self.folder, error)}; {kept}") from error
            except Stopped:
                log.warning("store=%s: gone; %s", self.folder, self._rescued(record, arrays))
                raise

    def wait_until_there(self) -> None:
        """Wait for a store that is not where it was, and say so."""
        told = False
        while not token.is_there(self.folder):
            if not told:
                log.warning("store=%s is gone: waiting until it is back", self.folder)
                told = True
            time.sleep(1)

    def _added(self, record: Record, arrays: Mapping[str, np.ndarray]) -> Record:
        partial = self.written(record, arrays, self.folder)
        try:
            for folder in self.folders(record.run_id):
                kept = self._placed(partial, folder, record)
                if not kept.changed(record.origins()):
                    self.places[record.run_id] = folder
                    return kept
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        raise AssertionError("there is always another folder")

    def _rescued(self, record: Record, arrays: Mapping[str, np.ndarray]) -> str:
        """Write a finished run to a folder for temporary files; say where."""
        rescued = self.written(record, arrays, Path(tempfile.gettempdir()))
        return f"the finished run is kept in {rescued}: move it to {self.folder / record.run_id}"

    def written(self, record: Record, arrays: Mapping[str, np.ndarray], folder: Path) -> Path:
        """Write a run to a new folder in ``folder``, completely or not at all."""
        partial = Path(tempfile.mkdtemp(prefix=".writing-", dir=folder))
        try:
            np.savez_compressed(partial / "arrays.npz", allow_pickle=False, **arrays)
            (partial / "record.json").write_text(json.dumps(record.to_json(), indent=1, allow_nan=False))
            partial.chmod(0o755)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
        return partial

    def _placed(self, partial: Path, folder: Path, record: Record) -> Record:
        """Move ``partial``, which holds ``record``, to ``folder``; return the record that is there then."""
        try:
            os.rename(partial, folder)
        except OSError:
            standing = self.read(folder, record.run_id)  # sets a damaged record aside
            if standing is not None:
                return standing
            if folder.exists():
                self.set_aside(folder, "a record without a version")
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
        """The readable failures of a run, oldest first."""
        failures = []
        paths = (self.folder / FAILURES).glob(f"{run_id}-*.json")
        for path in sorted(paths, key=lambda path: int(path.stem.rpartition("-")[2])):
            try:
                failures.append(Failure.from_json(json.loads(path.read_text())))
            except (ValueError, VersionError) as error:
                log.warning("%s: not a readable failure (%s), passed over", path, error)
        return failures

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
