"""The answer over all cells at the head of a report: by hand, and with failed runs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from benchmark.report import overall
from benchmark.report.build import build
from benchmark.report.figures.forest import forest
from helpers.grids import load

DEMO, TWO = "demo/noisytune", "task=opinion,closeness"
PLAIN = {1: 80, 2: 82, 3: 84, 4: 86, 5: 88}
NOISY = {1: 81, 2: 84, 3: 84, 4: 89, 5: 92}
DIFFERENCES = {
    "a": (1.44, -0.36, 2.17, 0.72, 1.81),
    "b": (0.90, 1.32, -0.41, 0.55, 0.78),
    "c": (0.25, 0.49, -0.25, 0.98, 0.0),
    "d": (0.36, 1.08, 2.53, -1.08, 0.72),
    "e": (0.10, -0.62, 0.44, 0.91, 0.35),
    "f": (-0.49, 0.25, 0.0, 0.25, -0.25),
}


def frame(differences: dict[str, Sequence[float | None]]) -> pd.DataFrame:
    """Runs of plain fine-tuning at 0 and of a method at ``differences`` by column; None for one that diverged."""
    rows = [
        {"model": "m", "variant": "", "methods": methods, "task": task, "seed": seed, "score": score}
        for task, values in differences.items()
        for seed, value in enumerate(values)
        for methods, score in (("", 0.0), ("ours", np.nan if value is None else value))
    ]
    made = pd.DataFrame(rows)
    status = np.where(made["score"].isna(), "diverged", "finished")
    return made.assign(status=status, floor=-50.0, collapsed=False)


def test_the_worked_example():
    [row] = overall.gains(frame(DIFFERENCES), [*DIFFERENCES]).to_dict("records")
    assert (row["methods"], row["cells"]) == ("ours", 6)
    assert (row["mean"], row["low"], row["high"]) == pytest.approx((0.498, 0.050685, 0.945315), abs=1e-6)
    assert row["random_mean"] == pytest.approx(0.353074, abs=1e-6)
    assert row["predicted_low"] < row["random_low"] < row["random_mean"]
    assert row["share_gained"] == pytest.approx(22 / 30)
    assert row["middle_mean"] == pytest.approx(0.441875)
    assert (row["middle_low"], row["middle_high"]) == pytest.approx((0.17, 0.66), abs=0.01)


def test_a_failed_run_is_a_pair_that_did_not_gain():
    failed = DIFFERENCES | {"a": (None, -0.36, None, 0.72, 1.81)}
    [row] = overall.gains(frame(failed), [*failed]).to_dict("records")
    assert row["share_gained"] == pytest.approx(20 / 30)
    effects = [np.mean([value for value in values if value is not None]) for values in failed.values()]
    assert row["mean"] == pytest.approx(np.mean(effects))
    assert (row["lost"], row["lost_vanilla"]) == (2, 0)
    planned = (-50, -0.36, -50, 0.72, 1.81)
    assert row["floor_mean"] == pytest.approx(np.mean([np.mean(planned), *effects[1:]]))


def test_a_method_is_not_said_to_help_by_diverging():
    diverging = dict.fromkeys("abcdef", (None, None, None, 2.9, 3.1))
    [[_, method, mean, *_]] = overall.sections(overall.gains(frame(diverging), [*diverging]), ["m"], {})[
        0
    ].rows
    assert method == "ours (lost 18 runs, plain fine-tuning 0)"
    assert mean.endswith("; failures at the floor -28.80")


def test_a_gain_that_is_only_where_plain_fine_tuning_collapsed_stands_beside_the_gain_without():
    runs = frame(dict.fromkeys("ab", (20.0, 20.0, 0.5, -0.5, 0.0)))
    few = runs.assign(collapsed=(runs["methods"] == "") & (runs["seed"] < 2))
    [[_, method, mean, *_]] = overall.sections(overall.gains(few, ["a", "b"]), ["m"], {})[0].rows
    assert method == "ours (collapsed 0 runs, plain fine-tuning 4)"
    assert mean.startswith("+8.00 [")
    assert "; without collapses +0.00 [-1.24, +1.24]" in mean
    assert "collapse" not in str(overall.sections(overall.gains(runs, ["a", "b"]), ["m"], {})[0].rows)


def test_only_models_with_runs_are_named():
    run = frame({"a": (1.0, 2.0), "b": (1.0, 2.0)})
    missing = run.assign(model="n", status="missing", score=np.nan)
    for second, name, cells, title in (
        (run.assign(model="n"), "all 2 models", "4", "over all cells"),
        (missing, "First (of 2 models)", "2 of 4", "over the cells that have runs"),
    ):
        gains = overall.gains(pd.concat([run, second]), ["a", "b"])
        section = overall.sections(gains, ["m", "n"], {"m": "First"})[0]
        assert title in section.title
        assert (section.rows[0][0], section.rows[0][3]) == (name, cells)


def test_a_method_that_failed_everywhere_has_a_row():
    failing = overall.gains(frame(dict.fromkeys("ab", (None, None))), ["a", "b"])
    [row] = overall.sections(failing, ["m"], {"m": "First"})[0].rows
    assert row[:4] == [
        "First",
        "ours (lost 4 runs, plain fine-tuning 0)",
        "–; failures at the floor -50.00",
        "0 of 2",
    ]
    assert row[-1] == "0%"
    assert forest(pd.DataFrame({"difference_n": [0]}), failing, {}) == ""
    not_run = frame(dict.fromkeys("ab", (None, None))).replace({"status": {"diverged": "missing"}})
    assert overall.gains(not_run, ["a", "b"]).empty


def test_the_interval_of_few_cells_is_over_seeds():
    few = {task: DIFFERENCES[task] for task in "ab"}
    [row] = overall.gains(frame(few), [*few]).to_dict("records")
    averages = np.mean([*few.values()], axis=0)
    interval = stats.t.interval(0.95, 4, averages.mean(), stats.sem(averages))
    assert (row["mean"], row["low"], row["high"]) == pytest.approx((averages.mean(), *interval))


def test_only_columns_of_the_average_count():
    [row] = overall.gains(frame(DIFFERENCES), ["a", ["b", "c"]]).to_dict("records")
    assert row["mean"] == pytest.approx(np.mean([np.mean(DIFFERENCES[task]) for task in "abc"]))
    assert overall.gains(frame(DIFFERENCES), []).empty
    assert overall.gains(frame(DIFFERENCES), "a").empty


def test_one_seed_has_a_mean_and_no_precision():
    gains = overall.gains(frame({"a": (1.0,), "b": (2.0,)}), ["a", "b"])
    section = overall.sections(gains, ["m"], {"m": "Model"})[0]
    assert section.rows == [["Model", "ours", "+1.50 [-4.85, +7.85]", "2", "–", "–", "+1.50", "100%"]]


def test_differences_that_do_not_vary_do_not_count_as_exact():
    [row] = overall.gains(frame({"a": (0.1 + 0.2, 0.3), "b": (1.0, 3.0)}), ["a", "b"]).to_dict("records")
    assert row["random_mean"] == pytest.approx(row["mean"])  # both have the variance of b


def test_a_report_begins_with_it_if_there_are_two_cells(records):
    planned = load(DEMO, TWO)
    first, second = build(planned, records(planned, PLAIN, NOISY)).sections[:2]
    assert first.title.startswith("Does it help?")
    assert [row[1:4] for row in first.rows] == [["noisytune", "+2.00 [+0.04, +3.96]", "2"]]
    assert second.title.startswith("Score")
    alone = load(DEMO, "task=opinion")
    assert build(alone, records(alone, PLAIN, NOISY)).sections[0].title.startswith("Score")
    assert build(planned, {}).sections[0].title.startswith("Score")
