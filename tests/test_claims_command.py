"""`python -m benchmark.claims`: one row per claim, from the records of a store."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from benchmark import claims
from benchmark.config.schema import RunConfig
from benchmark.errors import BenchmarkError
from benchmark.forecast import probe
from benchmark.forecast.devices import HERE, MEASURED, Rates
from benchmark.forecast.work import work_of
from benchmark.grids import grid
from benchmark.records.record import Record
from benchmark.records.store import Store
from benchmark.report import evidence, ledger, ledger_text
from benchmark.report.judge import without_runs
from benchmark.report.ledger import LedgerRow
from benchmark.report.published import claim_ids
from benchmark.runs.resources import processor
from helpers.claims import table, verdicts_of
from helpers.hand_made import noise, scored


@pytest.fixture(autouse=True)
def rates(monkeypatch: pytest.MonkeyPatch) -> Rates:
    """The rates of this machine, which is not measured."""
    rates = Rates(HERE, {"float32": 1e10}, 1e10, 1e-5, None, MEASURED)
    monkeypatch.setattr(probe, "machine", lambda cache, processes: rates)
    return rates


@pytest.fixture
def fill(tmp_path: Path, record_of: Callable[..., Record]) -> Callable[..., Path]:
    """``fill(name, changes, score)``: a store with a record of every run of a table, by hand."""

    def filled(name: str, changes: list[str], score: Callable[[RunConfig], float]) -> Path:
        (tmp_path / "store").mkdir(exist_ok=True)
        store, planned = Store(tmp_path / "store"), grid.load(name, changes)
        for record in scored(planned, record_of, score).values():
            record.environment["device"], record.curve[-1].step = processor(), 20
            seconds = record.seconds
            seconds.train, seconds.per_update, seconds.evaluate = 60.0, 3.0, 4.0
            seconds.probes, seconds.total = 0.0, 69.0
            store.add(record, {"losses": np.zeros(1)})
        return store.folder

    return filled


def gain(points: float) -> Callable[[RunConfig], float]:
    return lambda config: 70 + points * bool(config.method) + noise(config, 0.1)


def written(tmp_path: Path, *arguments: str) -> pd.DataFrame:
    assert claims.main([*arguments, "--output", str(tmp_path / "out")]) == 0
    return pd.read_csv(tmp_path / "out" / "claims.csv")


def test_a_claim_of_a_whole_grid_is_reproduced_and_the_rest_is_not_measured(fill, tmp_path, capsys):
    store = fill("noisytune/figure4", [], gain(3))
    table = written(tmp_path, "noisytune/figure4", "noisytune/figure5", f"store={store}").set_index("id")
    better = table.loc["N12"]
    assert (better["verdict"], better["for_sentences"]) == ("reproduced", "predictions missing")
    assert 2.5 < better["effect"] < 3.5
    assert better["unit"] == "points"
    assert better["pairs"] == better["planned"] == 50
    assert (better["helped"], better["hurt"], better["missing"]) == (10, 0, 0)
    other = table[table["table"] == "noisytune/figure5"].iloc[0]
    assert (other["verdict"], other["missing"]) == ("not measured", 10)
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 120
    assert "noisytune: " in shown


def test_another_recipe_fails_here_and_says_what_is_missing_in_hours(fill, tmp_path):
    changes = ["task=rte", "model=bert_large_uncased", "protocol.epochs=1", "seed=range(1,7)"]
    store = fill("lnsr/pvalues", changes, gain(-3))
    row = written(tmp_path, "lnsr/pvalues", *changes[:3], f"store={store}").iloc[0]
    assert row["verdict"] == "fails here"
    assert (row["hurt"], row["comparisons"]) == (1, 1)
    assert row["pairs"] == 6
    assert row["planned"] == 25 or row["planned"] == 50
    assert row["missing"] == 2 * (row["planned"] - 6)
    # 3 s per update and 4 s per evaluation; the record's 64 training examples are 2 batches of 32, in one epoch
    each = 2 * 3.0 + 4.0 + 5.0  # and what is beside them in the quickest run
    assert row["hours"] == pytest.approx(row["missing"] * each / 3600, rel=1e-3)


def test_a_table_whose_records_cannot_be_judged_costs_no_other_table(fill, tmp_path, caplog, monkeypatch):
    store = fill("noisytune/figure4", [], gain(3))
    fill("noisytune/figure5", [], gain(3))
    gathered = evidence.gathered

    def unfit(planned: grid.Grid, *rest: Any) -> Any:
        if planned.name == "noisytune/figure5":
            raise BenchmarkError("cola: the run has no scores by layer")
        return gathered(planned, *rest)

    monkeypatch.setattr(evidence, "gathered", unfit)
    table = written(tmp_path, "noisytune/figure4", "noisytune/figure5", f"store={store}")
    assert set(table.loc[table["table"] == "noisytune/figure5", "verdict"]) == {"not measured"}
    assert "reproduced" in set(table.loc[table["table"] == "noisytune/figure4", "verdict"])
    assert set(table.loc[table["table"] == "noisytune/figure5", "why"]) == {
        "its records cannot be judged: cola: the run has no scores by layer"
    }
    assert "noisytune/figure5 is not judged: cola: the run has no scores by layer" in caplog.text


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (["noisytun"], "error: unknown paper or table with claims 'noisytun'"),
        (["noisytune/table9"], "noisytune/table9"),
        (["noisytune/figure5"], "has no run of noisytune/figure5"),
    ],
)
def test_a_wrong_name_and_an_empty_store_are_refused_in_one_line(names, says, tmp_path, capsys):
    assert claims.main([*names, f"store={tmp_path}/none", "--output", str(tmp_path / "out")]) == 2
    [line] = capsys.readouterr().err.strip().splitlines()
    assert says in line
    assert not (tmp_path / "out").exists()


def entry(name: str, verdict: str, **changes: Any) -> LedgerRow:
    return LedgerRow(name, "pats", "pats/table1", "3.2", "It helps", "better", verdict, **changes)


def test_a_claim_of_two_tables_counts_once_by_the_row_with_most_pairs():
    rows = [entry("P1", "undecided", pairs=4), entry("P1", "reproduced", pairs=9), entry("", "undecided")]
    whole = [*rows, *ledger.undeclared(rows, ["pats"])]
    [line] = ledger.summary(whole)
    assert line.startswith("pats: 20 claims: 1 declared (1 reproduced), 19 not declared")
    assert line.endswith("; 1 more sentences (1 undecided)")
    assert "\nnot declared: P2, P3" in ledger_text.terminal(whole, 100)


@pytest.mark.parametrize(("hours", "shown"), [(0.05, "20, 3 min"), (1.25, "20, 1.2 h")])
def test_time_of_missing_runs_is_in_minutes_below_an_hour(hours, shown):
    assert shown in ledger_text.terminal([entry("P1", "undecided", missing=20, hours=hours)], 200)


def test_a_claim_in_parts_is_one_claim():
    rows = [entry("P4a", "reproduced"), entry("P4b", "undecided"), entry("P5a", "undecided")]
    assert "P4" not in {row.id for row in ledger.undeclared(rows, ["pats"])}
    [line] = ledger.summary([*rows, *ledger.undeclared(rows, ["pats"])])
    assert line.startswith(
        "pats: 20 claims: 2 declared in 3 parts (1 reproduced, 2 undecided), 18 not declared; 1 contradicted"
    )


def test_a_claim_that_no_run_can_test_says_so_without_a_run():
    planned = grid.load("hype/table12", ["seed=1", "task=mrpc"])
    verdicts = [without_runs(claim) for claim in planned.table["claims"]]
    [row] = ledger.timed(ledger.entries(planned, verdicts, [], work_of), lambda _: None)
    assert row.verdict == row.for_sentences == "cannot be tested here"
    assert (row.id, row.missing, row.comparisons) == ("H31", 0, 0)


def test_a_sentence_that_the_papers_tables_contradict_says_so_without_a_run():
    [p3] = [row for row in ledger.undeclared([], ["pats"]) if row.id == "P3"]
    assert (p3.verdict, p3.own_tables) == (
        "not declared",
        "CoLA 1.73 and 1.95, RTE 4.05 and 0.85, MRPC 0.86 and 1.63",
    )


def test_all_claims_of_the_four_papers_are_counted():
    assert sum(map(len, claim_ids().values())) == 106


@pytest.mark.parametrize("width", [80, 120, 200])
def test_the_ledger_fits_the_terminal(width):
    rows = [
        entry("P1", "undecided", effect=1.25, low=-0.5, high=3.0, unit="points", pairs=25, planned=25),
        entry("P2", "not measured", missing=400, hours=12.5, not_timed=3, own_tables="other numbers " * 9),
    ]
    lines = ledger_text.terminal(rows, width).splitlines()
    assert max(map(len, lines)) <= width
    shown = "".join("".join(line.split()) for line in lines)
    assert shown.count("numbers") >= 9 if width > 80 else "helps" in shown  # wrapped, not cut


def test_a_gain_that_collapses_made_says_so_in_the_ledger(record_of: Callable[..., Record]) -> None:
    """All of the gain is where plain fine-tuning collapsed: one row of the ledger says both."""
    collapsing = range(1, 9)
    planned = table([{"better": {"method": ["noisytune"]}, "than": {"method": []}}], seeds=25)

    def plain(config: RunConfig) -> bool:
        return not config.method and config.seed in collapsing

    judged = verdicts_of(
        planned,
        record_of,
        lambda c: 50 if plain(c) else 70 + noise(c, 0.5),
        end=lambda c: "collapsed" if plain(c) else "finished",
    )
    rows = ledger.entries(planned, judged, [run.run_id for run in planned.runs], work_of)
    assert (rows[0].verdict, rows[0].without_collapses) == ("reproduced", "undecided")
    assert "among runs that did not collapse undecided" in " ".join(ledger_text.terminal(rows, 200).split())
    [section] = ledger_text.report(rows).sections
    assert section.rows[0][2 + section.columns.index("Without collapses")] == "undecided"
