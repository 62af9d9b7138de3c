"""What `python -m benchmark.plan` says before anything is run."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from benchmark import plan
from benchmark.grids import grid
from benchmark.records.store import Store
from benchmark.runs import throughput
from benchmark.runs.throughput import Measured, measure, work_of

TABLE = "lnsr/table1"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    (tmp_path / "store").mkdir()
    return Store(tmp_path / "store")


def measured(*records) -> Measured:
    found = Measured()
    for record in records:
        found.add(record, size=2.0)
    return found


def finished(config, record_of, examples: int = 2490, steps: int = 100, seconds: float = 50.0, **changes):
    record = record_of(config, {"validation": {"accuracy": 0.5}}, **changes)
    record.curve[0].step = steps
    record.examples["train"] = examples
    record.seconds.total = seconds
    return record


LNSR = ("protocol=lnsr", "model=bert_large_uncased", "task=rte")


def test_hours_are_seconds_per_update_times_updates(compose, record_of):
    known = measured(finished(compose(*LNSR), record_of))  # 0.5 s per update
    assert (
        known.updates(work_of(compose(*LNSR, "seed=7"))) == 3 * 78
    )  # ceil(2490 / 32) = 78 batches, 3 epochs
    assert known.hours(compose(*LNSR, "seed=7")) == pytest.approx(234 * 0.5 / 3600)


def test_the_median_is_taken(compose, record_of):
    known = measured(*(finished(compose(*LNSR), record_of, seconds=s) for s in (10, 50, 1000)))
    assert known.hours(compose(*LNSR)) == pytest.approx(234 * 0.5 / 3600)


@pytest.mark.parametrize(
    ("change", "updates"),
    [
        ("data.count=320", 30),
        ("data.share=0.5", 117),
        ("protocol.epochs=4", 312),
    ],
)
def test_less_data_and_more_epochs_are_counted(change, updates, compose, record_of):
    assert measured(finished(compose(*LNSR), record_of)).updates(work_of(compose(*LNSR, change))) == updates


def test_a_number_of_steps_is_taken_as_it_is(compose):
    assert Measured().updates(work_of(compose(*LNSR, "protocol.epochs=null", "protocol.steps=800"))) == 800


@pytest.mark.parametrize(
    "other", ["model=bert_base_uncased", "task=cola", "method=[lnsr]", "protocol.batch_size=8"]
)
def test_what_was_not_measured_is_not_known(other, compose, record_of):
    assert measured(finished(compose(*LNSR), record_of)).hours(compose(*LNSR, other)) is None


def test_a_run_that_diverged_measures_nothing(compose, record_of):
    assert measured(finished(compose(*LNSR), record_of, status="diverged")).hours(compose(*LNSR)) is None


def test_a_subset_says_nothing_of_the_size_of_a_training_set(compose, record_of):
    known = measured(finished(compose(*LNSR, "data.count=64"), record_of, examples=64))
    assert known.updates(work_of(compose(*LNSR))) is None


def test_a_plan_counts_what_is_done_and_what_tables_share(compose, record_of, store):
    first = grid.load(TABLE, ["task=rte"])
    second = grid.load("lnsr/pvalues", ["task=rte"])
    record = finished(first.runs[0].config, record_of)
    store.add(record, {})
    done = {record.run_id}
    rows = plan.rows([first, second], done, measure(store))
    assert [(row.runs, row.done, row.to_do, row.shared) for row in rows] == [
        (300, 1, 299, 100),
        (100, 1, 99, 100),
    ]
    assert [row.unknown for row in rows] == [275, 75]  # plain fine-tuning was measured
    assert rows[0].hours == pytest.approx(24 * 234 * 0.5 / 3600)
    together = plan.total([first, second], done, measure(store))
    assert (together.runs, together.to_do) == (300, 299)


def test_damaged_records_measure_nothing_and_stay(store):
    folder = store.folder / ("0" * 16)
    folder.mkdir()
    (folder / "record.json").write_text("{")
    assert measure(store).seconds == {}
    assert folder.is_dir()


def test_of_a_large_store_only_the_latest_records_are_read(store, monkeypatch, compose, record_of):
    monkeypatch.setattr(throughput, "RECENT", 2)
    for seed in (3, 2, 1):
        store.add(finished(compose(*LNSR, f"seed={seed}"), record_of, seconds=100.0 * seed), {})
    folders = {
        json.loads(path.read_text())["config"]["seed"]: path.parent
        for path in store.folder.glob("*/record.json")
    }
    for seed, folder in folders.items():
        os.utime(folder, (seed, seed))
    assert list(measure(store).seconds.values()) == [[3.0, 2.0]]


def test_the_command_shows_a_row_per_table(capsys, tmp_path):
    assert plan.main(["lnsr/table1", "lnsr/pvalues", f"store={tmp_path}", "--args", "seed=1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == [
        "Table",
        "runs",
        "done",
        "to",
        "do",
        "shared",
        "hours",
        "MB",
        "not",
        "measured",
    ]
    assert lines[2].split() == ["lnsr/table1", "48", "0", "48", "16", "unknown", "unknown", "48"]
    assert lines[3].split()[:5] == ["lnsr/pvalues", "16", "0", "16", "16"]
    assert lines[4].split()[:4] == ["together", "48", "0", "48"]


def test_smoke_runs_can_be_planned(capsys, tmp_path):
    assert plan.main(["lnsr/table1", "--args", f"--smoke store={tmp_path}"]) == 0
    assert capsys.readouterr().out.splitlines()[2].split()[:2] == ["lnsr/table1", "24"]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["lnsr/tabel1"], "unknown table 'lnsr/tabel1' in sweeps/; did you mean 'lnsr/table1'?"),
        ([], "name a table, or all"),
        (["lnsr/table1", "task=rtee"], "did you mean 'rte'?"),
        (["lnsr/table1", "seed=range(1,1)"], "names no value"),
    ],
)
def test_what_cannot_be_planned_is_refused_in_a_line(arguments, line, capsys):
    assert plan.main(arguments) == 2
    errors = capsys.readouterr().err
    assert errors.startswith("error: ")
    assert line in errors
