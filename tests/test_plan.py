"""What `python -m benchmark.plan` says before anything is run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmark import plan
from benchmark.errors import BenchmarkError
from benchmark.forecast import at_hand, estimate, lengths, probe, throughput
from benchmark.forecast.devices import HERE, MEASURED, NAMED, Rates
from benchmark.forecast.estimate import Forecaster
from benchmark.forecast.throughput import Measured, measure
from benchmark.forecast.work import evaluations_of, updates_of, work_of
from benchmark.grids import grid
from benchmark.records.store import Store
from benchmark.runs.resources import processor

TABLE = "lnsr/table1"
SLOW = Rates(HERE, {"float32": 1e9}, 1e9, 1e-5, None, MEASURED)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    (tmp_path / "store").mkdir()
    return Store(tmp_path / "store")


@pytest.fixture(autouse=True)
def probed(monkeypatch) -> list[int]:
    """The machine is not measured; how often it would have been."""
    asked: list[int] = []
    monkeypatch.setattr(probe, "machine", lambda cache, processes: asked.append(processes) or SLOW)
    return asked


def measured(*records) -> Measured:
    found = Measured()
    for record in records:
        found.add(record, size=2.0)
    return found


def finished(config, record_of, examples: int = 2490, steps: int = 100, update: float = 0.5, **changes):
    """A run here: evaluated once in 4 s, and 3 s beside that and its updates."""
    record = record_of(config, {"validation": {"accuracy": 0.5}}, **changes)
    record.environment["device"] = processor()
    record.curve[0].step = steps
    record.examples["train"] = examples
    seconds = record.seconds
    seconds.per_update, seconds.train, seconds.evaluate, seconds.probes = update, update * steps, 4.0, 0.0
    seconds.total = seconds.train + 4.0 + 3.0
    return record


LNSR = ("protocol=lnsr", "model=bert_large_uncased", "task=rte")


def test_hours_are_of_updates_evaluations_and_loading(compose, record_of):
    known = measured(*(finished(compose(*LNSR, f"seed={seed}"), record_of) for seed in (1, 2)))
    updates = 3 * 78  # ceil(2490 / 32) = 78 batches, 3 epochs
    assert updates_of(compose(*LNSR), known.examples["rte"]) == updates
    said = Forecaster(known).of(compose(*LNSR, "seed=7"))
    assert said.seconds == pytest.approx(updates * 0.5 + 3 * 4.0 + 3.0)
    assert said.low < said.seconds < said.high
    assert said.origin == "runs"


def test_what_may_be_a_processs_first_run_does_not_say_how_long_loading_takes(compose, record_of):
    one = measured(finished(compose(*LNSR), record_of))
    assert one.rates(throughput.workload_of(compose(*LNSR)), processor()).loading is None
    first = finished(compose(*LNSR, "seed=2"), record_of)
    first.seconds.total += 30  # imports
    both = measured(finished(compose(*LNSR), record_of), first)
    assert both.rates(throughput.workload_of(compose(*LNSR)), processor()).loading == pytest.approx(3.0)


@pytest.mark.parametrize(
    ("steps", "changes"), [(2, {}), (100, {"resumed": 1}), (100, {"status": "diverged"})]
)
def test_smoke_runs_and_odd_ones_never_enter_a_rate(steps, changes, compose, record_of):
    known = measured(finished(compose(*LNSR), record_of, steps=steps, **changes))
    assert known.rates(throughput.workload_of(compose(*LNSR)), processor()) is None


def test_runs_of_another_device_say_nothing_of_this_one(compose, record_of):
    known = measured(finished(compose(*LNSR), record_of))
    assert Forecaster(known).of(compose(*LNSR)).origin == "runs"
    assert Forecaster(known, "h100").of(compose(*LNSR)).origin == MEASURED


def test_the_median_is_taken(compose, record_of):
    known = measured(*(finished(compose(*LNSR), record_of, update=s) for s in (0.1, 0.5, 10)))
    assert known.rates(throughput.workload_of(compose(*LNSR)), processor()).update == 0.5


@pytest.mark.parametrize(
    ("change", "updates", "evaluations"),
    [("data.count=320", 30, 3), ("data.share=0.5", 117, 3), ("protocol.epochs=4", 312, 4),
     ("protocol.epochs=0.5", 39, 1), ("protocol.evaluations_per_epoch=2", 234, 6),
     ("protocol.evaluations_per_epoch=0", 234, 1)],
)  # fmt: skip
def test_less_data_and_more_epochs_are_counted(change, updates, evaluations, compose):
    config = compose(*LNSR, change)
    assert updates_of(config, 2490) == updates
    assert evaluations_of(config, updates, 2490) == evaluations


def test_a_number_of_steps_is_taken_as_it_is(compose):
    assert updates_of(compose(*LNSR, "protocol.epochs=null", "protocol.steps=800"), None) == 800


def test_seeds_are_one_work_and_lengths_are_not(compose):
    assert work_of(compose(*LNSR)) == work_of(compose(*LNSR, "seed=9"))
    assert work_of(compose(*LNSR)) != work_of(compose(*LNSR, "protocol.max_length=64"))


@pytest.mark.parametrize(
    "other", ["model=bert_base_uncased", "task=cola", "method=[lnsr]", "protocol.batch_size=8"]
)
def test_what_was_not_measured_is_reckoned(other, compose, record_of, probed):
    said = Forecaster(measured(finished(compose(*LNSR), record_of))).of(compose(*LNSR, other))
    assert (said.origin, said.seconds > 0, said.memory > 1e8, said.megabytes > 0) == (
        MEASURED,
        True,
        True,
        True,
    )
    assert len(probed) == 1


def test_a_named_gpu_needs_no_probe(compose, probed):
    said = Forecaster(on="h100").of(compose(*LNSR))
    assert said.hours < Forecaster(on="t4").of(compose(*LNSR)).hours / 3
    assert Forecaster(on="t4").of(compose(*LNSR)).origin == "data sheet"
    assert probed == []


def test_a_gpu_without_a_precision_says_so(compose):
    why = Forecaster(on="t4").of(compose(*LNSR, "protocol.precision=bfloat16")).why
    assert why == "protocol.precision=bfloat16: t4 has float32"


def test_a_machine_that_cannot_be_measured_says_why(compose, monkeypatch):
    def broken(*_):
        raise BenchmarkError("its process died")

    monkeypatch.setattr(probe, "machine", broken)
    said = Forecaster().of(compose(*LNSR))
    assert said.seconds is None
    assert "could not be measured (its process died); name a device, e.g. ON=h100" in said.why


UNLISTED = "its lengths are not in the table"


def test_what_is_not_here_and_not_known_is_unknown_for_a_reason(compose):
    said = Forecaster(on="h100").of(compose(*LNSR, "model.id=some/body"))
    assert said.why == "model bert_large_uncased: its size is unknown, for it is not here"
    said = Forecaster(on="h100").of(compose(*LNSR, "task.repo=some/body"))
    assert said.why.startswith(f"task rte: {UNLISTED}, and not here: its data")


@pytest.mark.parametrize(
    ("changes", "lacking"),
    [
        (["task=rte", "model=embedded"], "the tokenizer of embedded"),
        (["task=rte", "model=embedded", "task.repo=some/body"], "its data and the tokenizer of embedded"),
        (["task=opinion", "model.name=mine", "model.id=some/body"], "the tokenizer of mine"),
    ],
)
def test_what_keeps_lengths_from_being_counted_is_named(changes, lacking, compose, tmp_path, monkeypatch):
    monkeypatch.setattr(at_hand, "_has", lambda kind, name: name != "some/body")
    monkeypatch.setattr(lengths, "table", dict)
    config = compose(*changes)
    config.cache = str(tmp_path)
    assert at_hand.lacking(config) == lacking.split(" and ")
    said = Forecaster(on="h100").of(config)
    assert said.why == f"task {config.task.name}: {UNLISTED}, and not here: {lacking}"


def test_a_plan_counts_what_is_done_and_what_tables_share(compose, record_of, store):
    first = grid.load(TABLE, ["task=rte"])
    second = grid.load("lnsr/pvalues", ["task=rte"])
    record = finished(first.runs[0].config, record_of)
    store.add(record, {})
    done = {record.run_id}
    rows = plan.rows([first, second], done, Forecaster(measure(store)))
    assert [(row.runs, row.done, row.to_do, row.shared) for row in rows] == [
        (300, 1, 299, 100),
        (100, 1, 99, 100),
    ]
    assert [row.unknown for row in rows] == [0, 0]
    assert [said.origin for said in rows[0].forecasts].count("runs") == 24  # plain fine-tuning was measured
    together = plan.total([first, second], done, Forecaster(measure(store)))
    assert (together.runs, together.to_do) == (300, 299)


def test_damaged_records_measure_nothing_and_stay(store):
    folder = store.folder / ("0" * 16)
    folder.mkdir()
    (folder / "record.json").write_text("{")
    assert measure(store).costs == {}
    assert folder.is_dir()


def test_of_a_large_store_only_the_latest_records_are_read(store, monkeypatch, compose, record_of):
    monkeypatch.setattr(throughput, "RECENT", 2)
    for seed in (3, 2, 1):
        store.add(finished(compose(*LNSR, f"seed={seed}"), record_of, update=1.0 * seed), {})
    folders = {
        json.loads(path.read_text())["config"]["seed"]: path.parent
        for path in store.folder.glob("*/record.json")
    }
    for seed, folder in folders.items():
        os.utime(folder, (seed, seed))
    [costs] = measure(store).costs.values()
    assert [cost.update for cost in costs] == [3.0, 2.0]


def test_the_command_shows_a_row_per_table(capsys, tmp_path):
    arguments = ["lnsr/table1", "lnsr/pvalues", f"store={tmp_path}", "--on", "h100", "--args", "seed=1"]
    assert plan.main(arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[0] == "Table"
    assert lines[0].split()[1:] == [
        "runs",
        "done",
        "to",
        "do",
        "shared",
        "hours",
        "from",
        "-",
        "to",
        "MB",
        "peak",
        "GiB",
        "unknown",
    ]
    assert lines[2].split()[:5] == ["lnsr/table1", "48", "0", "48", "16"]
    assert 0.1 < float(lines[2].split()[5]) < 10
    assert lines[3].split()[:5] == ["lnsr/pvalues", "16", "0", "16", "16"]
    assert lines[4].split()[:4] == ["together", "48", "0", "48"]
    assert lines[5].startswith(
        "hours on NVIDIA H100, one run at a time: 48 runs by arithmetic, rates measured; "
    )
    assert "fit at once" in lines[5]


def test_hours_here_are_also_told_for_as_many_runs_as_go_at_a_time(capsys, tmp_path, probed, monkeypatch):
    monkeypatch.setattr("benchmark.forecast.in_words.room", lambda threads, device: 4)
    assert plan.main(["demo/noisytune", f"store={tmp_path}"]) == 0
    assert "; 4 at a time: " in capsys.readouterr().out
    assert len(probed) == 1


def test_an_unknown_device_is_refused_with_the_nearest(capsys):
    assert plan.main(["demo/noisytune", "--on", "h10"]) == 2
    assert "unknown device 'h10' in ON; did you mean 'h100'?" in capsys.readouterr().err
    assert {"h100", "h200", "a100"} <= NAMED.keys()


def test_a_plan_of_what_has_no_forecast_says_unknown(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(estimate, "lengths_of", lambda config: None)
    monkeypatch.setattr(lengths, "table", dict)
    assert plan.main(["lnsr/pvalues", f"store={tmp_path}", "--on", "h100"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].split()[-5:] == ["unknown"] * 4 + ["400"]
    assert lines[3].startswith("unknown, 50 runs: task ")  # of one model: its tokenizer is named


def test_a_plan_imports_no_torch(tmp_path):
    code = (
        "import sys; from benchmark import plan; "
        f"plan.main(['noisytune/table2', 'store={tmp_path}', '--on', 'h100']); "
        "print([name for name in ('torch', 'transformers', 'datasets', 'pandas', 'scipy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_smoke_runs_can_be_planned(capsys, tmp_path):
    assert plan.main(["lnsr/table1", "--args", f"--smoke store={tmp_path} --on h100"]) == 0
    assert capsys.readouterr().out.splitlines()[2].split()[:2] == ["lnsr/table1", "24"]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["lnsr/tabel1"], "unknown table 'lnsr/tabel1' in sweeps/; did you mean 'lnsr/table1'?"),
        ([], "no table is named"),
        (["lnsr/table1", "task=rtee"], "did you mean 'rte'?"),
        (["lnsr/table1", "seed=range(1,1)"], "names no value"),
    ],
)
def test_what_cannot_be_planned_is_refused_in_a_line(arguments, line, capsys):
    assert plan.main(arguments) == 2
    errors = capsys.readouterr().err
    assert errors.startswith("error: ")
    assert line in errors
