from __future__ import annotations

import errno
import json
import logging
import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmark.errors import BenchmarkError
from benchmark.records.disk import make_writable
from benchmark.records.record import Failure
from benchmark.records.store import Store
from benchmark.records.token import FILE as TOKEN
from helpers.records import ARRAYS, CONFIG, ID, RECORD

STORED = json.dumps(RECORD.to_json())


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "store")
    make_writable("store", store.folder)
    return store


def failure(error: str) -> Failure:
    return Failure(ID, "error", error, "", CONFIG, "python -m benchmark", "2026-01-01T00:00:00+00:00")


def hidden(store: Store) -> list[str]:
    return [path.name for path in store.folder.iterdir() if path.name.startswith(".")]


def test_a_finished_record_reads_back_as_it_was_written(store):
    store.add(RECORD, ARRAYS)
    assert store.find(ID) == RECORD


def test_arrays_read_back_bit_for_bit_with_their_names_and_types(store):
    store.add(RECORD, ARRAYS)
    read = store.arrays(ID)
    assert {name: (a.dtype, a.tobytes()) for name, a in read.items()} == {
        name: (a.dtype, a.tobytes()) for name, a in ARRAYS.items()
    }


def test_a_run_that_is_not_in_the_store_is_none(store):
    assert store.find(ID) is None


def test_a_store_that_does_not_exist_yet_has_no_runs(tmp_path):
    assert Store(tmp_path / "nowhere").find(ID) is None


def test_the_first_writer_stands(store):
    store.add(RECORD, ARRAYS)
    store.add(replace(RECORD, status="diverged"), {})
    assert store.find(ID).status == "finished"


def test_the_second_writer_is_given_the_record_that_stands(store):
    store.add(RECORD, ARRAYS)
    assert store.add(replace(RECORD, status="diverged"), {}) == RECORD


def test_the_arrays_of_the_first_writer_stand_too(store):
    store.add(RECORD, ARRAYS)
    store.add(RECORD, {"losses": np.zeros(9)})
    assert store.arrays(ID)["losses"].tolist() == [0.5, 0.25]


def test_a_second_writer_leaves_no_temporary_folder(store):
    store.add(RECORD, ARRAYS)
    store.add(RECORD, ARRAYS)
    assert hidden(store) == []


def test_a_record_that_cannot_be_written_whole_is_not_there_at_all(store):
    with pytest.raises(ValueError, match="JSON"):
        store.add(replace(RECORD, scores={"validation": {"accuracy": float("nan")}}), ARRAYS)
    assert [path.name for path in store.folder.iterdir()] == [TOKEN]


def test_arrays_that_would_need_pickle_are_refused_and_nothing_is_left(store):
    with pytest.raises(ValueError, match="allow_pickle"):
        store.add(RECORD, {"losses": np.array([{}, None], dtype=object)})
    assert [path.name for path in store.folder.iterdir()] == [TOKEN]


def test_an_interrupted_write_is_invisible(store, monkeypatch):
    monkeypatch.setattr(os, "rename", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        store.add(RECORD, ARRAYS)
    assert store.find(ID) is None


DAMAGED = {
    "truncated": STORED.encode()[:40],
    "empty": b"",
    "binary": bytes(range(256)) * 4,
    "foreign object": b'{"learning_rate": 0.1}',
    "foreign list": b'["run_id", "status", "config", "scores", "curve"]',
    "foreign number": b"7",
    "the record of another run": json.dumps(RECORD.to_json() | {"run_id": "f" * 16}).encode(),
}


def damage(store: Store, content: bytes) -> bytes:
    (store.folder / ID).mkdir()
    (store.folder / ID / "record.json").write_bytes(content)
    return content


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED.keys())
def test_a_damaged_record_counts_as_missing(store, content):
    damage(store, content)
    assert store.find(ID) is None


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED.keys())
def test_a_damaged_record_is_named_in_a_warning(store, content, caplog):
    damage(store, content)
    with caplog.at_level(logging.WARNING):
        store.find(ID)
    assert str(store.folder / ID) in caplog.text


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED.keys())
def test_a_damaged_record_stays_until_its_run_is_made_again_and_is_then_set_aside(store, content):
    damage(store, content)
    store.find(ID)
    assert [path.read_bytes() for path in store.folder.rglob("record.json")] == [content]
    assert store.add(RECORD, ARRAYS) == RECORD == store.find(ID)
    kept = list((store.folder / "set-aside").rglob("record.json"))
    assert [path.read_bytes() for path in kept] == [content]


@pytest.mark.parametrize("lose", [Path.unlink, lambda path: path.write_bytes(b"")], ids=["gone", "empty"])
def test_a_record_without_outputs_is_made_again_and_kept(store, lose, caplog):
    store.add(RECORD, ARRAYS)
    written = (store.folder / ID / "record.json").read_bytes()
    lose(store.folder / ID / "arrays.npz")
    assert store.find(ID) is None
    assert "arrays.npz" in caplog.text
    assert store.add(RECORD, ARRAYS) == RECORD == store.find(ID)
    assert store.arrays(ID).keys() == ARRAYS.keys()
    [kept] = (store.folder / "set-aside").rglob("record.json")
    assert kept.read_bytes() == written


def test_no_changed_byte_of_a_record_passes_or_ends_a_reader(store):
    store.add(RECORD, ARRAYS)
    path = store.folder / ID / "record.json"
    whole = path.read_bytes()
    for position in range(0, len(whole), 5):
        changed = bytes([whole[position] ^ (1 + position % 255)])
        path.write_bytes(whole[:position] + changed + whole[position + 1 :])
        with suppress(BenchmarkError):  # of a version that is not known
            assert Store(store.folder).find(ID) in (None, RECORD)


def test_a_record_that_cannot_be_read_now_stays_and_the_finished_run_lies_beside_it(store, monkeypatch):
    store.add(RECORD, ARRAYS)
    whole_open = os.open

    def failing(path, *rest, **named):
        if str(path) == str(store.folder / ID / "record.json"):
            raise OSError(errno.EIO, "Input/output error", str(path))
        return whole_open(path, *rest, **named)

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", failing)
        assert store.add(RECORD, ARRAYS) == RECORD
    assert sorted(path.name for path in store.folder.iterdir()) == [ID, f"{ID}-2", TOKEN]
    assert store.find(ID) == RECORD


def test_a_foreign_file_named_like_a_run_counts_as_missing(store):
    (store.folder / ID).write_text("somebody's notes")
    assert store.find(ID) is None


def test_a_foreign_file_named_like_a_run_is_named_in_a_warning(store, caplog):
    (store.folder / ID).write_text("somebody's notes")
    with caplog.at_level(logging.WARNING):
        store.find(ID)
    assert str(store.folder / ID) in caplog.text


def test_a_foreign_file_named_like_a_run_does_not_cost_the_run(store):
    (store.folder / ID).write_text("somebody's notes")
    store.find(ID)
    store.add(RECORD, ARRAYS)
    assert store.find(ID) == RECORD


def test_a_run_folder_without_a_record_does_not_cost_the_run(store):
    (store.folder / ID).mkdir()
    (store.folder / ID / "arrays.npz").write_bytes(b"")
    store.add(RECORD, ARRAYS)
    assert store.find(ID) == RECORD


def test_a_folder_in_the_place_of_a_record_does_not_cost_the_run(store):
    (store.folder / ID / "record.json").mkdir(parents=True)
    assert store.find(ID) is None
    assert (store.folder / ID / "record.json").is_dir()
    store.add(RECORD, ARRAYS)
    assert store.find(ID) == RECORD


def test_failures_of_a_run_are_numbered_and_kept_oldest_first(store):
    for attempt in range(12):
        store.add_failure(failure(str(attempt)))
    assert [one.error for one in store.failures(ID)] == [str(attempt) for attempt in range(12)]


def test_a_failure_names_its_run_and_its_number(store):
    store.add_failure(failure("first"))
    assert store.add_failure(failure("second")).name == f"{ID}-2.json"


def test_a_failure_does_not_count_as_a_finished_run(store):
    store.add_failure(failure("out of memory"))
    assert store.find(ID) is None


def test_failures_of_other_runs_are_not_shown(store):
    store.add_failure(replace(failure("theirs"), run_id="f" * 16))
    assert store.failures(ID) == []


def test_an_unreadable_failure_is_passed_over_with_a_warning(store, caplog):
    path = store.add_failure(failure("first"))
    store.add_failure(failure("second"))
    path.write_text("{")
    assert [one.error for one in store.failures(ID)] == ["second"]
    assert str(path) in caplog.text


def test_a_store_that_is_a_file_is_refused_by_name(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BenchmarkError, match=f"store={tmp_path / 'file'}"):
        make_writable("store", tmp_path / "file")


def test_a_store_below_a_file_is_refused_by_name(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BenchmarkError, match=f"store={tmp_path / 'file' / 'store'}"):
        make_writable("store", tmp_path / "file" / "store")


@pytest.mark.skipif(os.getuid() == 0, reason="root may write to read-only folders")
def test_a_read_only_store_is_refused_by_name(tmp_path):
    tmp_path.chmod(0o555)
    with pytest.raises(BenchmarkError, match=f"store={tmp_path}"):
        make_writable("store", tmp_path)
