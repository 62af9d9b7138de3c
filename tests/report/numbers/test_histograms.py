"""Shares from a histogram, against the values behind it."""

from __future__ import annotations

import numpy as np
import pytest

from benchmark.config.units import unit
from benchmark.report.numbers.histograms import share_below, share_of_top
from benchmark.report.numbers.quantities import points

EDGES = np.logspace(-14, 0, 281)


def test_shares_are_those_of_the_values():
    values = 10 ** np.random.default_rng(1).normal(-7, 1.5, 20_000)
    counts = np.histogram(values, np.concatenate([[-np.inf], EDGES, [np.inf]]))[0]
    assert share_below(EDGES, counts, 1e-8) == pytest.approx(np.mean(values < 1e-8))
    top = np.sort(values)[-200:].sum() / values.sum()
    assert share_of_top(EDGES, counts, 0.01) == pytest.approx(top, abs=0.01)
    assert share_of_top(EDGES, counts, 0.5) <= share_of_top(EDGES, counts, 0.9) <= 1
    assert np.isnan(share_of_top(EDGES, np.zeros(282), 0.01))


def test_they_can_be_claimed(compose, record_of):
    config = compose("task=rte")
    record = record_of(config, {"validation": {"accuracy": 0.5}})
    counts = np.zeros(282, int)
    counts[[1, 281]] = 3, 1
    stored = {"probe/sensitivity/edges": EDGES, "probe/sensitivity/counts": counts}
    found = {
        name: points(f"probe/sensitivity/{name}", record, config, stored)
        for name in ("below/1e-8", "top/0.25")
    }
    assert found == {"below/1e-8": [({}, 0.75)], "top/0.25": [({}, pytest.approx(1.0))]}
    assert points("probe/sensitivity/below/1e-8", record, config, {}) == []
    assert unit("probe/sensitivity/below/1e-8") == "share of the weights"
    assert unit("probe/sensitivity/top/0.01") == "share of the sum"
    assert {unit(f"probe/sensitivity/{name}") for name in ("top/2", "below/-1", "below/inf")} == {None}
