"""What a target stands for: a name, a number that a label spells, or a position."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from benchmark.tasks.coding import UnfitError, coding

LABELS = ["bad", "good"]


@pytest.mark.parametrize(
    ("labels", "names", "target", "number"),
    [
        (LABELS, [], 1, 1),
        (LABELS, [], 1.0, 1),
        (LABELS, [], Decimal("1.0"), 1),
        (LABELS, [], "good", 1),
        (LABELS, [], None, -1),
        (LABELS, [], -1, -1),
        (LABELS, ["good", "bad"], 0, 1),
        (LABELS, ["so-so", "good", "bad"], 2, 0),
        (LABELS, ["good", "bad"], -1, -1),
        (["1", "2", "3"], [], 3, 2),  # labels that are numbers are names, and not positions
        (["0", "1"], [], "1", 1),
        (["-1", "0", "1"], [], -1, 0),
        (["1", "2", "3"], ["3", "2", "1"], 0, 2),
        (["1", "2", "3", "unsure"], [], 1, 0),
        (["1", "2", "3", "unsure"], [], -1, -1),
        (["01", "02", "03"], [], 2, 1),
        (["1.0", "2.0", "3.0"], [], 2.0, 1),
        (["1.0", "2.0"], [], 1, 0),
        (["0.1", "0.2"], [], 0.1, 0),
        (["0.10", "0.20"], [], Decimal("0.20"), 1),
        (["\u0661", "\u0662"], [], 1, 0),  # Arabic digits
        (["2020_01", "2020_02"], [], 1, 1),
        ([" 1", "2 "], [], 1, 1),
        (["nan", "good"], [], 1, 1),
        (["1 star", "2 stars"], [], 0, 0),
    ],
)
def test_a_target_stands_for_a_label_by_name_and_else_by_position(
    labels: list[str], names: list[str], target: Any, number: int
) -> None:
    assert coding(labels, names, (-1,))(target) == number


@pytest.mark.parametrize(
    ("labels", "names", "target", "fault"),
    [
        (LABELS, [], 2, r"out of range \(valid: 0 = bad, 1 = good\)"),
        (LABELS, [], -2, "out of range"),
        (LABELS, [], -100, "out of range"),
        (LABELS, [], 0.5, "not a whole number"),
        (LABELS, [], Decimal("0.5"), "not a whole number"),
        (LABELS, [], float("nan"), "not a whole number"),
        (LABELS, [], float("inf"), "not a whole number"),
        (LABELS, [], True, "truth value"),
        (LABELS, [], "1", r"none of the labels \(valid: bad, good\)"),
        (LABELS, [], "Good", "did you mean 'good'"),
        (LABELS, [], " ", "empty text"),
        (LABELS, [], b"good", "binary"),
        (LABELS, ["so-so", "good", "bad"], 0, "stands for 'so-so'"),
        (LABELS, ["good", "bad"], 2, r"out of range \(valid: 0 = good, 1 = bad\)"),
        (["1", "2"], [], 0, r"none of the labels, and no position .*'1' is a label \(valid: 1, 2\)"),
        (["1", "2", "3", "unsure"], [], 0, r"none of the labels, .*\(valid: 1, 2, 3, unsure\)"),
        (["1", "positive"], [], 0, r"none of the labels, .*\(valid: 1, positive\)"),
        (["0.5", "1.5"], [], 1, "none of the labels"),
        (["0.5", "1.5"], [], float("nan"), "not a whole number"),
        (["1.1", "1.10"], [], 1.1, "may be '1.1' or '1.10': write the label as a text"),
        (["0", "1"], [], True, "truth value"),
        (["1", "2"], [], "01", "none of the labels"),
    ],
)
def test_a_target_that_stands_for_none_says_why(
    labels: list[str], names: list[str], target: Any, fault: str
) -> None:
    with pytest.raises(UnfitError, match=fault):
        coding(labels, names, (-1,))(target)


def test_a_long_list_of_labels_is_cut_in_the_message() -> None:
    with pytest.raises(UnfitError, match=r"19 = tag19, … 99 = tag99\)"):
        coding([f"tag{number}" for number in range(100)], [], ())(100)
