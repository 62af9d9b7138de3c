"""The smoke run of every table."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmark import reproduce as reproduce_command
from benchmark.config.compose import ROOT
from benchmark.config.schema import METRICS
from benchmark.config.units import RATES
from benchmark.config.validation import validate
from benchmark.engines import machine
from benchmark.grids import grid
from benchmark.records.disk import make_writable
from benchmark.records.record import Record
from benchmark.records.store import Store
from benchmark.report import write
from benchmark.report.build import build
from benchmark.report.evidence import gathered
from benchmark.report.judge import CONTRADICTED, NOT_MEASURED, REPRODUCED, UNDECIDED
from benchmark.report.numbers.frame import columns_of
from benchmark.report.published import AVERAGE
from benchmark.report.words import UNTESTABLE
from benchmark.runs.hits import Hits
from benchmark.runs.plugins import check_plugins
from helpers.grids import load, of_two_seeds
from helpers.probed import PROBED

CACHE = ROOT / ".cache"
STATIC = [name for name in grid.tables() if "static:" in (ROOT / "sweeps" / f"{name}.yaml").read_text()]
# One table of every form is made from end to end, if it has many methods or tasks with some; others have the same code, and
# grids and claims of their own.
MADE = {
    **dict.fromkeys(("hype/appendix_f", "hype/table6"), ()),
    "hype/table18": ("task=rte",),
    "hype/figure3": ("method=[],[hype_n]",),
    "hype/figure4": ("method=[],[hype_n]",),
    "hype/table1": ("method=[],[hype_n]",),
    **dict.fromkeys(("lnsr/figure1", "lnsr/figure3", "lnsr/figure5", "lnsr/pvalues", "lnsr/section1"), ()),
    **dict.fromkeys(("lnsr/table2", "lnsr/table5", "noisytune/figure5", "pats/figure2", "pats/figure3"), ()),
    "noisytune/figure2": ("method=[],[noisytune]",),
    "noisytune/table3": ("method=[],[noisytune]", "task=pawsx,udpos,tydiqa"),
    "campaigns/ner": (),
}
DECLARED = [name for name in grid.tables() if not name.startswith("demo/") and name not in STATIC]


@pytest.mark.parametrize("name", DECLARED)
def test_every_table_has_a_smoke_run_that_could_start(name: str) -> None:
    small = load(name, small=True)
    assert len(small.runs) <= 120
    for cell in small.runs:
        validate(cell.config)
        assert cell.config.model.name == small.table["stand_ins"]["model"]
        assert cell.config.protocol.name == "demo"
        assert cell.config.task.repo is None
        sets = {
            *cell.config.task.evaluate,
            *(["train"] if cell.config.task.score_training else []),
        }
        for _, report, minus in columns_of(small, cell.config):
            for metric in (*report, *minus):
                place, _, metric_name = metric.rpartition("/")
                assert not place or place in sets
                split = cell.config.task.evaluate.get(place)
                values = [
                    v for one in (split and split.metrics) or cell.config.task.metrics for v in METRICS[one]
                ]
                assert metric_name in values
    for cell in {str(cell.config.method): cell for cell in small.runs}.values():
        check_plugins(cell.config)


@pytest.mark.parametrize("name", DECLARED)
def test_a_smoke_run_says_that_it_shows_nothing_and_compares_with_nothing(name: str) -> None:
    table = load(name, small=True).table
    assert table["title"].startswith("Smoke run on the embedded encoder, no evidence: ")
    assert table["smoke"]
    assert [table[key] for key in ("published", "claims", "search")] == [None, [], []]


@pytest.mark.parametrize("name", DECLARED)
def test_a_table_is_reported_before_any_run_is_there(name: str) -> None:
    planned = of_two_seeds(name)
    shown = build(planned, {})
    assert shown.title == planned.table["title"]
    assert {cell for row in shown.sections[0].rows for cell in row[2:]} == {"missing"}
    assert {one.verdict for one in shown.verdicts} <= {NOT_MEASURED, UNTESTABLE}


@pytest.mark.parametrize("name", DECLARED)
def test_every_claim_has_a_verdict_once_all_runs_are_there(
    name: str, record_of: Callable[..., Record]
) -> None:
    planned = of_two_seeds(name)
    metrics = {value for values in METRICS.values() for value in values}
    tasks = sorted({cell.config.task.name for cell in planned.runs})
    records = {}
    for cell in planned.runs:
        chance = np.random.default_rng(int(cell.run_id, 16))
        sets = {
            part: dict.fromkeys(metrics, chance.random()) for part in (*cell.config.task.evaluate, "train")
        }
        for part, split in cell.config.task.evaluate.items():
            if split.kind in ("retrieval", "mining"):  # a report may choose their layer by language
                by_layer = {f"{metric}@1": chance.random() for metric in (*metrics, "dev")}
                sets |= {f"{part}/{code}": by_layer for code in ("de", "fr")}
        records[cell.run_id] = record_of(
            cell.config,
            sets,
            memory={"peak": int(1e9 * chance.random()), "reserved": None},
            examples=dict.fromkeys(sets, 400) | {"train": 64 + tasks.index(cell.config.task.name)},
        )
    labels = {cell.run_id: len(cell.config.task.labels) for cell in planned.runs}

    def arrays(run: str) -> dict[str, np.ndarray]:
        logits = np.ones((1, 4, max(labels[run], 1)))
        predicted = {"logits/validation": logits, "targets/validation": np.array([0, 1, 1, 0])}
        return PROBED | predicted | {"probe/sensitivity/std": np.array(int(run, 16) % 1000)}

    found = gathered(planned, records, arrays).verdicts(changed=False)  # a report takes three times as long
    assert len(found) == len(planned.table["claims"])
    for claim, one in zip(planned.table["claims"], found, strict=True):
        if claim["untestable"]:
            assert one.verdict == UNTESTABLE
            continue
        assert one.comparisons, one.says
        pairs = {comparison.n for comparison in one.comparisons}
        # Rates are of all runs: of several tasks they have the pairs of each.
        assert pairs == {2} or (claim["of"] in RATES and min(pairs) >= 2), one.says
        assert one.verdict in (REPRODUCED, CONTRADICTED, UNDECIDED), one.says


def test_the_smoke_run_of_a_subset_has_a_subset() -> None:
    counts = {cell.config.data.count for cell in load("hype/table3", small=True).runs}
    assert counts == {64}


def test_a_table_of_many_languages_is_made_of_kinds_of_its_own() -> None:
    small = load("noisytune/table3", small=True)
    asked = [name for column in small.table["columns"].values() for name in column["report"]]
    assert (len(asked), len(set(asked))) == (14, 12)  # retrieval is at one layer here
    assert {cell.config.task.kind for cell in small.runs} == {"classification", "tagging", "answers"}
    assert {cell.config.task.setting for cell in small.runs} == {"zero_shot", "translate_train_all"}


def test_layers_are_brought_down_to_those_there_are() -> None:
    cells = load("hype/table18", small=True).runs
    layers = [c.config.method["hype_n"]["layers"] for c in cells if "hype_n" in c.config.method]
    assert {str(one) for one in layers} == {"[1, 2]", "[2]", "None"}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """The store after the smoke runs of these tables; what tables share is run once."""
    store = Store(tmp_path_factory.mktemp("smoke") / "store")
    make_writable("store", store.folder)
    here = {"store": str(store.folder), "cache": str(CACHE)}
    cells = {cell.run_id: cell for name in MADE for cell in load(name, *MADE[name], small=True).runs}
    waiting = [replace(cell, config=replace(cell.config, **here)) for cell in cells.values()]
    assert not machine.run_all(waiting, store, machine.default_workers(waiting))
    return store


def form(name: str) -> tuple[object, ...]:
    """The form of a table: its display, its quantities, and the kinds of its tasks and probes."""
    planned = load(name, small=True)
    shown = [str(planned.table["layout"][key]) for key in ("kind", "y", "statistic")]
    probes = sorted({probe for run in planned.runs for probe in run.config.probe})
    return (
        *shown,
        bool(planned.table["columns"]),
        *probes,
        *sorted({r.config.task.kind for r in planned.runs}),
    )


def test_a_table_of_every_form_is_made() -> None:
    assert {form(name) for name in DECLARED} == {form(name) for name in MADE}


@pytest.mark.parametrize("name", MADE)
def test_a_table_is_made_from_end_to_end(
    name: str, store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    planned = load(name, *MADE[name], small=True)
    records, missing = reproduce_command.look_up(planned, Hits(store))
    assert not missing
    write(planned, records, tmp_path, store.arrays)
    shown = capsys.readouterr().out
    assert "no evidence" in shown
    layout, made = planned.table["layout"], {path.name for path in tmp_path.iterdir()}
    assert made >= {"table.md", "table.csv", "table.tex", "table.html"}
    assert ("figure.svg" in made) == (layout["kind"] != "table")
    assert not re.search("There is no figure|The figure lacks|missing", shown)
    assert "hidden" not in shown
    seeds = len({cell.config.seed for cell in planned.runs})
    assert seeds > 1
    numbers = pd.read_csv(tmp_path / "table.csv")
    for row in numbers.itertuples():
        if row.task != AVERAGE:
            assert row.score_n + row.runs_diverged == seeds, row
        assert row.score_n < seeds or np.isfinite([row.score_mean, row.score_std]).all(), row
    assert ("diverged" in shown) == bool(numbers["runs_diverged"].any())


def test_probes_of_a_smoke_run_are_on_the_embedded_tasks() -> None:
    for cell in load("hype/figure3", small=True).runs:
        tasks = cell.config.probe["linear_probe"]["tasks"].values()
        assert {task.get("repo") for task in tasks} == {None}


def test_of_many_values_a_smoke_run_has_the_ends() -> None:
    assert load("noisytune/figure4", small=True).axes["data.share"] == ["0.1", "0.5", "null"]
    assert load("noisytune/figure6", small=True).axes["method.noisytune.intensity"] == ["0.05", "0.15", "0.3"]


def test_a_smoke_run_is_made_by_its_command(reproduce: Callable[..., tuple[int, str, str]]) -> None:
    status, output, errors = reproduce("hype/table7", "--smoke", "seed=1", "task=mnli_transfer")
    assert status == 0, errors
    assert "no evidence" in output
    assert "SciTail" in output
    assert "missing" not in output


def test_arguments_come_in_one_string_for_make(capsys: pytest.CaptureFixture[str], tmp_path) -> None:
    arguments = f"--smoke --plan seed=1 store={tmp_path}"
    assert reproduce_command.main(["hype/table9", "--args", arguments]) == 0
    assert "hype/table9: 12 runs" in capsys.readouterr().err
