"""The power of a grid's claims before any run, at printed effects.

A claim needs all of its comparisons, or as many as it speaks of; its pooled answer is the mean over them. Cells are
taken to be independent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import yaml

from benchmark.config.table import AVERAGE as OF_AVERAGE
from benchmark.config.table import MOST
from benchmark.grids.grid import Grid
from benchmark.records.record import Record
from benchmark.report import published
from benchmark.report.build import no_arrays
from benchmark.report.comparisons import Arm, Compared
from benchmark.report.evidence import averaging_rule
from benchmark.report.numbers import selection
from benchmark.report.numbers.conjunctions import most
from benchmark.report.numbers.frame import by_seed, scores
from benchmark.report.numbers.noncentral import effect, power, power_of_some, seeds_for, seeds_for_some
from benchmark.report.numbers.planned import with_floors
from benchmark.report.numbers.sampling import weights_of
from benchmark.report.numbers.statistics import paired_difference
from benchmark.report.papers.beside import Beside
from benchmark.report.published import AVERAGE, FOLDER

PRINTED, MEASURED, ASSUMED = "printed", "measured", "assumed"  # where a spread comes from


@dataclass(frozen=True)
class Contrast:
    """A comparison of a claim: the printed gain, the spread of one difference, and the spread's origin."""

    gain: float
    spread: float
    origin: str


@dataclass(frozen=True)
class Foresight:
    """The power of so many seeds to find a claim.

    ``cells`` are its comparisons, ``origins`` says where their spread comes from, ``missing`` why there is no
    power. ``whole`` is of the claim as it says it, ``pooled`` of the mean over its cells; then the seeds for 80 %.
    """

    says: str
    cells: int
    origins: str
    whole: float = np.nan
    pooled: float = np.nan
    whole_seeds: int = 0
    pooled_seeds: int = 0
    missing: str = ""


def foresee(grid: Grid, records: dict[str, Record], correlation: float) -> list[Foresight]:
    """The power of every claim of a grid, at its number of seeds.

    ``records`` are of runs that were made already: their spread counts before a printed one.
    ``correlation`` is of the two sides of a seed, where their spread was not measured.
    """
    frame = selection.chosen(with_floors(grid, scores(grid, records), no_arrays))
    source = published.load(grid.table["published"]) if grid.table["published"] else {"rows": []}
    tasks = list(dict.fromkeys(frame["task"]))
    rule = averaging_rule(frame, tasks, source if source["rows"] else None, bool(grid.table["columns"]))
    compared = Compared(grid, frame, rule, records, no_arrays)
    printed = Beside(source, grid, frame) if source["rows"] else None
    seeds = frame["seed"].nunique()
    return [_of_claim(claim, compared, printed, seeds, correlation) for claim in grid.table["claims"]]


def _of_claim(
    claim: dict[str, Any], compared: Compared, printed: Beside | None, seeds: int, correlation: float
) -> Foresight:
    pairs = list(_pairs(claim, compared))
    if (
        claim["of"] != "score"
        or claim["gain_over"]
        or any("task" in claim[side] for side in ("better", "lower"))
    ):
        return Foresight(claim["says"], len(pairs), "", missing="no effect of this kind is printed")
    known = [printed and contrast(printed, *sides, compared.rule, correlation) for sides in pairs]
    contrasts = [pair for pair in known if pair]
    groups = _groups(claim, [column for *_, column in pairs])
    wanted = _wanted(claim, len(groups))
    if not contrasts or len(contrasts) < len(pairs):
        lacking = f"{len(pairs) - len(contrasts)} of {len(pairs)} cells have no printed gain or no spread"
        return Foresight(claim["says"], len(pairs), "", missing=lacking)
    sign = 1.0 if claim["better"] else -1.0
    effects = [effect(sign * pair.gain, pair.spread, 0.0) for pair in contrasts]
    sizes = [[effects[number] for number in group] for group in groups]
    spread = np.sqrt(sum(pair.spread**2 for pair in contrasts)) / len(contrasts)
    pooled = effect(sign * float(np.mean([pair.gain for pair in contrasts])), float(spread), 0.0)
    return Foresight(
        claim["says"],
        len(pairs),
        "+".join(dict.fromkeys(pair.origin for pair in contrasts)),
        power_of_some(sizes, seeds, wanted),
        power(pooled, seeds),
        seeds_for_some(sizes, wanted),
        seeds_for(pooled),
    )


def _groups(claim: dict[str, Any], columns: list[str]) -> list[list[int]]:
    """The comparisons by number that count as one: all of a column if a claim counts columns, else each."""
    groups: dict[Any, list[int]] = {}
    for number, column in enumerate(columns):
        groups.setdefault(column if isinstance(claim["where"], int) else number, []).append(number)
    return list(groups.values())


def _wanted(claim: dict[str, Any], cells: int) -> int:
    """The number of groups of comparisons that have to be as claimed."""
    if isinstance(claim["where"], int):
        return min(claim["where"], cells)
    enough = claim.get("at_least")
    return most(cells) if enough == MOST else min(enough or cells, cells)


def _pairs(claim: dict[str, Any], compared: Compared) -> Iterator[tuple[Arm, Arm, str]]:
    """The arms and the column of every comparison of a claim."""
    named = set(claim["better"] or claim["lower"]) | set(claim["than"])
    where = claim["where"]
    columns = [AVERAGE] if where == OF_AVERAGE else where if isinstance(where, list) else compared.columns
    for ours in compared.matching(claim["better"] or claim["lower"]):
        for others in compared.matching(claim["than"]):
            if ours is not others and ours.same(others, named):
                yield from ((ours, others, column) for column in columns)


def contrast(
    printed: Beside, ours: Arm, others: Arm, column: str, rule: Any, correlation: float
) -> Contrast | None:
    """The printed gain of one arm over another, with a difference's spread.

    None if a number is not printed, or no spread is known.
    """
    weights = weights_of(rule) if column == AVERAGE else {column: 1.0}
    gain, variance, origins = 0.0, 0.0, []
    for task, weight in weights.items():
        values = [_value(printed, arm, task, "values") for arm in (ours, others)]
        spread, origin = _spread(printed, ours, others, task, correlation)
        if None in values or spread is None or not weights:
            return None
        gain += weight * (values[0] - values[1])
        variance += (weight * spread) ** 2
        origins.append(origin)
    return Contrast(gain, float(np.sqrt(variance)), "+".join(dict.fromkeys(origins)))


def _value(printed: Beside, arm: Arm, column: str, field: str) -> Any:
    model, variant, methods = (str(name) for name in arm.frame[["model", "variant", "methods"]].iloc[0])
    return printed.value(printed.by_arm[model, variant, methods], column, field)


def _spread(
    printed: Beside, ours: Arm, others: Arm, column: str, correlation: float
) -> tuple[float | None, str]:
    """The spread of one difference: measured, else from printed deviations, else from the task's usual one."""
    sides = [by_seed(arm.frame[arm.frame["task"] == column]) for arm in (ours, others)]
    measured = paired_difference(*sides)
    if measured.n > 1 and measured.varies:
        return measured.std, MEASURED
    factor = printed.to_sample if printed.is_divided_by_n else 1.0
    deviations = [_value(printed, arm, column, "std") for arm in (ours, others)]
    usual, origin = _usual().get(column), ASSUMED
    if None not in deviations:
        deviations, origin = [factor * deviation for deviation in deviations], PRINTED
    elif usual is None:
        return None, ""
    else:
        deviations = [usual, usual]
    mine, theirs = deviations
    return float(np.sqrt(mine**2 + theirs**2 - 2 * correlation * mine * theirs)), origin


@cache
def _usual() -> Mapping[str, float]:
    usual = yaml.safe_load((FOLDER / "spread.yaml").read_text())
    return {**usual["printed"], **usual["assumed"]}
