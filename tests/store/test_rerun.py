"""`python -m benchmark.verify`: records run again, and what is said of those that differ or cannot be."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmark.config.compose import ROOT, run_config
from benchmark.config.identity import run_id
from benchmark.records.record import Record
from benchmark.records.store import Store
from benchmark.runs.run import Run, run
from benchmark.store import archive, rerun
from benchmark.store.likeness import Result
from benchmark.verify import main
from helpers.records import RECORD
from helpers.stores import called, store

CACHE = ROOT / ".cache"
Change = Callable[[Record, dict[str, np.ndarray]], Record]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Record]:
    """A store with one real record."""
    config = run_config(
        "task=opinion", "data.count=64", "protocol.epochs=null", "protocol.steps=3", "method=[noisytune]"
    )
    folder = tmp_path_factory.mktemp("made") / "store"
    return folder, run(Run(replace(config, store=str(folder), cache=str(CACHE))))


@pytest.fixture
def changed(made: tuple[Path, Record], tmp_path: Path) -> Callable[[Change], Path]:
    """``changed(change)``: a store with the record after a change, sealed again as if it had been made so."""

    def written(change: Change) -> Path:
        folder, record = made
        kept = Store(folder)
        assert kept.find(record.run_id) is not None
        arrays = kept.arrays(record.run_id)
        record = change(Record.from_json(json.loads(json.dumps(record.to_json()))), arrays)
        return store(tmp_path / "changed", record, arrays=arrays).folder

    return written


def verified(capsys: pytest.CaptureFixture[str], folder: Path, *words: Any) -> tuple[int, list[str]]:
    status, out, err = called(main, capsys, folder, "--cache", CACHE, *words)
    assert not err
    return status, out.splitlines()


def test_a_record_and_its_archive_are_equal_on_the_same_machine(made, tmp_path, capsys) -> None:
    folder, record = made
    archive.write(tmp_path / "records.tar.gz", {record.run_id: folder / record.run_id}, [])
    before = sorted((folder / record.run_id).rglob("*"))
    status, lines = verified(capsys, tmp_path / "records.tar.gz")
    assert status == 0
    assert lines[0] == f"equal     {record.run_id}  embedded opinion noisytune seed 1"
    assert lines[1].startswith("1 of 1 records: 1 equal; ")
    assert sorted((folder / record.run_id).rglob("*")) == before


def one_bit(record: Record, arrays: dict[str, np.ndarray]) -> Record:
    arrays["logits/validation"] = logits = arrays["logits/validation"].copy()
    logits.view(np.uint32).flat[0] ^= 1
    return record


def other_processor(record: Record, arrays: dict[str, np.ndarray]) -> Record:
    return replace(record, environment=record.environment | {"device": "another processor"})


def score(record: Record, value: float) -> Record:
    scores = {"validation": {"accuracy": value}}
    return replace(record, scores=scores, curve=[replace(record.curve[-1], scores=scores)])


VERDICTS = {
    "one bit of the outputs": (one_bit, rerun.DIFFERS, "logits/validation; the machine is of the same kind"),
    "equal bits of another machine": (other_processor, rerun.EQUAL, "on another machine: device another"),
    "one bit on another machine": (
        lambda record, arrays: other_processor(one_bit(record, arrays), arrays),
        rerun.WITHIN,
        "of another kind: device another processor / ",
    ),
    "a score far off on another machine": (
        lambda record, arrays: other_processor(score(record, 0.99), arrays),
        rerun.DIFFERS,
        "validation accuracy 0.99 / ",
    ),
    "other versions": (
        lambda record, arrays: replace(
            one_bit(record, arrays),
            environment=record.environment | {"packages": record.environment["packages"] | {"torch": "2.0"}},
        ),
        rerun.WITHIN,
        "packages.torch 2.0 / ",
    ),
    "other code on the same machine": (
        lambda record, arrays: replace(
            one_bit(record, arrays),
            environment=record.environment | {"code": {"commit": "0", "dirty": False}},
        ),
        rerun.DIFFERS,
        "the machine is of the same kind, code.commit 0 / ",
    ),
}


@pytest.mark.parametrize("kind", VERDICTS)
def test_verdicts_compare_bits_on_the_same_kind_of_machine_and_scores_on_another(
    kind: str, made, changed: Callable[[Change], Path]
) -> None:
    """Without running anything: the run made again is the record as it was."""
    change, outcome, says = VERDICTS[kind]
    folder, record = made
    other = Result.read(changed(change) / record.run_id, record.run_id)
    verdict = rerun.compared(other, Result.read(folder / record.run_id, record.run_id))
    assert verdict.outcome == outcome
    assert says in verdict.why


def test_the_bound_is_what_a_fifth_of_the_answers_would_make_of_a_score() -> None:
    assert rerun.bound("accuracy", 2000) == pytest.approx(3 * 0.01)  # √(0.2 / 2000) = 0.01
    assert rerun.bound("matthews_correlation", 2000) == pytest.approx(2 * 3 * 0.01)
    of_languages = replace(RECORD, examples={"train": 9, "test/de": 50, "test/fr": 40, "other/fr": 3})
    assert rerun.examples(of_languages, "test") == 40


def strangers_class(record: Record, arrays: dict[str, np.ndarray]) -> Record:
    return of(record, method={"theirs": {"_target_": "os.system"}})


def of(record: Record, **changes: Any) -> Record:
    """The record of a configuration with changes, under its own id."""
    from benchmark.config.stored import typed_again

    config = record.config | changes
    return replace(record, config=config, run_id=run_id(typed_again(config)))


def of_a_folder(record: Record, arrays: dict[str, np.ndarray]) -> Record:
    model = record.config["model"] | {"builder": None, "id": "my_model"}
    return replace(record, config=record.config | {"model": model})


def of_other_data(record: Record, arrays: dict[str, np.ndarray]) -> Record:
    digests = dict.fromkeys(record.data.digests, "0" * 64)
    return replace(record, data=replace(record.data, digests=digests))


CANNOT = {
    "a class that is not trusted": (strangers_class, "the package os is not trusted"),
    "a folder of another machine": (of_a_folder, "a folder of another machine is known by its name alone (model.id=my_model"),
    "other data": (of_other_data, "here is not what the record was made with"),
    "a model that is not here": (
        lambda record, arrays: of(
            record, model=record.config["model"] | {"builder": None, "id": "nobody/nothing"}
        ),
        "nobody/nothing",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", CANNOT)
def test_what_cannot_be_rerun_says_why_and_proves_nothing(
    kind: str, changed: Callable[[Change], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    change, says = CANNOT[kind]
    status, lines = verified(capsys, changed(change))
    assert status == 1
    assert lines[0].startswith(f"{rerun.NOT_RUN}  ")
    assert says in lines[0]
    assert "1 could not be rerun; " in lines[1]


def test_a_damaged_record_is_named_and_the_others_go_on(made, tmp_path, capsys) -> None:
    folder, record = made
    shutil.copytree(folder, tmp_path / "store")
    shutil.copytree(folder / record.run_id, tmp_path / "store" / ("f" * 16))
    status, lines = verified(capsys, tmp_path / "store")
    assert status == 1
    assert sorted(line.split("  ")[0].strip() for line in lines[:2]) == ["damaged", "equal"]
    assert sum("belongs to" in line for line in lines) == 1


def test_the_sample_is_drawn_by_the_seed(tmp_path, capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = store(tmp_path / "store", *(replace(RECORD, run_id=f"{n:016x}") for n in range(40))).folder
    drawn: list[str] = []
    monkeypatch.setattr(rerun, "proven", lambda place, *_: drawn.append(place.name) or rerun.Rerun("equal"))
    for seed in (1, 1, 2):
        assert called(main, capsys, folder, "--sample", 5, "--seed", seed)[0] == 0
    assert drawn[:5] == drawn[5:10] != drawn[10:]
    assert len({*drawn[:5]}) == 5
    assert len(called(main, capsys, folder, "--sample", 99)[1].splitlines()) == 41


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("nowhere",), "nowhere: there is no such folder"),
        ((".",), ".: no store"),
        (("text",), "text: neither a store nor an archive of records"),
        (("empty",), "empty: there are no records in it"),
        (("empty", "--sample", "0"), "--sample 0: at least 1"),
        (("broken.tar.gz",), "broken.tar.gz: damaged, or no archive of records"),
    ],
)
def test_wrong_input_is_refused_in_one_line(words, says, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    store(tmp_path / "empty")
    (tmp_path / "text").write_text("my notes")
    (tmp_path / "broken.tar.gz").write_bytes(b"\x1f\x8bbroken")
    status, out, err = called(main, capsys, *words)
    assert (status, out) == (2, "")
    assert err.startswith(f"error: {says}")
    assert err.count("\n") == 1


def test_a_configuration_is_completed_with_places_of_here(made) -> None:
    folder, record = made
    config = rerun.complete(record, "somewhere", Store(folder))
    assert (config.cache, config.store, config.snapshot_minutes) == ("somewhere", str(folder), None)
    assert run_id(config) == record.run_id
