"""Statistics against scipy, textbook values and simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from benchmark.config.schema import RunConfig, TaskConfig
from benchmark.report.numbers import predictions, sampling
from benchmark.report.numbers.noncentral import seeds_for
from benchmark.report.numbers.statistics import (
    MANY,
    POWER,
    detectable,
    estimate,
    holm,
    paired_difference,
)
from benchmark.report.numbers.weighted_sums import weighted_sum
from benchmark.tasks import metrics

DRAWN = np.random.default_rng(3)
ONE, OTHER = DRAWN.normal(1, 1, 12), DRAWN.normal(0, 2, 12)
LABELS = DRAWN.integers(0, 2, 400)
ANSWERS = np.where(DRAWN.random(400) < 0.8, LABELS, 1 - LABELS)
VALUES = DRAWN.normal(size=400)
GUESSES = VALUES + DRAWN.normal(size=400)


def test_the_p_value_of_a_difference_is_the_paired_t_tests():
    assert estimate(ONE - OTHER).p == pytest.approx(stats.ttest_rel(ONE, OTHER).pvalue)


def test_without_spread_signs_are_counted():
    assert estimate(np.full(25, 0.36)).p == 2.0**-24
    assert estimate(np.array([0.36, 0.36 + 1e-13])).p == 0.5
    assert np.isnan(estimate(np.array([0.36])).p)
    assert estimate(np.zeros(3)).p == 1.0
    assert np.isnan([estimate(np.zeros(3)).detectable, estimate(np.ones(3)).effect_size]).all()
    assert np.isnan([estimate(np.ones(3)).low, estimate(np.ones(3)).high]).all()
    assert (estimate(np.zeros(3)).low, estimate(np.zeros(3)).high) == (0, 0)


def test_no_spread_is_a_matter_of_the_values_own_size():
    values = np.array([4.9, 5.1, 5.3, 4.95, 5.2])
    for size in (1e-100, 1e-10, 1.0, 1e10):
        assert estimate(size * values).p == pytest.approx(stats.ttest_1samp(values, 0).pvalue)
    # 100 * 0.701 + 0.2 - 70.3 is 1e-14: the size of the scores tells that it is nothing.
    scores = {seed: 100 * (0.7 + seed / 1000) for seed in range(1, 8)}
    rounded = {seed: score + 0.2 for seed, score in scores.items()}
    alike = {seed: 70.2 + seed / 10 for seed in scores}
    assert 0 < max(abs(rounded[seed] - alike[seed]) for seed in scores) < 1e-12
    assert paired_difference(rounded, alike).p == 1
    assert paired_difference(rounded, scores).p == 2.0**-6


def test_the_rounding_of_a_difference_is_no_difference():
    ours, others = (dict(enumerate(values)) for values in ([0.1 + 0.2, 0.7, 70.0], [0.3, 0.1 * 7, 70.0]))
    assert any(ours[seed] != others[seed] for seed in ours)
    apart = paired_difference(ours, others)
    assert (apart.mean, apart.std, apart.low, apart.high, apart.p) == (0.0, 0.0, 0.0, 0.0, 1.0)
    incomplete = weighted_sum([{1: 3e-15, 2: -1e-15}, {1: 2e-15, 2: 1e-15, 3: 2e-15}], 70.0)
    assert (incomplete.mean, incomplete.low, incomplete.high) == (0.0, 0.0, 0.0)
    assert estimate(np.array([2e-15, 2e-15])).mean == 2e-15  # beside nothing larger it is a value


def test_holm_multiplies_by_the_tests_that_are_left_and_keeps_the_order():
    corrected = holm([0.01, 0.04, np.nan, 0.03])
    np.testing.assert_allclose(corrected, [0.03, 0.06, np.nan, 0.06])
    assert holm([]).tolist() == []
    assert holm([0.9, 0.8]).tolist() == [1, 1]


def test_what_is_detectable_is_found_as_often_as_the_power_says():
    n = 5
    samples = np.random.default_rng(0).normal(detectable(n), 1, (20_000, n))
    found = stats.ttest_1samp(samples, 0, axis=1).pvalue < 0.05
    assert found.mean() == pytest.approx(POWER, abs=0.01)
    assert detectable(5) == pytest.approx(1.6822, abs=1e-3)  # G*Power, two-sided 5 %, n = 5


def test_seeds_to_find_is_the_first_number_that_is_enough():
    for effect in (0.3, 1.0, 3.0):
        needed = seeds_for(effect)
        assert detectable(needed) <= effect < detectable(needed - 1)
    assert seeds_for(0.5) == 34  # G*Power
    assert seeds_for(0) == seeds_for(np.nan) == MANY


@pytest.mark.parametrize("name", ["accuracy", "f1", "matthews_correlation", "pearson", "spearman"])
def test_scores_and_their_errors_from_predictions(name):
    regression = name in ("pearson", "spearman")
    given, targets = (GUESSES, VALUES) if regression else (ANSWERS, LABELS)
    assert predictions.value(name, given, targets) == pytest.approx(
        metrics.score([name], given, targets)[name]
    )
    drawn = np.random.default_rng(1).integers(0, 400, (1500, 400))
    bootstrap = np.std([predictions.value(name, given[i], targets[i]) for i in drawn])
    adds = predictions.influences(name, given, targets)
    assert adds.mean() == pytest.approx(0, abs=1e-9)
    assert sampling.error({("task", "set"): adds}) == pytest.approx(bootstrap, rel=0.12)


@pytest.mark.parametrize("name", ["accuracy", "f1", "matthews_correlation", "pearson", "spearman"])
def test_constant_answers_have_the_score_the_metrics_give_them(name):
    given = np.zeros(400)
    targets = VALUES if name in ("pearson", "spearman") else LABELS
    own = given if name in ("pearson", "spearman") else given.astype(int)
    assert predictions.value(name, given, targets) == pytest.approx(metrics.score([name], own, targets)[name])


def test_of_two_models_only_disagreements_count():
    ours, others = LABELS.copy(), LABELS.copy()
    ours[:30], others[20:60] = 1 - ours[:30], 1 - others[20:60]
    b, c, n = 20, 30, 400  # right alone: the others in 20, ours in 30
    mcnemar = np.sqrt((b + c) - (b - c) ** 2 / n) / n
    far = predictions.influences("accuracy", ours, LABELS) - predictions.influences(
        "accuracy", others, LABELS
    )
    assert sampling.error({("task", "set"): far}) == pytest.approx(mcnemar)


def test_errors_of_different_sets_add_as_squares():
    share = {("rte", "v"): np.full(4, 3.0)}
    both = sampling.weighted([(1.0, share), (1.0, {("cola", "v"): np.full(4, 4.0)})])
    assert sampling.error(both) == pytest.approx(2.5)
    assert sampling.mean([share, None]) is None
    assert sampling.weights_of(["rte", ["cola", "mrpc"]]) == {"rte": 0.5, "cola": 0.25, "mrpc": 0.25}


def test_the_loss_is_what_fine_tuning_minimises():
    import torch

    logits, targets = DRAWN.normal(size=(2, 7, 3)), DRAWN.integers(0, 3, 7)
    config = RunConfig(task=TaskConfig(labels=["a", "b", "c"]))
    expected = [torch.nn.functional.cross_entropy(torch.tensor(one), torch.tensor(targets)) for one in logits]
    assert predictions.loss(logits, targets, config) == pytest.approx([float(one) for one in expected])
    config = RunConfig(task=TaskConfig(labels=[]))
    assert predictions.loss(logits[..., :1], targets, config)[0] == pytest.approx(
        float(((logits[0, :, 0] - targets) ** 2).mean())
    )
