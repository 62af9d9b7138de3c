"""A table's report is made again as soon as anything that it is made of was touched, and only then."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmark.grids import grid
from benchmark.records.disk import make_writable
from benchmark.records.store import Store
from benchmark.runs import reported
from benchmark.runs.finished import load_records
from benchmark.runs.reported import Reported

WORDS = ["task=opinion", "seed=1,2"]


@pytest.fixture
def there(tmp_path, record_of, monkeypatch) -> Callable[..., Reported]:
    """Look at the report of a small table whose two folders of sources are in ``tmp_path``."""
    words = [*WORDS, f"store={tmp_path}/store", f"cache={tmp_path}/cache"]
    store = Store(f"{tmp_path}/store")
    make_writable("store", store.folder)
    for run in grid.load("demo/noisytune", words).runs:
        store.add(record_of(run.config, {"validation": {"accuracy": 0.5}}), {})
    for folder in ("code", "results/published", "out"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "file.txt").write_text("a")
    monkeypatch.setattr(reported, "PACKAGE", tmp_path / "code")
    monkeypatch.setattr(reported, "ROOT", tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))

    def look(*more: str, notes: tuple[str, ...] = (), without: int = 0) -> Reported:
        planned, seen = grid.load("demo/noisytune", [*words, *more]), Store(store.folder)
        records = dict(list(load_records(planned, seen).items())[without:])
        return Reported(planned, records, seen, tmp_path / "out", notes)

    return look


def rewritten(path: Path) -> None:
    """Write the same text again: a touch alone is enough."""
    text = path.read_bytes()
    path.unlink()
    path.write_bytes(text)


def test_a_report_stands_as_long_as_nothing_was_touched(there):
    assert there().printed() is None
    there().keep("as printed")
    assert there().printed() == there().printed() == "as printed"


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: rewritten(folder / "out/file.txt"),
        lambda folder: (folder / "out/file.txt").unlink(),
        lambda folder: (folder / "out/another.txt").write_text(""),
        lambda folder: rewritten(folder / "code/file.txt"),
        lambda folder: (folder / "code/another.py").write_text(""),
        lambda folder: rewritten(folder / "results/published/file.txt"),
        lambda folder: rewritten(next((folder / "store").glob("*/arrays.npz"))),
        lambda folder: (folder / "matplotlibrc").write_text(""),
        lambda folder: [path.write_text("{}") for path in (folder / "cache/digests").glob("*.json")],
    ],
)
def test_a_file_that_was_touched_has_it_made_again(
    there, change: Callable[[Path], Any], tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    there().keep("as printed")
    assert there().printed() is not None
    change(tmp_path)
    assert there().printed() is None


def test_so_have_other_words_notes_settings_and_versions(there, monkeypatch):
    there().keep("as printed")
    for look in (
        lambda: there("seed=1"),
        lambda: there("protocol.report={opinion: [accuracy]}"),
        lambda: there(notes=("one record more",)),
    ):
        assert look().printed() is None
    for name, value in (("COLUMNS", "77"), ("MATPLOTLIBRC", "mine")):
        with monkeypatch.context() as patch:
            patch.setenv(name, value)
            assert there().printed() is None
    with monkeypatch.context() as patch:
        patch.setattr(sys, "version", "another")
        assert there().printed() is None
    with monkeypatch.context() as patch:
        patch.setattr(reported, "LIBRARIES", ("numpy",))
        assert there().printed() is None
    assert there().printed() is not None


def test_a_record_of_other_content_has_it_made_again(there, tmp_path):
    there().keep("as printed")
    path = next((tmp_path / "store").glob("*/record.json"))
    times = os.stat(path)
    path.write_text(path.read_text().replace("0.5", "0.6").partition('"seal"')[0].rstrip(" ,\n") + "}")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert there().printed() is None


def test_nothing_is_kept_of_a_part_of_a_table_or_of_damaged_files(there):
    there(without=1).keep("as printed")
    assert there(without=1).printed() is None
    warned = there()
    warned.store.warn("a file", "damaged")
    warned.keep("as printed")
    assert there().printed() is None
