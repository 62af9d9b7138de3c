"""The forest plot: every cell by task, and below them the pooled means and what a new cell would see."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from benchmark.report.figures.drawing import room_for
from benchmark.report.figures.forest import NARROW, POOLED, TITLE, forest

TASKS, MODELS = ("rte", "cola"), ("one", "two")
LABELS = {"rte": "RTE", "cola": "CoLA", "one": "One"}


def numbers(models=MODELS) -> pd.DataFrame:
    rows = [
        {"model": model, "variant": "", "methods": methods, "task": task, "difference_n": 3}
        | {"difference_mean": 1.0, "difference_low": -1.0, "difference_high": 3.0}
        for model in models
        for methods in ("noisytune", "pats")
        for task in TASKS
    ]
    return pd.DataFrame(rows)


def gains(*methods: str, **changes: float) -> pd.DataFrame:
    mean = {"mean": 1.0, "low": 0.5, "high": 1.5, "random_mean": 0.9, "random_low": 0.6, "random_high": 1.2}
    return pd.DataFrame(
        {"methods": name} | mean | {"predicted_low": 0.1, "predicted_high": 1.7} | changes for name in methods
    )


def texts(svg: str) -> list[str]:
    """The texts of a figure, without its numbers."""
    return [text for text in re.findall(r"<text[^>]*>(.*?)</text>", svg) if re.search("[A-Za-z]{2}", text)]


def test_cells_are_grouped_by_task_and_the_means_stand_below():
    shown = texts(forest(numbers(), gains("noisytune"), LABELS))
    assert shown[:7] == ["RTE · One", "RTE · two", "CoLA · One", "CoLA · two", *POOLED]
    assert "noisytune" in shown


def test_one_model_is_not_named_and_every_method_has_a_panel():
    shown = texts(forest(numbers(("one",)), gains("noisytune", "pats"), LABELS))
    assert shown[:5] == ["RTE", "CoLA", *POOLED]
    assert {"noisytune", "pats"} <= set(shown)


def test_the_same_numbers_give_the_same_file_and_other_numbers_another():
    first = forest(numbers(), gains("pats"), LABELS)
    assert first == forest(numbers(), gains("pats"), LABELS)
    for changed in ({"high": 2.0}, {"random_low": 0.1}, {"predicted_high": 2.5}):
        assert forest(numbers(), gains("pats", **changed), LABELS) != first


@pytest.mark.parametrize(
    "lost", [("random_mean", "random_low", "random_high"), ("low", "high"), ("predicted_low",)]
)
def test_a_mean_without_an_interval_or_without_itself_is_no_error(lost):
    assert forest(numbers(), gains("pats", **dict.fromkeys(lost, np.nan)), LABELS).startswith("<svg")


def test_nothing_is_drawn_without_a_pooled_mean():
    assert forest(numbers(), pd.DataFrame(), LABELS) == ""
    assert forest(numbers().assign(difference_n=0), gains("pats"), LABELS) == ""


def test_the_caption_of_a_single_panel_is_in_two_lines_that_fit():
    alone, several = (forest(numbers(("one",)), gains(*names), LABELS) for names in (["pats"], ["pats"] * 3))
    assert (texts(alone)[-2:], texts(several)[-1]) == (NARROW, TITLE)
    for svg, line in ((alone, NARROW[0]), (several, TITLE)):
        width = float(re.search(r'viewBox="0 0 ([\d.]+)', svg)[1])
        x = float(re.search(rf'<text x="([\d.]+)"[^>]*>{re.escape(line)}', svg)[1])
        assert x + room_for([line]) <= width
