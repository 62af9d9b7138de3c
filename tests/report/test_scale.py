"""A report reads the runs of its table and nothing else of the store."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmark.config.identity import SCHEMA, run_id
from benchmark.errors import BenchmarkError
from benchmark.grids import grid
from benchmark.records.store import Store
from benchmark.report.build import build
from benchmark.reproduce import look_up
from benchmark.runs.hits import Hits

OTHERS = 2000  # runs of other tables, whose records cannot be read


@pytest.fixture
def store(tmp_path: Path, record_of: Any) -> Store:
    found = Store(tmp_path)
    for number in range(OTHERS):
        (tmp_path / f"{number:016x}").mkdir()
    for cell in grid.load("demo/noisytune").runs:
        scores = {"validation": dict.fromkeys(cell.config.task.metrics, 0.8)}
        logits = np.zeros((1, 4, max(len(cell.config.task.labels), 1)))
        arrays = {"logits/validation": logits, "targets/validation": np.zeros(4)}
        found.add(record_of(cell.config, scores, examples={"train": 64, "validation": 4}), arrays)
    return found


def test_the_store_is_never_listed_and_only_the_tables_runs_are_read(store, monkeypatch):
    def listed(*_: object) -> None:
        raise AssertionError("the store was listed")

    planned = grid.load("demo/noisytune", [f"store={store.folder}"])
    wanted, read = {cell.run_id for cell in planned.runs}, []
    whole = os.open
    monkeypatch.setattr(os, "scandir", listed)
    monkeypatch.setattr(os, "listdir", listed)

    def noted(path: Any, *arguments: Any, **named: Any) -> int:
        if Path(path).name == "record.json":
            read.append(Path(path).parent.name)
        return whole(path, *arguments, **named)

    monkeypatch.setattr(os, "open", noted)
    records, missing = look_up(planned, Hits(store))
    assert sorted(read) == sorted(wanted)
    table = build(planned, records, store.arrays)
    assert not missing
    assert set(read) == set(wanted)
    assert table.numbers["difference_sampling"].notna().any()


def test_records_of_another_schema_are_counted_and_not_used(store):
    planned = grid.load("demo/noisytune", [f"store={store.folder}", "task=opinion", "seed=6,7"])
    old = {run_id(cell.config, SCHEMA - 1) for cell in planned.runs}
    assert not old & {cell.run_id for cell in planned.runs}
    for name in list(old)[:3]:
        (store.folder / name).mkdir()
    records, missing = look_up(planned, Hits(store))
    assert len(missing) == 4
    notes = " ".join(build(planned, records).notes)
    assert f"records of schema {SCHEMA - 1} for 3 of the missing runs" in notes


def test_printed_averages_that_do_not_follow_are_footnoted():
    table = build(grid.load("hype/table18", ["task=stsb,cola,mrpc,rte"]), {})
    [printed] = [section for section in table.sections if section.title.startswith("Published")]
    assert printed.rows[0][-1] == "79.31 [1]"
    assert "[1] The mean of its row is 79.15." in table.notes


def test_p_values_are_those_of_three_tests_and_the_printed_ones(record_of):
    from scipy import stats

    planned = grid.load("lnsr/pvalues", ["model=bert_large_uncased", "task=rte", "seed=range(1,9)"])
    drawn = np.random.default_rng(0).random((2, 8))
    records = {}
    for cell in planned.runs:
        score = float(drawn[int(bool(cell.config.method)), cell.config.seed - 1])
        records[cell.run_id] = record_of(cell.config, {"validation": {"accuracy": score}})
    table = build(planned, records)
    ours = table.numbers.set_index("methods").loc["lnsr"]
    assert ours["p_paired"] == pytest.approx(stats.ttest_rel(drawn[1], drawn[0]).pvalue)
    assert ours["p_welch"] == pytest.approx(stats.ttest_ind(drawn[1], drawn[0], equal_var=False).pvalue)
    assert ours["p_wilcoxon"] == pytest.approx(stats.wilcoxon(drawn[1], drawn[0]).pvalue)
    [section] = [one for one in table.sections if one.title.startswith("p-value")]
    assert section.rows[-1] == ["BERT-large", "as printed (test not named)", "9.7e-07"]


def test_maxima_and_deviations_stand_beside_the_printed_ones(record_of):
    planned = grid.load("lnsr/table1", ["task=rte", "seed=1,2", "method=[]"])
    scores = {1: 0.70, 2: 0.74}
    records = {
        cell.run_id: record_of(cell.config, {"validation": {"accuracy": scores[cell.config.seed]}})
        for cell in planned.runs
    }
    by_title = {section.title: section.rows for section in build(planned, records).sections}
    assert by_title["Maximum over seeds (published)"][0][2] == "74.00 (72.56)"
    assert by_title["Sample std over seeds (published)"][0][2] == "2.83 (1.84)"


def test_a_grid_of_no_runs_is_refused(monkeypatch):
    monkeypatch.setattr(grid.rectangles, "narrowed", lambda *_: [])
    with pytest.raises(BenchmarkError, match="demo/noisytune: no run is left of its grid with seed=1"):
        grid.load("demo/noisytune", ["seed=1"])
