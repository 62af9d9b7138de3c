"""A run's curves: every update's loss beside the evaluations, however long, wild or broken they are."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from benchmark.records.record import Evaluation
from benchmark.site.curves import MOST, curves, thinned
from helpers.records import RECORD

SCORES = {"validation": {"accuracy": 0.75}}
NONE = np.empty(0, np.float32)


def record(*losses: float):
    """A record with an evaluation after every second update."""
    entries = [Evaluation(2 * n, n, loss, {"validation": 0.9}, SCORES) for n, loss in enumerate(losses, 1)]
    return replace(RECORD, curve=entries)


def lines(svg: str, colour: str) -> list[list[tuple[float, float]]]:
    """The places of all lines of a colour."""
    found = re.findall(rf'<polyline class="{colour}" points="([^"]*)"', svg)
    return [[tuple(map(float, place.split(","))) for place in points.split()] for points in found]


def test_the_loss_of_every_update_stands_beside_the_evaluations():
    svg = curves(record(0.8, 0.4), np.array([1.0, 0.6, 0.5, 0.3], np.float32))
    [every], [means, scores] = lines(svg, "grey"), lines(svg, "blue")
    assert [len(every), len(means), len(scores)] == [4, 2, 2]
    assert every[1][0] == means[0][0]  # update 2
    assert every[0][1] < every[1][1] < every[2][1] < every[3][1]  # a smaller loss is lower
    assert all(word in svg for word in ("every update", "mean of an epoch", "accuracy, validation"))


def test_a_run_with_one_evaluation_has_its_losses_drawn():
    svg = curves(record(0.8), np.array([1.0, 0.6], np.float32))
    assert [len(line) for line in lines(svg, "grey")] == [2]
    assert curves(record(0.8), NONE) == ""


def test_many_updates_are_means_and_stay_small():
    losses = np.arange(100_000, dtype=np.float32)
    points = thinned(losses)
    assert len(points) == MOST
    assert np.mean([loss for _, loss in points]) == pytest.approx(losses.mean(), rel=1e-3)
    assert all(y == pytest.approx(x, abs=1) for x, y in points)
    assert len(curves(record(0.8, 0.4), losses)) < 12_000


def test_one_spike_does_not_flatten_the_rest():
    losses = np.full(300, 0.5, np.float32) + np.linspace(0.2, 0, 300, dtype=np.float32)
    losses[150] = 1e6
    [every] = lines(curves(record(0.7, 0.5), losses), "grey")
    heights = [y for _, y in every]
    assert max(heights) - sorted(heights)[1] > 50


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf, 3e38])
def test_what_is_no_number_is_a_gap(wrong):
    svg = curves(record(0.8, 0.4), np.array([1.0, 0.6, wrong, wrong, 0.3, 0.2], np.float32))
    assert "nan" not in svg
    assert "inf" not in svg
    if not np.isfinite(wrong):
        assert [len(line) for line in lines(svg, "grey")] == [2, 2]


@pytest.mark.parametrize("loss", [np.nan, 1e308])
def test_a_run_whose_every_loss_is_no_number_says_so(loss):
    entries = [replace(entry, loss=loss, losses={}) for entry in record(1, 1).curve]
    svg = curves(replace(RECORD, curve=entries), np.full(3, np.nan, np.float32))
    assert "none is known" in svg


def test_a_diverged_run_without_an_evaluation_has_a_curve():
    svg = curves(replace(RECORD, curve=[], scores={}), np.array([0.5, 2.0, np.nan], np.float32))
    assert [len(line) for line in lines(svg, "grey")] == [2]
