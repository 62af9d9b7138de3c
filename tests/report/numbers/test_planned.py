"""Failed runs at the floor, against scikit-learn and simulation."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef

from benchmark.report.numbers.planned import at_floor, floor
from benchmark.report.numbers.statistics import estimate
from benchmark.report.numbers.swaps import ranked_signs


@pytest.mark.parametrize("counts", [(131, 146), (129, 279), (322, 721), (25, 15), (30, 10, 60)])
def test_the_floor_is_the_score_of_the_most_frequent_answer(counts):
    targets = np.repeat(np.arange(len(counts)), counts)
    answers = np.full(len(targets), np.argmax(counts))
    assert floor("accuracy", np.array(counts)) == pytest.approx(accuracy_score(targets, answers))
    assert floor("matthews_correlation", np.array(counts)) == matthews_corrcoef(targets, answers) == 0
    if len(counts) == 2:
        assert floor("f1", np.array(counts)) == pytest.approx(f1_score(targets, answers, zero_division=0))


def test_the_floor_is_zero_where_nothing_is_scored_by_class():
    none = np.zeros(0)
    assert [floor(name, none) for name in ("pearson", "spearman", "f1", "exact_match", "accuracy")] == [0] * 5
    assert floor("f1", np.array([1, 2, 3])) == 0


def test_failed_seeds_have_the_floor():
    frame = pd.DataFrame(
        {
            "status": ["finished", "diverged", "failed", "missing", "diverged"],
            "score": [71.0, np.nan, np.nan, np.nan, np.nan],
            "floor": [52.7, 52.7, 52.7, 52.7, np.nan],
        }
    )
    np.testing.assert_array_equal(at_floor(frame)["score"], [71, 52.7, 52.7, np.nan, np.nan])
    assert frame["score"].count() == 1


@pytest.mark.parametrize(("share", "finished", "planned"), [(0.2, 0.22, 0.005), (0.4, 0.49, 0.0)])
def test_diverging_in_the_worst_seeds_reproduces_nothing(share, finished, planned):
    """A method without gain that diverges in its worst seeds, 25 seeds, by finished pairs and by all."""
    drawn, lost = np.random.default_rng(12), int(25 * share)
    words = []
    for _ in range(200):
        ours, others = drawn.normal(70, 1, 25), drawn.normal(70, 1, 25)
        kept = np.argsort(ours)[lost:]
        pairs = estimate(ours[kept] - others[kept])
        differences = np.where(np.isin(np.arange(25), kept), ours, 52.7) - others
        shown = pairs.mean > 0 and pairs.p <= 0.05
        signed, p = ranked_signs(differences)
        words.append((shown, shown and signed > 0 and p <= 0.05))
    assert np.mean(words, axis=0) == pytest.approx([finished, planned], abs=0.08)
    assert np.mean(words, axis=0)[1] <= 0.025
