"""Arrays of a record: what is read, and what is named and not used."""

from __future__ import annotations

import json
import os
import resource
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmark.records import writing
from benchmark.records.disk import make_writable
from benchmark.records.record import Evaluation
from benchmark.records.store import Store
from helpers.records import ARRAYS, ID, RECORD

UPDATES = np.zeros(2, np.float32)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "store")
    make_writable("store", store.folder)
    return store


@pytest.fixture
def unsealed(store: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A store whose records have no digests, as older code wrote them: only the arrays themselves tell."""
    monkeypatch.setattr(
        writing,
        "sealed",
        lambda content, _: json.dumps({name: value for name, value in content.items() if name != "seal"}),
    )
    return store


def place(store: Store) -> Path:
    return store.folder / ID / "arrays.npz"


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04garbage", b"\x93NUMPY", b"text"])
def test_damaged_arrays_are_empty_with_a_warning(unsealed, content, caplog):
    unsealed.add(RECORD, ARRAYS)
    place(unsealed).write_bytes(content)
    assert unsealed.arrays(ID) == unsealed.arrays(ID) == {}
    assert caplog.text.count("arrays.npz") == 1


def test_arrays_that_are_gone_are_named(store, caplog):
    store.add(RECORD, ARRAYS)
    place(store).unlink()
    assert store.arrays(ID) == {}
    assert "there is no arrays.npz in it" in caplog.text


def test_one_changed_number_of_the_arrays_is_noticed(store, caplog):
    store.add(RECORD, ARRAYS)
    np.savez_compressed(place(store), **(ARRAYS | {"losses": ARRAYS["losses"] + 1e-6}))
    assert store.arrays(ID) == {}
    assert "digest" in caplog.text


@pytest.mark.parametrize(
    ("name", "array", "says"),
    [
        (
            "targets/validation",
            np.array([0, 5, 1]),
            "targets/validation: from 0 to 5, and the logits have 2 outputs",
        ),
        ("targets/validation", np.array([0, 1]), "of shape (2,), and the logits have 3 examples"),
        ("logits/validation", np.zeros((3, 2), np.float32), "and not floats of shape (1, 3, 2)"),
        ("logits/validation", np.zeros((1, 2, 2), np.float32), "float32 of shape (1, 2, 2), and not floats"),
        ("logits/validation", np.zeros((2, 3, 2), np.float32), "of shape (2, 3, 2)"),
        ("logits/validation", np.zeros((1, 3, 2), np.int64), "int64 of shape (1, 3, 2)"),
        ("logits/validation", np.full((1, 3, 2), np.nan, np.float32), "has values that are not numbers"),
        ("logits/validation", None, "logits/validation: its targets are missing"),
        ("losses", np.array(["a"]), "losses: <U1 of shape (1,), and not a number for each of 2 updates"),
        ("losses", np.zeros((2, 2), np.float32), "losses: float32 of shape (2, 2)"),
        ("losses", np.zeros(3, np.float32), "losses: float32 of shape (3,)"),
        ("subset", np.zeros(3), "subset: float64 of shape (3,), and not a whole number for each of 64"),
        ("logits/another", np.zeros((1, 3, 2), np.float32), "an unknown 'logits/another.npy'"),
        ("probe/norm_change/change", np.zeros(3), "an unknown 'probe/norm_change/change.npy'"),
        ("../../../escape", np.zeros(3), "an unknown '../../../escape.npy'"),
        ("losses", np.array([{}], dtype=object), "losses: holds objects"),
    ],
)
def test_arrays_that_do_not_fit_are_named_and_not_used(unsealed, name, array, says, caplog):
    unsealed.add(RECORD, ARRAYS)
    assert set(unsealed.arrays(ID)) == set(ARRAYS)
    assert caplog.text == ""
    others = {
        key: value for key, value in ARRAYS.items() if array is not None or not key.startswith("targets")
    }
    np.savez(place(unsealed), **(others | ({} if array is None else {name: array})))
    assert unsealed.arrays(ID) == {}
    assert says in caplog.text


def test_logits_have_one_entry_for_every_evaluation(unsealed):
    scores = RECORD.scores
    curve = [Evaluation(1, 0.5, 0.6, {}, scores), Evaluation(2, 1.0, 0.5, {}, scores)]
    unsealed.add(replace(RECORD, curve=curve), ARRAYS)
    assert unsealed.arrays(ID) == {}
    np.savez(place(unsealed), **(ARRAYS | {"logits/validation": np.zeros((2, 3, 2), np.float32)}))
    assert unsealed.arrays(ID)["logits/validation"].shape == (2, 3, 2)


def test_a_run_that_diverged_has_a_loss_for_every_update(unsealed):
    diverged = replace(RECORD, status="diverged", diverged_at=5, scores={}, curve=[])
    unsealed.add(diverged, {"losses": np.array([1, 2, np.inf, np.nan, np.nan], np.float32)})
    assert len(unsealed.arrays(ID)["losses"]) == 5


@pytest.mark.parametrize("shape", ["(2**42,)", "(2**62, 2**62)"])
def test_a_header_that_claims_terabytes_allocates_nothing(unsealed, shape, caplog):
    unsealed.add(RECORD, ARRAYS)
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {eval(shape)}}}".ljust(117) + "\n"
    with zipfile.ZipFile(place(unsealed), "w") as archive:
        archive.writestr(
            "losses.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode()
        )
    assert unsealed.arrays(ID) == {}
    assert "losses: " in caplog.text


@pytest.mark.parametrize("name", ["bomb", "subset", "losses"])
def test_a_bomb_is_not_unpacked(unsealed, name, caplog):
    unsealed.add(RECORD, ARRAYS)
    count = 2**28
    header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({count},), }}".ljust(117) + "\n"
    with (
        zipfile.ZipFile(place(unsealed), "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open(f"{name}.npy", "w") as file,
    ):
        file.write(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode())
        for _ in range(count // 2**24):
            file.write(bytes(2**24))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert unsealed.arrays(ID) == {}
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # kB
    assert name in caplog.text


def test_arrays_that_are_a_pipe_are_named_and_never_waited_for(unsealed, caplog):
    unsealed.add(RECORD, ARRAYS)
    place(unsealed).unlink()
    os.mkfifo(place(unsealed))
    assert unsealed.arrays(ID) == {}
    assert "not a regular file" in caplog.text


def test_no_changed_byte_of_the_arrays_ends_a_reader(unsealed):
    unsealed.add(RECORD, ARRAYS)
    whole = place(unsealed).read_bytes()
    for position in range(0, len(whole), 3):
        changed = bytes([whole[position] ^ (1 + position % 255)])
        place(unsealed).write_bytes(whole[:position] + changed + whole[position + 1 :])
        assert set(Store(unsealed.folder).arrays(ID)) <= set(ARRAYS)
