"""Stores merged into one: every result once, none in another's place, and nothing of a damaged one."""

from __future__ import annotations

import json
import logging
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmark.errors import BenchmarkError
from benchmark.records.record import Failure
from benchmark.records.store import Store
from benchmark.reproduce import repeated
from benchmark.runs.hits import Hits
from benchmark.store import adding
from benchmark.store.__main__ import main
from benchmark.store.merging import merge
from helpers.records import ARRAYS, ID, RECORD
from helpers.stores import called, elsewhere, other_bits, record, store

OTHER = "f" * 16


def names(folder: Path) -> list[str]:
    return sorted(
        path.name for path in folder.iterdir() if path.name not in ("store.json", "leases", "workers")
    )


def test_records_of_several_stores_are_copied_byte_for_byte(tmp_path: Path) -> None:
    one, two = store(tmp_path / "one", record()), store(tmp_path / "two", record(OTHER))
    added = merge(tmp_path / "all", [one.folder, two.folder])
    assert (added.new, added.known, added.beside, added.left_out) == (2, 0, [], [])
    assert names(tmp_path / "all") == [ID, OTHER]
    for source, run_id in ((one, ID), (two, OTHER)):
        for name in ("record.json", "arrays.npz"):
            copy = tmp_path / "all" / run_id / name
            assert copy.read_bytes() == (source.folder / run_id / name).read_bytes()


@pytest.mark.parametrize(
    "change",
    [
        {"command": "python -m benchmark seed=1", "finished": "2026-02-02T00:00:00+00:00", "resumed": 3},
        {"environment": RECORD.environment | {"device": "another processor"}},
        {"seconds": replace(RECORD.seconds, total=9.0), "memory": replace(RECORD.memory, peak=9)},
    ],
)
def test_the_same_bits_are_kept_once_whatever_surrounded_them(tmp_path: Path, change: dict) -> None:
    one, two = store(tmp_path / "one", record()), store(tmp_path / "two", record(**change))
    added = merge(one.folder, [two.folder])
    assert (added.new, added.known, added.beside) == (0, 1, [])
    assert names(one.folder) == [ID]
    assert one.find(ID) == RECORD


def test_arrays_that_were_compressed_in_another_way_are_the_same_bits(tmp_path: Path) -> None:
    one, two = store(tmp_path / "one", record()), store(tmp_path / "two", record())
    path = two.folder / ID / "arrays.npz"
    content = json.loads((two.folder / ID / "record.json").read_text())
    del content["seal"]  # as older code wrote it
    (two.folder / ID / "record.json").write_text(json.dumps(content))
    np.savez(path, **ARRAYS)
    assert path.read_bytes() != (one.folder / ID / "arrays.npz").read_bytes()
    assert merge(one.folder, [two.folder]).known == 1


def test_scores_that_no_seal_proves_are_compared_with_the_outputs(tmp_path: Path) -> None:
    two = store(tmp_path / "two", record(scores=SCORES, curve=[replace(RECORD.curve[0], scores=SCORES)]))
    path = two.folder / ID / "record.json"
    content = json.loads(path.read_text())
    del content["seal"]
    path.write_text(json.dumps(content))
    [line] = merge(tmp_path / "all", [two.folder]).left_out
    assert "its outputs give accuracy 0.666667 on validation, and it says 0.333333" in line


SCORES = {"validation": {"accuracy": 1 / 3}}
DIFFERENT = {
    "the same losses in another order": ({}, {**ARRAYS, "losses": ARRAYS["losses"][::-1]}, "losses"),
    "one bit of a loss": ({}, other_bits(), "losses"),
    "a score": (
        {"scores": SCORES, "curve": [replace(RECORD.curve[0], scores=SCORES)]},
        ARRAYS,
        "validation accuracy 0.6666666666666666 / 0.3333333333333333",
    ),
    "the number of examples": ({"examples": {"train": 63, "validation": 3}}, ARRAYS, "examples"),
    "an array that is not there": (
        {}, {name: values for name, values in ARRAYS.items() if name != "losses"}, "losses",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", DIFFERENT)
def test_other_bits_of_the_same_run_are_both_kept_and_named(tmp_path: Path, kind: str) -> None:
    changes, arrays, part = DIFFERENT[kind]
    one = store(tmp_path / "one", record())
    two = store(tmp_path / "two", elsewhere(**changes), arrays=arrays)
    added = merge(one.folder, [two.folder])
    assert names(one.folder) == [ID, f"{ID}-2"]
    [line] = added.beside
    assert part in line
    assert "device a processor / another processor" in line
    assert f"this one as {ID}-2" in line
    assert merge(one.folder, [two.folder]).known == 1  # repeated
    assert names(one.folder) == [ID, f"{ID}-2"]


@pytest.mark.parametrize("first", ["one", "two"])
def test_reports_use_the_record_that_was_first_and_say_so(
    tmp_path: Path, first: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Whichever finished later."""
    store(tmp_path / "one", record())
    store(tmp_path / "two", elsewhere(finished="2026-05-05T00:00:00+00:00"), arrays=other_bits())
    second = {"one": "two", "two": "one"}[first]
    merge(tmp_path / first, [tmp_path / second])
    merged = Store(tmp_path / first)
    with caplog.at_level(logging.WARNING):
        found = merged.find(ID)
    assert found == Store(tmp_path / first).read(tmp_path / first / ID, ID)
    assert f"{ID}-2: of the same run and data as {ID}, which is used" in caplog.text
    [note] = repeated(Hits(merged), [ID])
    assert note.startswith("1 run has further records of the same data with other bits")
    assert ID in note
    assert merged.arrays(ID)["losses"][0] == (ARRAYS if first == "one" else other_bits())["losses"][0]


def test_a_record_of_one_origin_is_no_other_one_of_another(tmp_path: Path) -> None:
    weights = replace(RECORD.model, revision="1" * 40)
    one = store(tmp_path / "one", record())
    two = store(tmp_path / "two", record(model=weights, finished="2026-05-05T00:00:00+00:00"))
    added = merge(one.folder, [two.folder])
    assert (added.new, added.beside) == (1, [])
    merged = Store(one.folder)
    assert merged.find(ID).model.revision == "1" * 40  # the newest, as nothing at hand says which
    assert merged.find(ID, {"revision": "0" * 40}).model.revision == "0" * 40
    assert repeated(Hits(merged), [ID]) == []


def test_a_merged_record_never_comes_before_one_that_was_there(tmp_path: Path) -> None:
    one = store(tmp_path / "one", record())
    os.rename(one.folder / ID, one.folder / f"{ID}-2")  # the first was set aside
    two = store(tmp_path / "two", elsewhere(), arrays=other_bits())
    merge(one.folder, [two.folder])
    assert names(one.folder) == [f"{ID}-2", f"{ID}-3"]
    assert Store(one.folder).find(ID) == RECORD


@pytest.mark.parametrize("name", ["record.json", "arrays.npz"])
def test_a_damaged_record_is_named_and_left_out(tmp_path: Path, name: str) -> None:
    two = store(tmp_path / "two", record(), record(OTHER))
    path = two.folder / ID / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    added = merge(tmp_path / "all", [two.folder])
    assert names(tmp_path / "all") == [OTHER]
    [line] = added.left_out
    assert line.startswith(f"{two.folder / ID}: left out (")


def test_an_interrupted_merge_leaves_whole_records_and_is_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    two = store(tmp_path / "two", *(record(f"{number:016x}") for number in range(4)))
    rename, calls = os.rename, []

    def stops(*paths: object) -> None:
        calls.append(paths)
        if len(calls) == 3:
            raise KeyboardInterrupt
        rename(*paths)

    monkeypatch.setattr(adding.os, "rename", stops)
    with pytest.raises(KeyboardInterrupt):
        merge(tmp_path / "all", [two.folder])
    assert len(names(tmp_path / "all")) == 2  # and nothing half-written
    added = merge(tmp_path / "all", [two.folder])
    assert (added.new, added.known) == (2, 2)


def test_failures_are_copied_once(tmp_path: Path) -> None:
    def failure(error: str) -> Failure:
        return Failure(
            ID, "error", error, "", RECORD.config, "python -m benchmark", "2026-01-01T00:00:00+00:00"
        )

    one, two = store(tmp_path / "one"), store(tmp_path / "two", record(OTHER))
    for target, errors in ((one, ["a"]), (two, ["b", "a", "c"])):
        for error in errors:
            target.add_failure(failure(error))
    (two.folder / "failures" / f"{OTHER}-1.json").write_text("{")
    added = merge(one.folder, [two.folder])
    assert added.failures == 2
    assert [kept.error for kept in one.failures(ID)] == ["a", "b", "c"]
    assert len(added.left_out) == 1
    assert merge(one.folder, [two.folder]).failures == 0


def test_what_is_no_store_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    whole = store(tmp_path / "whole", record()).folder
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "mine.txt").write_text("mine")
    newer = store(tmp_path / "newer", record()).folder
    (newer / "store.json").write_text(json.dumps({"id": "a", "lease": 30.0, "format": 2, "more": 1}))
    (tmp_path / "link").symlink_to(whole)
    for sources, says in (
        ([tmp_path / "nowhere"], "nowhere: there is no such folder"),
        ([whole, tmp_path / "empty"], "empty: no store: it has neither a store.json nor a record"),
        ([newer], "a store of format 2, and this code writes format 1"),
    ):
        with pytest.raises(BenchmarkError, match=says):
            merge(tmp_path / "all", sources)
    for into, source, says in (
        (whole, tmp_path / "link", "not merged into itself"),
        (tmp_path / "notes", whole, "neither a store nor an empty folder"),
        (newer, whole, "a store of format 2"),
    ):
        with pytest.raises(BenchmarkError, match=says):
            merge(into, [source])
    assert not (tmp_path / "all").exists()
    assert names(tmp_path / "notes") == ["mine.txt"]


def test_the_command_says_what_it_did_and_fails_for_damage(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = store(tmp_path / "one", record()).folder
    two = store(tmp_path / "two", elsewhere(), record(OTHER), arrays=other_bits()).folder
    status, out, _ = called(main, capsys, "merge", one, two)
    assert status == 0
    assert "1 with other bits" in out.splitlines()[-1]
    assert f"2 records new in {one}, 0 there already" in out.splitlines()[-1]
    (two / OTHER / "record.json").write_text("{")
    status, out, _ = called(main, capsys, "merge", one, two)
    assert status == 1
    assert "1 damaged, left out" in out.splitlines()[-1]
    status, out, err = called(main, capsys, "merge", one, one)
    assert (status, out) == (2, "")
    assert err == f"error: {one}: a store is not merged into itself\n"
