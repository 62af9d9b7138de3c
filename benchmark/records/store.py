"""The store: a folder per run, written completely or not at all.

    STORE/RUN_ID/record.json        configuration, scores, curve, timings, environment: see `benchmark.records.record`
    STORE/RUN_ID/arrays.npz         training losses; logits and targets of every evaluation
    STORE/failures/RUN_ID-N.json    the error of the N-th failed attempt at a run
    STORE/unfinished/RUN_ID.pt      the state of an unfinished run, to continue from (`benchmark.training.snapshot`)
    STORE/set-aside/                damaged or foreign files, never deleted

Reading needs neither torch nor transformers.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from benchmark.errors import BenchmarkError
from benchmark.records.record import Failure, Record, VersionError

log = logging.getLogger(__name__)

FAILURES, SET_ASIDE, UNFINISHED = "failures", "set-aside", "unfinished"


def make_writable(key: str, folder: str | Path) -> None:
    """Make ``folder`` if needed. Raises: BenchmarkError naming ``key`` if it is not writable."""
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        why = error.strerror or error
        raise BenchmarkError(
            f"{key}={folder}: cannot be written to ({why}); choose another folder"
        ) from error


class Store:
    """A folder of records, the only state that runs, machines and reports share."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    def find(self, run_id: str) -> Record | None:
        """The finished record of a run, or None.

        A damaged record is set aside and counts as missing. A record without a version stays and counts as
        missing too. Raises: BenchmarkError for a record of another version.
        """
        path = self.folder / run_id / "record.json"
        try:
            text = path.read_text()
        except (OSError, UnicodeDecodeError) as error:
            if not (self.folder / run_id).exists():
                return None
            self.set_aside(self.folder / run_id, f"not a record ({error})")
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
            self.set_aside(self.folder / run_id, f"not a record ({error})")
            return None
        return record

    def arrays(self, run_id: str) -> dict[str, np.ndarray]:
        """The arrays of a finished run; empty, with a warning, if their file is damaged."""
        path = self.folder / run_id / "arrays.npz"
        try:
            with np.load(path, allow_pickle=False) as stored:
                return dict(stored)
        except Exception as error:  # numpy and zipfile raise half a dozen kinds
            log.warning("%s: cannot be read (%s)", path, error)
            return {}

    def add(self, record: Record, arrays: Mapping[str, np.ndarray]) -> Record:
        """Write a finished run and return its record.

        If another process finished the run first, its record stays and is returned. Raises: BenchmarkError if
        that record is of another version.
        """
        partial = Path(tempfile.mkdtemp(prefix=".writing-", dir=self.folder))
        try:
            np.savez_compressed(partial / "arrays.npz", allow_pickle=False, **arrays)
            (partial / "record.json").write_text(json.dumps(record.to_json(), indent=1, allow_nan=False))
            partial.chmod(0o755)
            try:
                os.rename(partial, self.folder / record.run_id)
            except OSError:
                standing = self.find(record.run_id)  # sets a damaged record aside
                if standing is not None:
                    return standing
                if (self.folder / record.run_id).exists():
                    self.set_aside(self.folder / record.run_id, "a record without a version")
                os.rename(partial, self.folder / record.run_id)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        return record

    def add_failure(self, failure: Failure) -> Path:
        """Write a run's failure and return its path; earlier failures of it stay.

        Raises: BenchmarkError after 9999 failures.
        """
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
        found = []
        paths = (self.folder / FAILURES).glob(f"{run_id}-*.json")
        for path in sorted(paths, key=lambda path: int(path.stem.rpartition("-")[2])):
            try:
                found.append(Failure.from_json(json.loads(path.read_text())))
            except (ValueError, VersionError) as error:
                log.warning("%s: not a readable failure (%s), passed over", path, error)
        return found

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
        folder = self.folder / SET_ASIDE
        try:
            folder.mkdir(exist_ok=True)
            target = Path(tempfile.mkdtemp(prefix=f"{path.name}-", dir=folder)) / path.name
            os.rename(path, target)
        except OSError as error:  # a read-only store, or another process was first
            log.warning("%s: %s, and could not be moved away (%s)", path, why, error)
        else:
            log.warning("%s: %s; moved to %s", path, why, target)
