"""The numbers of a table: score, difference to plain fine-tuning and errors, per cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from benchmark.report.numbers import sampling
from benchmark.report.numbers.frame import CELL, Rule, average_by_seed, by_seed
from benchmark.report.numbers.sampling import Shares
from benchmark.report.numbers.statistics import Estimate, estimate, holm
from benchmark.report.numbers.weighted_sums import weighted_sum
from benchmark.report.published import AVERAGE

STATUSES = ("finished", "diverged", "failed", "missing")
SharesByRun = Mapping[tuple[str, str], Shares]  # by run id and column


def measured(
    frame: pd.DataFrame,
    columns: Sequence[str],
    rule: Rule,
    shares: SharesByRun | None = None,
    planned: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """One row per model, variant, methods and column: score, paired difference, and runs by status.

    ``difference_p`` is corrected by Holm's method for all differences of the table. ``…_sampling`` is the
    standard error due to the finite evaluation set, from ``shares`` (see `sampling.of_runs`). ``runs_…``
    count the runs by status; those that collapsed are finished as well. They are of ``planned``, the runs of
    all settings that were searched over (default: of ``frame``, the chosen ones). ``best`` is False for an arm
    that lacks a run of its chosen setting; for a gap, also for an arm with a collapsed run, since a model that
    learnt nothing has no gap. ``stands_in`` marks cells that show the runs of an earlier row: they do not count as
    further tests.
    """
    every = dict(list((frame if planned is None else planned).groupby(CELL[:-1], sort=False)))
    rows: list[dict[str, Any]] = []
    first: dict[Any, int] = {}  # by column and runs: the number of the first cell that shows them
    for (model, variant), block in frame.groupby(["model", "variant"], sort=False):
        baseline = block[block["methods"] == ""]
        for methods, ours in block.groupby("methods", sort=False):
            for column in columns:
                mine = seeds(ours, column, rule)
                score = mean_of([(1.0, ours)], column, rule)
                sides = [(1.0, ours), (-1.0, baseline)]
                difference = mean_of(sides, column, rule) if methods else estimate(np.array([]))
                runs, against, made = (
                    side if column == AVERAGE else side[side["task"] == column]
                    for side in (ours, baseline, every[model, variant, methods])
                )
                whole = (runs["status"] == "finished") & ~(runs["lower"] & runs["collapsed"])
                same = first.setdefault((column, *map(_ids, (runs, against))), len(rows))
                chosen = runs.loc[runs["choice"] != "", "choice"].unique() if column != AVERAGE else []
                rows.append(
                    {"model": model, "variant": variant, "methods": methods, "task": column}
                    | _fields("score", score)
                    | {"score_max": max(mine.values(), default=np.nan)}
                    | _fields("difference", difference)
                    | _test_fields(difference)
                    | _sampling_errors(ours, baseline, column, rule, shares, methods != "")
                    | {f"runs_{status}": int((made["status"] == status).sum()) for status in STATUSES}
                    | {"runs_collapsed": int(made["collapsed"].sum()), "whole": bool(whole.all())}
                    | {"chosen": ", ".join(chosen), "lower": bool(runs["lower"].any())}
                    | {"stands_in": same < len(rows), "same_as": same}
                )
    numbers = pd.DataFrame(rows)
    rivals = numbers.groupby(["model", "variant", "task"])["score_mean"]
    tests = numbers["difference_p_alone"].mask(numbers["stands_in"])
    corrected = holm(tests.tolist())[numbers["same_as"].to_numpy()]
    best = np.where(numbers["lower"], rivals.transform("min"), rivals.transform("max"))
    return numbers.drop(columns=["same_as", "whole"]).assign(
        difference_p=corrected,
        best=numbers["whole"] & (numbers["score_mean"] == best) & (rivals.transform("count") > 1),
    )


def _ids(runs: pd.DataFrame) -> frozenset[str]:
    return frozenset(runs["run_id"])


def seeds(frame: pd.DataFrame, column: str, rule: Rule) -> dict[int, float]:
    """The scores of one cell of a table by seed."""
    return average_by_seed(frame, rule) if column == AVERAGE else by_seed(frame[frame["task"] == column])


def mean_of(sides: Sequence[tuple[float, pd.DataFrame]], column: str, rule: Rule) -> Estimate:
    """The weighted sum of a column's scores over ``sides``, paired by seed.

    For an average it is the mean of the tasks' means, so a missing run affects only its own task.
    """
    summed, size = [], 0.0
    for task, share in _weights(column, rule).items():
        known = [(share * weight, by_seed(side[side["task"] == task])) for weight, side in sides]
        both = set.intersection(*(set(values) for _, values in known))
        summed.append({seed: sum(weight * values[seed] for weight, values in known) for seed in both})
        size = max([size, *(abs(values[seed]) for _, values in known for seed in both)])
    return weighted_sum(summed, size)


def _fields(prefix: str, value: Estimate) -> dict[str, float]:
    fields = {"mean": value.mean, "std": value.std, "n": value.n, "low": value.low, "high": value.high}
    return {f"{prefix}_{name}": number for name, number in fields.items()}


def _test_fields(difference: Estimate) -> dict[str, float]:
    return {
        "difference_p_alone": difference.p,
        "difference_detectable": difference.detectable,
        "difference_effect_size": difference.effect_size,
    }


def _sampling_errors(
    ours: pd.DataFrame,
    baseline: pd.DataFrame,
    column: str,
    rule: Rule,
    shares: SharesByRun | None,
    compared: bool,
) -> dict[str, float]:
    """Standard errors of a score and its difference that stem from the evaluation set."""
    if not shares:
        return {"score_sampling": np.nan, "difference_sampling": np.nan}
    weights = _weights(column, rule)
    seeds_of_ours, seeds_of_others = (
        {task: set(by_seed(side[side["task"] == task])) for task in weights} for side in (ours, baseline)
    )
    mine = sampling.of_side(ours, weights, shares, seeds_of_ours)
    both = {task: seeds_of_ours[task] & seeds_of_others[task] for task in weights}  # as `mean_of` pairs them
    sides = [sampling.of_side(side, weights, shares, both) if compared else None for side in (ours, baseline)]
    known = [side for side in sides if side is not None]
    apart = sampling.weighted(list(zip((1.0, -1.0), known, strict=True))) if len(known) == 2 else None
    return {"score_sampling": sampling.error(mine), "difference_sampling": sampling.error(apart)}


def _weights(column: str, rule: Rule) -> dict[str, float]:
    return sampling.weights_of(rule) if column == AVERAGE else {column: 1.0}
