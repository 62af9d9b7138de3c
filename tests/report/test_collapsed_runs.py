"""Runs that learnt nothing, by the sets and the score of a column."""

from __future__ import annotations

import numpy as np
import pytest

from helpers.claims import reported, table


def test_a_run_that_scores_less_than_the_most_frequent_answer_has_collapsed(record_of):
    planned, targets = table([], tasks=("rte",)), np.repeat([0, 1], [146, 131])

    def collapsed(points: float, stored: np.ndarray) -> set[int]:
        shown = reported(
            planned, record_of, lambda c: points, arrays=lambda _: {"targets/validation": stored}
        )
        return set(shown.numbers["runs_collapsed"])

    assert [collapsed(points, targets) for points in (40, 52.8)] == [{5}, {0}]
    assert [collapsed(points, np.zeros(277, int)) for points in (40, 100)] == [{0}, {0}]  # one class


@pytest.mark.parametrize(
    ("named", "targets", "runs"),
    [
        ("validation", np.arange(20) % 2, 5),
        ("validation", np.array([1]), 0),  # older records name such sets, too
        ("test", np.arange(20) % 2, 0),  # not a set of this column
    ],
)
def test_a_column_is_judged_by_its_own_sets(record_of, named, targets, runs):
    shown = reported(
        table([], tasks=("rte",)),
        record_of,
        lambda _: 70,
        changes=lambda _: {"collapsed": [named]},
        arrays=lambda _: {"targets/validation": targets},
    )
    assert set(shown.numbers["runs_collapsed"]) == {runs}
