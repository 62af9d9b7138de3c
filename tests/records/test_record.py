"""Records of every kind against their published JSON Schema, and what a reader does with other versions."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

from benchmark.config.compose import ROOT
from benchmark.config.identity import run_id
from benchmark.config.schema import RunConfig
from benchmark.config.stored import typed_again
from benchmark.errors import BenchmarkError
from benchmark.records import record as kinds
from benchmark.records.checking import faults
from benchmark.records.disk import make_writable
from benchmark.records.record import VERSION, Evaluation, Failure, Record
from benchmark.records.store import Store
from benchmark.runs.failures import failure
from benchmark.runs.result import NOT_IN_RECORD
from benchmark.runs.run import Run, run
from benchmark.training.snapshot import Snapshot
from helpers.rates import any_rate

SCHEMA = json.loads((ROOT / "benchmark" / "records" / "schema.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
OURS = ("model=embedded_multilingual", "data.count=16", "protocol.epochs=1")
RUNS = {
    "finished": ("task=opinion", "data.count=16", "protocol.epochs=1"),
    "diverged": (
        "task=opinion",
        "data.count=16",
        "protocol.epochs=20",
        "protocol.learning_rate=1e30",
        "protocol.warmup=0",
    ),
    "regression": ("task=closeness", "data.count=16", "protocol.epochs=1"),
    "tagging": ("task=entities", *OURS),
    "question answering": ("task=questions", *OURS),
    "retrieval and mining": ("task=inference", "task.languages=[de]", *OURS),
    "probed": ("task=opinion", "data.count=16", "protocol.epochs=1", "probe=[norm_change]"),
}


class Gone(BaseException):
    """The process would be gone by now."""


def stored(store: Store, record: Record) -> dict[str, Any]:
    return json.loads((store.folder / record.run_id / "record.json").read_text())


@pytest.mark.parametrize("overrides", RUNS.values(), ids=RUNS.keys())
def test_a_record_of_every_kind_is_as_published(
    overrides: tuple[str, ...], compose: Callable[..., RunConfig]
):
    this = Run(compose(*overrides), "python -m benchmark …")
    with any_rate():
        record = run(this)
    written = stored(this.store, record)
    VALIDATOR.validate(written)
    assert Record.from_json(written) == record == this.store.find(this.id)
    assert run_id(typed_again(record.config)) == this.id
    arrays = this.store.arrays(this.id)
    with np.load(this.store.folder / this.id / "arrays.npz") as kept:
        assert set(arrays) == set(kept) >= {"losses", "subset"}
    assert list(faults(this.store)) == []
    assert written["version"] == VERSION
    assert (record.status == "diverged") == (record.diverged_at is not None) == (not record.scores)


def test_a_resumed_record_is_as_published(
    compose: Callable[..., RunConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    this = Run(compose("task=opinion", "data.count=64", "protocol.epochs=2", "snapshot_minutes=0"))
    take = Snapshot.take

    def gone(self: Snapshot, progress: Any, *rest: Any) -> None:
        take(self, progress, *rest)
        raise Gone

    with monkeypatch.context() as patch:
        patch.setattr(Snapshot, "take", gone)
        with pytest.raises(Gone):
            run(this)
    record = run(this)
    assert record.resumed == 1
    VALIDATOR.validate(stored(this.store, record))


@pytest.mark.parametrize("error", [RuntimeError("out of luck"), "its process was killed by signal 9"])
def test_a_failure_is_as_published(error: Any, compose: Callable[..., RunConfig]) -> None:
    this = Run(compose("task=opinion"), "python -m benchmark task=opinion")
    make_writable("store", this.config.store)
    path = this.store.add_failure(failure(this, error))
    VALIDATOR.validate(json.loads(path.read_text()))
    [read] = this.store.failures(this.id)
    assert (read.run_id, read.status, read.command) == (this.id, "failed", this.command)


def dataclasses_of_records() -> Iterator[tuple[type, dict[str, Any]]]:
    defs = SCHEMA["$defs"]
    record = defs["record"]["properties"]
    yield Record, defs["record"]
    yield Failure, defs["failure"]
    yield Evaluation, defs["evaluation"]
    yield kinds.Seconds, record["seconds"]
    yield kinds.Memory, record["memory"]
    yield kinds.Weights, record["model"]
    yield kinds.Data, record["data"]


def test_the_schema_has_the_fields_of_the_classes() -> None:
    described = dict(dataclasses_of_records())
    assert {kind for kind in vars(kinds).values() if is_dataclass(kind)} == set(described)
    for kind, schema in described.items():
        names = [field.name for field in fields(kind)]
        assert [*schema["properties"]] == names, kind
        assert schema["required"] == [name for name in names if name not in kinds.LATER], kind
    config = [field.name for field in fields(RunConfig) if field.name not in NOT_IN_RECORD]
    assert sorted(SCHEMA["$defs"]["config"]["properties"]) == sorted(config)
    assert SCHEMA["$defs"]["record"]["properties"]["version"]["const"] == VERSION


@pytest.fixture
def made(compose: Callable[..., RunConfig], record_of: Callable[..., Record]) -> Record:
    return record_of(compose("task=opinion"), {"validation": {"accuracy": 0.5}})


@pytest.fixture
def store(tmp_path: Path) -> Store:
    make_writable("store", tmp_path / "records")
    return Store(tmp_path / "records")


def put(store: Store, content: dict[str, Any]) -> None:
    (store.folder / content["run_id"]).mkdir()
    (store.folder / content["run_id"] / "record.json").write_text(json.dumps(content))


def test_a_record_of_another_version_is_refused_with_a_word(made: Record, store: Store) -> None:
    put(store, made.to_json() | {"version": VERSION + 1})
    with pytest.raises(
        BenchmarkError, match=rf"of version {VERSION + 1}, and this code reads version {VERSION}"
    ):
        store.find(made.run_id)
    assert (store.folder / made.run_id / "record.json").exists()


def test_a_record_without_a_version_is_told_of_and_not_used(
    made: Record, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    old = {key: value for key, value in made.to_json().items() if key != "version"} | {"padding": "left out"}
    put(store, old)
    with caplog.at_level(logging.WARNING):
        assert store.find(made.run_id) is None
    assert f"{made.run_id}: a record without a version" in caplog.text
    assert store.add(made, {}) == made == store.find(made.run_id)
    kept = list((store.folder / "set-aside").rglob("record.json"))
    assert [json.loads(path.read_text()) for path in kept] == [old]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"curve": None}, "no proper 'curve'"),
        ({"status": "failed"}, "no proper 'status'"),
        ({"padding": "left out"}, "an unknown 'padding'"),
        ({"seconds": {"train": 1.0}}, "no proper 'evaluate' in 'seconds'"),
        ({"curve": [{"step": "2"}]}, "in 'curve/0'"),
        ({"padding_computed": "computed"}, "no proper 'padding_computed'"),
        ({"resumed": None}, "no proper 'resumed'"),
    ],
)
def test_what_is_no_record_is_not_taken_for_one(change: dict[str, Any], said: str, made: Record) -> None:
    content = made.to_json() | change
    with pytest.raises(ValueError, match=said):
        Record.from_json(content)
    assert not VALIDATOR.is_valid(content)


def test_a_record_is_the_same_after_json(made: Record) -> None:
    again = Record.from_json(json.loads(json.dumps(made.to_json())))
    assert again == made
    assert replace(again, seconds=replace(made.seconds, total=9.0)) != made
