"""A finished run outlives a disk that is full and a store that is gone for a while."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import benchmark.scorecard.__main__ as scorecard
import benchmark.site.__main__ as site
import benchmark.store.__main__ as stores
from benchmark import claims, reproduce
from benchmark.config.schema import RunConfig
from benchmark.errors import BenchmarkError
from benchmark.records import disk, token, writing
from benchmark.records.disk import UnwritableError, short_of_room
from benchmark.records.record import Failure, Record
from benchmark.records.store import Store
from benchmark.records.token import StoreGoneError
from benchmark.scorecard import publish

ARRAYS = {"losses": np.ones(3, dtype="float32")}


@pytest.fixture
def record(tiny: Callable[..., RunConfig], record_of: Callable[..., Record]) -> Record:
    return record_of(tiny(), {"validation": {"accuracy": 0.5}})


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    made = Store(tmp_path / "records")
    made.open()
    return made


@pytest.mark.parametrize("what", ["a record is ready", "runs are to begin"])
def test_a_store_that_is_gone_is_waited_for(
    store: Store, record: Record, caplog: pytest.LogCaptureFixture, what: str
):
    away = store.folder.with_name("away")
    shutil.move(store.folder, away)
    store.folder.mkdir()  # as the folder on which a disk is mounted

    def come_back() -> None:
        while "is gone: waiting" not in caplog.text:
            time.sleep(0.05)
        store.folder.rmdir()
        shutil.move(away, store.folder)

    other = threading.Thread(target=come_back)
    other.start()
    if what == "runs are to begin":
        store.open(wait=True)
    store.add(record, ARRAYS)
    other.join()
    assert caplog.text.count("is gone: waiting") == 1
    assert Store(store.folder).find(record.run_id) == record


def test_nothing_is_written_in_the_place_of_a_store_that_is_gone(store: Store):
    shutil.rmtree(store.folder)
    store.folder.mkdir()
    with pytest.raises(StoreGoneError):
        store.open()
    with pytest.raises(StoreGoneError):
        store.add_failure(Failure("0" * 16, "error", "", "", {}, "", ""))
    assert list(store.folder.iterdir()) == []


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO])
def test_a_run_that_cannot_be_written_is_kept_elsewhere(
    store: Store, record: Record, number: int, monkeypatch: pytest.MonkeyPatch
):
    written = writing.written

    def refuse(record: object, arrays: object, folder: Path) -> Path:
        if folder == store.folder:
            raise OSError(number, os.strerror(number))
        return written(record, arrays, folder)  # type: ignore[arg-type]

    monkeypatch.setattr(writing, "written", refuse)
    with pytest.raises(UnwritableError, match=rf"{os.strerror(number)}; .* MB and \d+ files are free") as why:
        store.add(record, ARRAYS)
    kept = Path(str(why.value).partition("is kept in ")[2].partition(":")[0])
    shutil.move(kept, store.folder / record.run_id)  # as the message says
    monkeypatch.undo()
    assert Store(store.folder).find(record.run_id) == record


def room(free: int, files: int) -> SimpleNamespace:
    return SimpleNamespace(f_bavail=free, f_frsize=1, f_favail=files, f_files=10_000)


@pytest.mark.parametrize(
    ("free", "files", "runs", "short"),
    [(400_000, 1000, 3, False), (300_000, 1000, 3, True), (400_000, 14, 3, True), (110_000, 1000, 1, True)],
)
def test_runs_are_begun_only_while_their_records_have_room(
    free: int, files: int, runs: int, short: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(disk.os, "statvfs", lambda _: room(free, files))
    said = short_of_room(tmp_path, runs, 100_000)
    assert (said is not None) == short
    if said:
        assert f"{free / 1e6:.1f} MB and {files} files are free, and {runs} runs need" in said


def test_a_file_system_that_counts_no_files_has_room_for_any_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    uncounted = room(10**9, 0)
    uncounted.f_files = 0
    monkeypatch.setattr(disk.os, "statvfs", lambda _: uncounted)
    assert short_of_room(tmp_path, 100, 1000) is None


def test_the_token_of_a_store_is_not_asked_for_by_those_who_only_read(tmp_path: Path):
    assert Store(tmp_path).find("0" * 16) is None
    assert not token.known(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("inner", [".", "reports", "reports/deep"])
def test_a_report_is_not_written_into_a_store(store: Store, tmp_path: Path, inner: str) -> None:
    link = tmp_path / "link"
    link.symlink_to(store.folder)
    for place in (store.folder / inner, link / inner):
        with pytest.raises(
            BenchmarkError, match=f"--output={place}: is in the store {store.folder}, which has"
        ):
            disk.check_outside("--output", place)
    unmade = tmp_path / "unmade"
    with pytest.raises(BenchmarkError, match=f"is in the store {unmade}"):
        disk.check_outside("--output", unmade / inner, unmade)
    disk.check_outside("--output", tmp_path / inner, store.folder)


@pytest.mark.parametrize(
    ("main", "words"),
    [
        (reproduce.main, ["lnsr/table4", "--output"]),
        (reproduce.main, ["demo/noisytune", "task=opinion", "seed=1", "--output"]),
        (claims.main, ["hype", "--output"]),
        (site.main, ["hype", "--output"]),
        (scorecard.main, ["[noisytune]", "--output"]),
        (publish.main, ["--output"]),
        (stores.main, ["export", "demo/noisytune", "--every-eval-ever"]),
        (stores.main, ["export", "demo/noisytune", "--output"]),
    ],
    ids=["static", "reproduce", "claims", "site", "scorecard", "publish", "export_files", "export"],
)
def test_every_command_that_writes_refuses_a_place_in_a_store(
    store: Store, main: Callable[[list[str]], int], words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, str(store.folder / "reports")]) == 2
    assert f"{words[-1]}={store.folder}/reports: is in the store {store.folder}" in capsys.readouterr().err
    assert not (store.folder / "reports").exists()
