"""Printed effects of a claim's comparisons, with the spread of one difference.

Spread is that of runs in the store, else the printed one, else one assumed for the task.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import yaml

from benchmark.report.arms import Arm
from benchmark.report.numbers.frame import by_seed
from benchmark.report.numbers.statistics import estimate
from benchmark.report.papers.beside import Beside
from benchmark.report.published import FOLDER
from benchmark.report.sums import Term, by_column

PRINTED, MEASURED, ASSUMED = "printed", "measured", "assumed"  # where a spread comes from
Weighted = Sequence[tuple[float, Arm]]


@dataclass(frozen=True)
class Contrast:
    """A comparison of a claim: the printed gain, the spread of one difference, and the spread's origin.

    ``sides`` are the spreads of a single run on either side, if a claim needs them.
    """

    gain: float
    spread: float
    origin: str
    sides: tuple[float, float] = (np.nan, np.nan)


def of_means(printed: Beside, terms: Sequence[Term], correlation: float) -> Contrast | None:
    """The printed weighted sum of means, with the spread of one such sum.

    None if a number is not printed, or no spread is known. ``correlation`` is of any two runs of a seed.
    """
    gain, variance, origins = 0.0, 0.0, []
    for column, arms in by_column(terms).items():
        values = [_value(printed, arm, column, "values") for _, arm in arms]
        spread, origin = _spread(printed, arms, column, correlation)
        if None in values or spread is None:
            return None
        gain += sum(weight * value for (weight, _), value in zip(arms, values, strict=True))
        variance += spread**2
        origins.append(origin)
    return Contrast(gain, float(np.sqrt(variance)), "+".join(dict.fromkeys(origins))) if origins else None


def of_maxima(printed: Beside, terms: Sequence[Term]) -> Contrast | None:
    """The printed gain in means on one column, and both spreads of a run."""
    columns = list(by_column(terms).items())
    if len(columns) != 1 or len(columns[0][1]) != 2:
        return None
    [(column, arms)] = columns
    values = [_value(printed, arm, column, "values") for _, arm in arms]
    sides, origin = _deviations(printed, arms, column)
    if None in values or not sides:
        return None
    return Contrast(values[0] - values[1], np.nan, origin, (sides[0], sides[1]))


def of_spreads(printed: Beside, terms: Sequence[Term]) -> Contrast | None:
    """The logarithm of the ratio of two printed deviations on one column."""
    columns = list(by_column(terms).items())
    if len(columns) != 1 or len(columns[0][1]) != 2:
        return None
    [(column, arms)] = columns
    deviations = [_value(printed, arm, column, "std") for _, arm in arms]
    if None in deviations or min(deviations) <= 0:
        return None
    return Contrast(float(np.log(deviations[0] / deviations[1])), np.nan, PRINTED)


def _value(printed: Beside, arm: Arm, column: str, field: str) -> Any:
    return printed.value(printed.by_arm[arm.cell], column, field)


def _spread(printed: Beside, arms: Weighted, column: str, correlation: float) -> tuple[float | None, str]:
    """The spread of a weighted sum of runs of a seed, and where it comes from."""
    known = [(weight, by_seed(arm.frame[arm.frame["task"] == column])) for weight, arm in arms]
    seeds = sorted(set.intersection(*(set(of_arm) for _, of_arm in known)))
    values = np.array([[weight * of_arm[seed] for weight, of_arm in known] for seed in seeds])
    measured = estimate(values.sum(1), float(np.abs(values).max())) if len(seeds) else estimate(values)
    if measured.varies:
        return measured.std, MEASURED
    deviations, origin = _deviations(printed, arms, column)
    if not deviations:
        return None, ""
    sizes = np.array([weight for weight, _ in arms]) * deviations
    covariance = np.outer(sizes, sizes) * correlation
    np.fill_diagonal(covariance, sizes**2)
    return float(np.sqrt(max(covariance.sum(), 0.0))), origin


def _deviations(printed: Beside, arms: Weighted, column: str) -> tuple[list[float], str]:
    """The deviation of one run of every arm: the printed one, else the task's usual one.

    Empty if neither is known.
    """
    factor = printed.to_sample if printed.is_divided_by_n else 1.0
    deviations = [_value(printed, arm, column, "std") for _, arm in arms]
    if None not in deviations:
        return [factor * deviation for deviation in deviations], PRINTED
    usual = _usual().get(column)
    return ([usual] * len(arms) if usual is not None else []), ASSUMED


@cache
def _usual() -> Mapping[str, float]:
    usual = yaml.safe_load((FOLDER / "spread.yaml").read_text())
    return {**usual["printed"], **usual["assumed"]}
