"""One answer over cells: the worked example, the trials of the BCG vaccine, and simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from benchmark.report.numbers.pooled import (
    equal_weights,
    filled,
    interquartile_mean,
    random_effects,
    reml,
    share_gained,
)

CELLS = [
    np.array(values)
    for values in (
        [1.44, -0.36, 2.17, 0.72, 1.81],
        [0.90, 1.32, -0.41, 0.55, 0.78],
        [0.25, 0.49, -0.25, 0.98, 0.0],
        [0.36, 1.08, 2.53, -1.08, 0.72],
        [0.10, -0.62, 0.44, 0.91, 0.35],
        [-0.49, 0.25, 0.0, 0.25, -0.25],
    )
]
EFFECTS = np.array([cell.mean() for cell in CELLS])
VARIANCES = np.array([stats.sem(cell) ** 2 for cell in CELLS])
# Trials of the BCG vaccine (Colditz et al. 1994): cases and people, vaccinated and not. R's metafor has them.
BCG = np.array(
    [
        *((4, 123, 11, 139), (6, 306, 29, 303), (3, 231, 11, 220), (62, 13598, 248, 12867)),
        *((33, 5069, 47, 5808), (180, 1541, 372, 1451), (8, 2545, 10, 629), (505, 88391, 499, 88391)),
        *((29, 7499, 45, 7277), (17, 1716, 65, 1665), (186, 50634, 141, 27338), (5, 2498, 3, 2341)),
        (27, 16913, 29, 17854),
    ]
)


def test_equal_weights_of_the_worked_example():
    mean = equal_weights(EFFECTS)
    assert mean.mean == pytest.approx(0.498, abs=1e-6)
    assert mean.std / np.sqrt(mean.n) == pytest.approx(0.174013, abs=1e-6)
    assert (mean.low, mean.high) == pytest.approx((0.050685, 0.945315), abs=1e-6)
    assert mean.p == pytest.approx(0.035330, abs=1e-6)


def test_random_effects_of_the_worked_example():
    assert pytest.approx([0.201246, 0.082974, 0.044666, 0.338764, 0.063006, 0.020804], abs=1e-6) == VARIANCES
    pooled = random_effects(EFFECTS, VARIANCES, least_factor=0)
    assert (pooled.q, pooled.q_p, pooled.i2) == pytest.approx((10.682487, 0.058052, 0.531944), abs=1e-6)
    assert (pooled.fixed, pooled.mean) == pytest.approx((0.220740, 0.353074), abs=1e-6)
    assert (pooled.heterogeneity, pooled.se) == pytest.approx((0.074667, 0.160492), abs=1e-6)
    assert (pooled.low, pooled.high, pooled.p) == pytest.approx((-0.059485, 0.765633, 0.079100), abs=1e-6)
    assert (pooled.predicted_low, pooled.predicted_high) == pytest.approx((-0.461539, 1.167687), abs=1e-6)


def test_hartung_and_knapps_factor_is_kept_at_one():
    kept, own = random_effects(EFFECTS, VARIANCES), random_effects(EFFECTS, VARIANCES, least_factor=0)
    assert kept.se == pytest.approx(0.161155, abs=1e-6)  # the plain standard error, above .160492
    half = stats.t.ppf(0.975, 5) * kept.se
    assert (kept.low, kept.high) == pytest.approx((kept.mean - half, kept.mean + half))
    assert (kept.mean, kept.heterogeneity, kept.q) == (own.mean, own.heterogeneity, own.q)
    assert kept.p > own.p


def test_random_effects_of_the_bcg_trials():
    cases, people, others, all_others = BCG.T
    effects = np.log((cases / people) / (others / all_others))
    variances = 1 / cases - 1 / people + 1 / others - 1 / all_others
    pooled = random_effects(effects, variances)
    assert pooled.heterogeneity == pytest.approx(0.313243, abs=1e-6)
    assert pooled.mean == pytest.approx(-0.714532, abs=1e-6)
    # metafor's rma(test="knha"): its factor is above 1 here, so nothing is kept.
    assert (pooled.low, pooled.high) == pytest.approx((-1.108444, -0.320621), abs=1e-6)
    assert pooled.q == pytest.approx(152.2330, abs=1e-4)


def test_reml_is_fisher_scorings():
    drawn = np.random.default_rng(5)
    for size in (1e-6, 1.0, 1e6):
        for _ in range(10):
            variances = size**2 * drawn.uniform(0.05, 1, 9)
            effects = drawn.normal(size, np.sqrt(variances + size**2 * 0.3))
            tau2 = _scored(effects, variances)
            assert reml(effects, variances) == pytest.approx(tau2, rel=1e-5, abs=1e-8 * size**2)


def _scored(effects: np.ndarray, variances: np.ndarray) -> float:
    tau2 = 0.3 * float(np.var(effects))
    for _ in range(500):
        weights = 1 / (variances + tau2)
        far = effects - weights @ effects / weights.sum()
        total, squares = weights.sum(), weights @ weights
        score = weights**2 @ far**2 - total + squares / total
        information = squares - 2 * (weights**3).sum() / total + (squares / total) ** 2
        tau2 = max(0.0, tau2 + score / information)
    return tau2


def test_cells_that_agree_have_no_heterogeneity():
    pooled = random_effects(np.full(5, 0.4), np.full(5, 0.1))
    assert (pooled.heterogeneity, pooled.q, pooled.i2) == (0, 0, 0)
    assert pooled.mean == pytest.approx(0.4)
    assert pooled.se == pytest.approx(np.sqrt(0.1 / 5))
    assert (pooled.predicted_low, pooled.predicted_high) == (pooled.low, pooled.high)
    assert np.isnan(random_effects(np.array([0.4]), np.array([0.1])).mean)


def test_a_cell_without_spread_takes_the_variance_of_its_task():
    variances = np.array([0.2, 0.0, 0.4, 0.1, np.nan])
    groups = ["rte", "rte", "rte", "cola", "mrpc"]
    assert filled(variances, groups) == pytest.approx([0.2, 0.3, 0.4, 0.1, 0.7 / 3])
    assert np.isnan(filled(np.zeros(2), ["rte", "cola"])).all()
    assert variances[1] == 0


def test_the_interquartile_mean_and_the_share_gained_of_the_worked_example():
    mean, low, high = interquartile_mean(CELLS)
    assert mean == pytest.approx(0.441875, abs=1e-6)
    assert (low, high) == pytest.approx((0.16875, 0.6625), abs=0.02)
    assert interquartile_mean(CELLS) == (mean, low, high)
    assert share_gained(CELLS) == pytest.approx(0.733333, abs=1e-6)
    assert share_gained([np.array([0.0, 0.0, 1.0, -1.0])]) == 0.5
    assert np.isnan([*interquartile_mean([]), share_gained([])]).all()
    assert np.isnan(interquartile_mean([np.array([]), np.array([2.0])])[1:]).all()  # one seed


@pytest.mark.parametrize("heterogeneity", [0.0, 0.3])
def test_both_means_cover_the_truth(heterogeneity):
    drawn, covered = np.random.default_rng(9), []
    for _ in range(100):
        truths = drawn.normal(0.5, heterogeneity, 9)
        cells = drawn.normal(truths[:, None], np.linspace(0.3, 2, 9)[:, None], (9, 5))
        means = equal_weights(cells.mean(1)), random_effects(cells.mean(1), cells.var(1, ddof=1) / 5)
        covered.append([mean.low <= 0.5 <= mean.high for mean in means])
    assert np.mean(covered, axis=0) == pytest.approx([0.95, 0.95], abs=0.066)
