"""Seeds that would decide a claim of each kind: by the upper end of the spread's interval, as for means."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from benchmark.report.kinds.p_values import effect_of
from benchmark.report.numbers.equivalence import seeds_within
from helpers.claims import noise, table

SIDES: dict[str, Any] = {"runs": {"method": ["noisytune"]}, "than": {"method": []}}
SEEDS, LEVEL = 6, 0.05
GAIN = 2.0


def score(config: Any) -> float:
    return 70 + GAIN * bool(config.method) + noise(config, 1.5)


def differences() -> np.ndarray:
    runs = table([SIDES | {"not_worse": {"margin": 1.0}}], seeds=SEEDS).runs
    scores = {(bool(run.config.method), run.config.seed): score(run.config) for run in runs}
    return np.array([scores[True, seed] - scores[False, seed] for seed in range(1, SEEDS + 1)])


def upper(values: np.ndarray) -> float:
    low = stats.chi2.ppf(0.025, len(values) - 1)
    return float(values.std(ddof=1) * np.sqrt((len(values) - 1) / low))


def by_hand(size: float, level: float = LEVEL) -> int:
    """Seeds of Student's test that find an effect of ``size`` deviations, one by one."""
    n = 2
    while stats.nct.sf(stats.t.isf(level / 2, n - 1), n - 1, size * np.sqrt(n)) < 0.8:
        n += 1
    return n


def needed(judged: Any, stated: dict[str, Any]) -> int:
    [found] = judged(table([SIDES | stated], seeds=SEEDS), score)
    [comparison] = found.comparisons
    return comparison.needed(LEVEL)


def test_a_margin_is_decided_at_the_upper_end(judged):
    mean, spread = differences().mean(), upper(differences())
    assert needed(judged, {"better": {}, "not_worse": {"margin": 1.0}}) == by_hand((mean + 1) / spread)
    assert needed(judged, {"equivalent": {"margin": 0.5}}) == by_hand((mean - 0.5) / spread)
    room = 20 - mean
    inside = max(seeds_within(spread, 20), by_hand(room / spread, 2 * LEVEL))
    assert needed(judged, {"equivalent": {"margin": 20.0}}) == inside


@pytest.mark.parametrize("printed", [0.5, 1e-4])
def test_a_printed_p_value_is_decided_at_the_end_that_is_nearer(judged, printed):
    values = differences()
    wanted = effect_of(printed, 5)
    seen, low = values.mean() / values.std(ddof=1), values.mean() / upper(values)
    assert (low < seen < wanted) if printed == 1e-4 else (wanted < low < seen)
    nearer = seen if printed == 1e-4 else low
    distance = stats.norm.isf(LEVEL / 2) + stats.norm.isf(0.2)
    by_normal = (1 + nearer**2 / 2) * (distance / (nearer - wanted)) ** 2
    assert needed(judged, {"p_value": {"printed": {"mrpc": printed}, "seeds": 5}}) == np.ceil(by_normal) + 1


def test_a_printed_p_value_between_both_ends_is_not_decided_by_a_number(judged):
    values = differences()
    between = (values.mean() / values.std(ddof=1) + values.mean() / upper(values)) / 2
    printed = float(2 * stats.t.sf(between * np.sqrt(5), 4))
    assert needed(judged, {"p_value": {"printed": {"mrpc": printed}, "seeds": 5}}) == 10_000


def test_a_trend_of_spreads_is_decided_at_the_upper_end(judged):
    stated = {"over": "data.share", "scale": "log", "direction": "falls"}
    layout = {"kind": "lines", "rows": ["model"], "x": "data.share", "x_without": 1.0}
    shares = ("0.25", "0.5", "null")
    planned = table(
        [{"runs": {"method": []}, "of": "std", "trend": stated}],
        methods=("[]",),
        shares=shares,
        seeds=SEEDS,
        layout=layout,
    )
    [found] = judged(planned, lambda c: 70 + noise(c, 2 / (c.data.share or 1)))
    scores = np.array(
        [
            [
                70 + noise(run.config, 2 / (run.config.data.share or 1))
                for run in planned.runs
                if f"data.share={x}" in run.overrides
            ]
            for x in shares
        ]
    ).T
    apart = np.abs(scores - np.median(scores, 0)) @ np.array([-0.5, 0.0, 0.5])
    assert found.comparisons[0].needed(LEVEL) == max(by_hand(abs(apart.mean()) / upper(apart)), 6)
