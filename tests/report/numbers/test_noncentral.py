"""Power, against published tables, simulation, and what the papers' seeds can find at their printed effects."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from benchmark.report import published
from benchmark.report.numbers.noncentral import effect, power, seeds_for
from benchmark.report.numbers.statistics import MANY, detectable

CORRELATIONS = (0.0, 0.5)
# Standard deviations of one run where a paper prints none: sizes of those that others print; WNLI is assumed.
GLUE = {
    "rte": 1.8,
    "cola": 1.5,
    "mrpc": 0.9,
    "stsb": 0.5,
    "sst2": 0.35,
    "qnli": 0.4,
    "qqp": 0.15,
    "mnli": 0.1,
}
NINE = GLUE | {"wnli": 3.0}


def of_average(gain: float, deviations: dict[str, float], correlation: float) -> float:
    spread = np.sqrt(sum(np.square(list(deviations.values())))) / len(deviations)
    return effect(gain, spread, spread, correlation)


def lnsr_effects(other: str, correlation: float) -> list[float]:
    rows = {"+".join(row["runs"]["method"]): row for row in published.load("lnsr/table1")["rows"]}
    ours, others = rows["lnsr"], rows[other]
    return [
        effect(
            ours["values"][task] - others["values"][task], ours["std"][task], others["std"][task], correlation
        )
        for task in ours["values"]
    ]


def test_power_of_one_cell_is_gpowers():
    assert power(0.5, 34) == pytest.approx(0.8077, abs=1e-3)  # G*Power, two-sided 5 %
    assert seeds_for(0.5) == 34
    for seeds in (3, 5, 25):
        assert power(detectable(seeds), seeds) == pytest.approx(0.8, abs=0.002)
        assert seeds_for(detectable(seeds) * 1.001) == seeds


def test_power_is_the_share_of_tables_that_find_all_cells():
    effects, drawn = np.array([0.8, 1.2, 2.0]), np.random.default_rng(1)
    samples = drawn.normal(effects, 1, (4000, 6, 3))
    found = (stats.ttest_1samp(samples, 0, axis=1, alternative="greater").pvalue < 0.025).all(1)
    assert power(effects, 6) == pytest.approx(found.mean(), abs=0.025)


def test_effects_at_the_edges():
    assert effect(1, 2, 2) == pytest.approx(1 / np.sqrt(8))
    assert effect(1, 2, 2, 0.5) == pytest.approx(1 / 2)
    assert effect(1, 2, 2, 1) == effect(1, 0, 0) == np.inf
    assert effect(-1, 0, 0) == -np.inf
    assert power(np.inf, 5) == 1
    assert (effect(0, 0, 0), effect(0, 1, 1)) == (0, 0)
    assert power([np.inf, 0.0], 5) == pytest.approx(0.025)
    assert (power(0.0, 25), power(1.0, 1)) == (pytest.approx(0.025), 0)
    assert seeds_for(0.0) == seeds_for(-1.0) == seeds_for([]) == seeds_for([1.0, np.nan]) == MANY


def test_noisytunes_average_of_bert():
    for correlation, found, seeds in zip(CORRELATIONS, (0.51, 0.79), (8, 6), strict=True):
        average = of_average(0.73, NINE, correlation)
        assert power(average, 5) == pytest.approx(found, abs=0.02)
        assert seeds_for(average) == seeds


def test_patss_two_averages():
    for correlation, found, seeds in zip(CORRELATIONS, (0.64, 0.92), (7, 5), strict=True):
        averages = [of_average(gain, GLUE, correlation) for gain in (0.96, 0.68)]
        assert power(averages, 5) == pytest.approx(found, abs=0.02)
        assert seeds_for(averages) == seeds


def test_lnsrs_means():
    for correlation, found, seeds in zip(CORRELATIONS, (0.99, 1.0), (13, 8), strict=True):
        assert power(lnsr_effects("", correlation), 25) == pytest.approx(found, abs=0.006)
        # Power at 8 seeds is .79, which a simulation may take for .8.
        assert seeds_for(lnsr_effects("", correlation)) == pytest.approx(seeds, abs=1)
    for correlation, found, seeds in zip(CORRELATIONS, (0.009, 0.04), (540, 280), strict=True):
        assert power(lnsr_effects("smart", correlation), 25) == pytest.approx(found, abs=0.004)
        assert seeds_for(lnsr_effects("smart", correlation)) == pytest.approx(seeds, rel=0.04)


@pytest.mark.parametrize(
    ("table", "method", "cells", "seeds"),
    [("noisytune/table2", "noisytune", 36, (200, 100)), ("pats/table1", "pats", 16, (700, 360))],
)
def test_no_number_of_seeds_in_reach_shows_every_cell(table, method, cells, seeds):
    rows = {
        (row["runs"]["model"], "+".join(row["runs"]["method"])): row["values"]
        for row in published.load(table)["rows"]
    }
    for correlation, expected in zip(CORRELATIONS, seeds, strict=True):
        effects = [
            effect(score - rows[model, ""][task], NINE[task], NINE[task], correlation)
            for (model, methods), scores in rows.items()
            if methods == method
            for task, score in scores.items()
        ]
        assert len(effects) == cells
        assert power(effects, 5) < 1e-6
        assert seeds_for(effects) == pytest.approx(expected, rel=0.04)
