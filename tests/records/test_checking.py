"""A whole store looked at: every fault is listed, and nothing is moved."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from benchmark.grids.grid import Grid
from benchmark.records.checking import faults
from benchmark.records.store import Store
from benchmark.report.proof import unlike
from helpers import damage, readers
from helpers.readers import damaged, store_of, tree


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Grid:
    """A grid of four runs with their records."""
    return readers.made(tmp_path_factory.mktemp("whole") / "store")


@pytest.fixture
def planned(whole: Grid, tmp_path: Path) -> Grid:
    """The grid with a store of the test's own."""
    return readers.copied(whole, tmp_path / "store")


def found(store: Store) -> list[tuple[str, str, bool]]:
    """The faults of a store, by the name of their place; nothing in it has changed."""
    before = tree(store.folder)
    listed = [(fault.place.name, fault.why, fault.damaged) for fault in faults(store, unlike)]
    assert tree(store.folder) == before
    return listed


def unsealed(folder: Path, **changes: object) -> None:
    path = folder / "record.json"
    content = json.loads(path.read_text()) | changes
    del content["seal"]
    path.write_text(json.dumps(content))


def test_a_whole_store_has_no_fault(planned: Grid) -> None:
    assert found(store_of(planned)) == []


@pytest.mark.parametrize(
    ("kind", "name", "proven"),
    [
        ("content", "resumed twice", True),
        ("text", "one digit of a score", True),
        ("folder", "no record in the folder", True),
        ("unknown", "a folder that is a link to nothing", False),
        ("arrays", "cut", True),
        ("folder", "no arrays in the folder", True),
        ("unknown", "arrays that are a link to nothing", False),
    ],
)
def test_what_is_damaged_is_listed_apart_from_what_cannot_be_read(
    kind: str, name: str, proven: bool, planned: Grid
) -> None:
    victim = damaged(planned)
    damage.damage(store_of(planned).folder / victim, kind, name)
    [(place, _, is_damaged)] = found(store_of(planned))
    assert place == ("arrays.npz" if kind == "arrays" else victim)
    assert is_damaged == proven


def test_a_record_without_a_seal_is_named_and_not_damaged(planned: Grid) -> None:
    unsealed(store_of(planned).folder / damaged(planned))
    [(place, why, is_damaged)] = found(store_of(planned))
    assert (place, is_damaged) == (damaged(planned), False)
    assert "has no seal" in why


@pytest.mark.parametrize("change", [lambda logits: -logits, lambda logits: logits * 0])
def test_outputs_that_do_not_give_the_scores_are_named(change: object, planned: Grid) -> None:
    folder = store_of(planned).folder / damaged(planned)
    unsealed(folder)
    with np.load(folder / "arrays.npz") as stored:
        arrays = dict(stored)
    assert not [why for _, why, is_damaged in found(store_of(planned)) if is_damaged]
    np.savez(folder / "arrays.npz", **(arrays | {"logits/validation": change(arrays["logits/validation"])}))
    assert any(
        "its outputs give accuracy" in why for _, why, is_damaged in found(store_of(planned)) if is_damaged
    )


def test_foreign_places_and_failures_are_named(planned: Grid) -> None:
    folder = store_of(planned).folder
    for name in ("failures", "unfinished", "set-aside", "stamps", ".writing-abc", "a\x1b[2Jb"):
        (folder / name).mkdir()
    (folder / "notes.txt").write_text("mine")
    for name in ("0" * 16 + "-1.json", "x.json"):
        (folder / "failures" / name).write_text("[]")
    os.mkfifo(folder / "failures" / f"{'1' * 16}-1.json")
    shutil.rmtree(folder / damaged(planned))
    listed = {name: (why, is_damaged) for name, why, is_damaged in found(store_of(planned))}
    assert set(listed) == {
        "a\x1b[2Jb", "notes.txt", "0" * 16 + "-1.json", "x.json", f"{'1' * 16}-1.json",
    }  # fmt: skip
    assert all(why.isprintable() for why, _ in listed.values())
    assert {name for name, (_, is_damaged) in listed.items() if is_damaged} == {
        "0" * 16 + "-1.json",
        f"{'1' * 16}-1.json",
    }
