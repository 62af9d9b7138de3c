"""Power before any run, against what the papers' seeds can find at their printed effects."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from benchmark import power as command
from benchmark.report import foresight_text
from benchmark.report.foresight import foresee
from benchmark.report.numbers import maxima, spread
from benchmark.report.numbers.noncentral import power, power_of_some, seeds_for_some
from benchmark.report.numbers.statistics import MANY
from benchmark.report.numbers.swaps import swap_test
from helpers.grids import load
from helpers.hand_made import claim

BOTH = (0.0, 0.5)  # correlations of the two sides of a seed


def claims(name: str, correlation: float, *changes: str):
    return foresee(load(name, *changes), {}, correlation)


def test_noisytune_in_every_cell_on_average_and_pooled():
    for correlation, average, seeds, pooled, enough in zip(
        BOTH, (0.02, 0.16), (17, 10), (0.90, 0.99), (5, 4), strict=True
    ):
        every, on_average, small = claims("noisytune/table2", correlation)[:3]
        assert (every.cells, on_average.cells) == (36, 4)
        assert every.whole < 1e-6
        assert every.pooled == pytest.approx(pooled, abs=0.01)
        assert every.pooled_seeds == enough
        assert every.whole_seeds == pytest.approx({0.0: 200, 0.5: 100}[correlation], rel=0.04)
        assert on_average.whole == pytest.approx(average, abs=0.01)
        assert on_average.whole_seeds == seeds
        assert (small.cells, small.missing) == (
            12,
            "",
        )  # of three small sets and four models: a gain over a gain


def test_one_average_alone():
    for correlation, found, seeds in zip(BOTH, (0.51, 0.79), (8, 6), strict=True):
        on_average = claims("noisytune/table2", correlation, "model=bert_base_uncased")[1]
        assert on_average.whole == on_average.pooled == pytest.approx(found, abs=0.02)
        assert on_average.whole_seeds == seeds


def test_groups_of_tasks_that_the_grid_lacks_have_no_power():
    model = "model=bert_base_uncased"
    assert claims("noisytune/table2", 0.5, model, "task=rte")[2].missing == "no run of this grid covers it"
    others = "task=rte,mnli,qnli,qqp,sst2,mrpc,stsb"
    small = claims("noisytune/table2", 0.5, model, others)[2]
    assert (small.cells, small.missing) == (1, "")  # RTE's alone: CoLA and WNLI were left out


def test_xtremes_averages():
    for correlation, found, seeds in zip(BOTH, (0.62, 0.95), (6, 5), strict=True):
        on_average = claims("noisytune/table3", correlation)[1]
        assert on_average.cells == 4
        assert on_average.whole == pytest.approx(found, abs=0.05)  # of an assumed spread
        assert on_average.whole_seeds == seeds


def test_pats_in_every_cell():
    for correlation, seeds in zip(BOTH, (700, 360), strict=True):
        every = claims("pats/table1", correlation)[0]
        assert (every.cells, every.origins) == (16, "assumed")
        assert every.whole_seeds == pytest.approx(seeds, rel=0.04)


def test_lnsrs_means_at_printed_deviations():
    for correlation, found, seeds in zip(BOTH, (0.99, 1.0), (13, 8), strict=True):
        against_plain, as_surely = claims("lnsr/pvalues", correlation, "model=bert_large_uncased")
        assert against_plain.missing
        assert as_surely.missing
        best = claims("lnsr/table1", correlation, "model=bert_large_uncased", "method=[],[lnsr]")[0]
        assert (best.cells, best.origins) == (4, "printed")
        assert best.whole == pytest.approx(found, abs=0.01)
        assert best.whole_seeds == pytest.approx(seeds, abs=1)
    all_four = claims("lnsr/table1", 0.0, "model=bert_large_uncased")[0]
    assert (all_four.cells, all_four.whole) == (16, pytest.approx(0.001, abs=0.001))
    assert all_four.whole_seeds == pytest.approx(740, rel=0.05)


def test_hypes_deviations_are_of_a_population_and_made_larger():
    for correlation, found, seeds in zip(BOTH, (0.24, 0.40), (8, 5), strict=True):
        planned = load("hype/table1", "model=bert_large_uncased")
        average = claim(better={"method": ["hype_n"]}, where="average")
        normal = foresee(replace(planned, table=planned.table | {"claims": [average]}), {}, correlation)[0]
        assert normal.whole == pytest.approx(found, abs=0.02)
        assert normal.whole_seeds == pytest.approx(seeds, abs=1)


def test_measured_spread_counts_before_a_printed_one(records):
    planned = load("lnsr/table1", "model=bert_large_uncased", "method=[],[lnsr]", "task=rte,cola")
    made = records(planned, {1: 70, 2: 71, 3: 72}, {1: 70.5, 2: 71.7, 3: 72.6})
    best = foresee(planned, made, 0.5)[0]
    assert best.origins == "measured"
    spread = np.std([0.5, 0.7, 0.6], ddof=1)
    assert best.whole == pytest.approx(power([3.18 / spread, 2.81 / spread], 25))


def test_at_least_some_groups_of_cells():
    assert power_of_some([[1.0], [2.0]], 5, 2) == pytest.approx(power([1.0, 2.0], 5))
    alone = [power(size, 5, 0.05 / 2) for size in (1.0, 2.0)]
    assert power_of_some([[1.0], [2.0]], 5, 1) == pytest.approx(1 - (1 - alone[0]) * (1 - alone[1]))
    assert power_of_some([[1.0, 2.0], [0.0]], 5, 2) == pytest.approx(power([1.0, 2.0, 0.0], 5))
    seeds = seeds_for_some([[1.0], [2.0], [0.0]], 2)
    assert (
        power_of_some([[1.0], [2.0], [0.0]], seeds, 2)
        >= 0.8
        > power_of_some([[1.0], [2.0], [0.0]], seeds - 1, 2)
    )
    assert seeds_for_some([[-1.0], [1.0]], 2) == seeds_for_some([], 1) == MANY


def foreseen(name: str, correlation: float, *changes: str, **stated: object):
    """The power of one claim of a test's own on a printed table."""
    planned = load(name, *changes)
    return foresee(replace(planned, table=planned.table | {"claims": [claim(**stated)]}), {}, correlation)[0]


def test_a_gain_over_another_gain_is_found_as_often_as_in_simulated_runs():
    """RTE's gain against QQP's, each over plain fine-tuning: four runs of a seed, of which two pairs are correlated."""
    sides = {
        "better": {"method": ["noisytune"], "task": "rte"},
        "than": {"method": ["noisytune"], "task": "qqp"},
    }
    found = foreseen("noisytune/table2", 0.5, "model=bert_base_uncased", **sides, gain_over={"method": []})
    rng, gains, spreads = (
        np.random.default_rng(0),
        [],
        (1.8, 0.15),
    )  # as results/published/spread.yaml assumes
    for printed, deviation in zip((68.9 - 67.7, 91.4 - 90.9), spreads, strict=True):
        shared, ours, others = rng.normal(size=(3, 4000, 5)) * deviation * np.sqrt(0.5)
        gains.append(printed + (shared + ours) - (shared + others))
    t, p = stats.ttest_1samp(gains[0] - gains[1], 0, axis=1)
    assert found.cells == 1
    assert found.whole == pytest.approx(np.mean((t > 0) & (p <= 0.05)), abs=0.03)


@pytest.mark.parametrize("ratio", [0.6, 0.45])
def test_less_spread_is_found_about_as_often_as_in_simulated_runs(ratio):
    rng = np.random.default_rng(2)
    tests = [spread.spread_test(ratio * rng.normal(size=24), rng.normal(size=24)) for _ in range(150)]
    share = np.mean([apart < 0 and p <= 0.05 for apart, p in tests])
    assert spread.power(np.log(ratio), 24) == pytest.approx(share, abs=0.12)
    assert spread.power(-np.log(ratio), 24) == spread.power(np.log(ratio), 4) == 0
    enough = spread.seeds_to_find(np.log(ratio))
    assert spread.power(np.log(ratio), enough) >= 0.8 > spread.power(np.log(ratio), enough - 2)


def test_a_larger_maximum_is_found_as_often_as_in_simulated_runs():
    rng = np.random.default_rng(5)
    sides = rng.multivariate_normal([1.5, 0], [[1, 0.5], [0.5, 1]], size=(1500, 8))
    tests = [swap_test(*of_table.T, lambda a, b: a.max(-1) - b.max(-1)) for of_table in sides]
    share = np.mean([apart > 0 and p <= 0.05 for apart, p in tests])
    assert maxima.power(1.5, 1.0, 1.0, 0.5, 8) == pytest.approx(share, abs=0.05)
    assert (
        maxima.power(9.0, 1.0, 1.0, 0.0, 5) == 0
    )  # five seeds have 32 patterns: two of them are more than 5 %


def test_deviations_maxima_and_memory_have_a_power_and_other_kinds_a_reason():
    lnsr = ("lnsr/table1", 0.5, "model=bert_large_uncased", "method=[],[lnsr]", "task=rte,cola")
    sides = {"than": {"method": []}, "where": "every column"}
    stable = foreseen(*lnsr, **sides, better={}, lower={"method": ["lnsr"]}, of="std")
    printed = [np.log(1.55 / 1.84), np.log(1.05 / 1.49)]
    assert stable.whole == pytest.approx(np.prod([spread.power(ratio, 25) for ratio in printed]))
    assert np.isnan(stable.pooled)
    highest = foreseen(*lnsr, **sides, better={"method": ["lnsr"]}, of="max")
    assert 0 < highest.whole < foreseen(*lnsr, **sides, better={"method": ["lnsr"]}).whole
    light = foreseen(*lnsr, **sides, better={}, lower={"method": ["lnsr"]}, of="memory")
    assert (light.whole, light.whole_seeds) == (1, 1)
    quick = foreseen(*lnsr, **sides, better={}, lower={"method": ["lnsr"]}, of="time")
    assert quick.missing == "no effect of this kind is printed"


def test_the_command_says_first_whether_pooling_helps(capsys, tmp_path):
    assert command.main(["noisytune/table2", f"store={tmp_path}"]) == 0
    output = capsys.readouterr().out.splitlines()
    assert output[0] == foresight_text.POOLING
    assert max(map(len, output)) <= foresight_text.WIDTH
    one_cell = ["lnsr/pvalues", "model=bert_large_uncased", "task=rte"]
    assert command.main([*one_cell, f"store={tmp_path}"]) == 0
    assert capsys.readouterr().out.splitlines()[0] == foresight_text.NO_POOLING
    assert command.main(["lnsr/table2", "method=[],[lnsr]", "task=rte", f"store={tmp_path}"]) == 0
    narrowed = capsys.readouterr().out
    assert "no run of this grid" in narrowed
    assert "0 of 0" not in narrowed
    # At three seeds pooling is not likely to find HyPe's gain either, but five are enough, and never for each cell.
    assert command.main(["hype/table1", f"store={tmp_path}"]) == 0
    assert capsys.readouterr().out.splitlines()[0] == foresight_text.POOLING


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["noisytune/tabel2"], "unknown table 'noisytune/tabel2'"),
        (["demo/noisytune"], "demo/noisytune has no claims, so there is nothing to find"),
        (["noisytune/table2", "--correlation", "2"], "--correlation 2.0: valid are numbers from -1 to 1"),
        (["hype/table10"], "has no claims"),
    ],
)
def test_a_mistake_is_refused_in_a_line(arguments, line, capsys):
    assert command.main(arguments) == 2
    errors = capsys.readouterr().err
    assert line in errors
    assert errors.count("\n") == 1
