"""One answer per method over all cells of a table: does it help?

A cell is a model, a variant and a column that counts in the average. Its gain is the mean difference to plain
fine-tuning over the seeds that finished on both sides. If runs failed, the mean with failures at the floor
stands beside it, so that no method seems to help by losing its worst seeds. If runs collapsed, the mean of
the other pairs stands beside it and tells whether they gain too. Gains are weighted equally, or by precision:
a random-effects mean by REML, with Hartung and Knapp's interval, and the interval of the true gain in a new
cell. Two further numbers count failed runs at the floor: the interquartile mean, over the middle half of all
pairs of seeds, and the share of pairs that gained.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from benchmark.report.numbers import pooled
from benchmark.report.numbers.frame import Rule, by_seed
from benchmark.report.numbers.planned import LOST, at_floor
from benchmark.report.numbers.sampling import weights_of
from benchmark.report.numbers.statistics import Estimate, paired_difference
from benchmark.report.numbers.weighted_sums import weighted_sum
from benchmark.report.sections import VANILLA_LABEL, Section

TITLE = f"Does it help? Mean gain over {VANILLA_LABEL} over {{}} [95 % interval]"
FEW = 6  # cells: fewer do not show how gains vary between cells, so the interval is then over seeds
Cell = tuple[str, str, pd.DataFrame, pd.DataFrame]  # its model and task, and the runs of both sides
COLUMNS = [
    "Equal weights",
    "Cells",
    "By precision (REML)",
    "In a new cell",
    "Interquartile mean",
    "Pairs gained",
]


def sections(table: pd.DataFrame, names: Sequence[str], labels: Mapping[str, str]) -> list[Section]:
    """One section with a row per method of `gains`, over the models of ``names``; none without gains."""
    if table.empty:
        return []
    rows = [[_models(row["models"], names, labels), *_texts(row)] for row in table.to_dict("records")]
    whole = (table["cells"] == table["planned"]).all()
    return [Section(TITLE.format("all cells" if whole else "the cells that have runs"), rows, COLUMNS)]


def _models(known: Sequence[str], names: Sequence[str], labels: Mapping[str, str]) -> str:
    """The models behind a gain: those with pairs of runs (lost ones included), out of all planned models."""
    if len(known) == len(names) > 1:
        return f"all {len(names)} models"
    of_all = f" (of {len(names)} models)" if len(known) < len(names) else ""
    return ", ".join(labels.get(model) or model for model in known) + of_all


def distinct(frame: pd.DataFrame) -> pd.DataFrame:
    """``frame`` without variants that repeat the runs of an earlier one: they are not further cells."""
    blocks: dict[tuple[str, frozenset[str]], pd.DataFrame] = {}
    for (_, _, task), block in frame.groupby(["model", "variant", "task"], sort=False):
        blocks.setdefault((str(task), frozenset(block["run_id"])), block)
    return pd.concat(blocks.values()) if blocks else frame


def gains(frame: pd.DataFrame, rule: Rule) -> pd.DataFrame:
    """One row per method with two cells or more: its mean gains in points, and those of its pairs.

    A method has a row too if it has fewer cells only because its runs failed.

    ``frame`` is as `planned.with_floors` gives it, with one run per cell and seed. Means by precision are NaN if
    no cell has two seeds.
    """
    counted = frame[frame["task"].isin(list(weights_of(rule)) if rule else [])]
    cells: dict[str, list[Cell]] = {}
    for (model, _, task), block in counted.groupby(["model", "variant", "task"], sort=False):
        vanilla = block[block["methods"] == ""]
        for methods, ours in block[block["methods"] != ""].groupby("methods", sort=False):
            cells.setdefault(str(methods), []).append((str(model), str(task), ours, vanilla))
    rows = [{"methods": methods} | _gain(of_method) for methods, of_method in cells.items()]
    table = pd.DataFrame(rows)
    if not rows:
        return table
    failing = (
        (table["planned"] > 1) & (table["lost"] > 0) & table["floor_mean"].notna()
    )  # wherever the method was run
    return table[(table["cells"] > 1) | failing]


def _gain(cells: Sequence[Cell]) -> dict[str, Any]:
    """The gain over ``cells``."""
    differences = [(model, task, paired_difference(by_seed(a), by_seed(b))) for model, task, a, b in cells]
    known = [(task, difference) for _, task, difference in differences if difference.n]
    effects = np.array([difference.mean for _, difference in known])
    sides = list(zip(*cells, strict=True))[2:]
    lost, collapsed = (
        [sum(int(ended(runs).sum()) for runs in side) for side in sides] for ended in (_lost, _collapsed)
    )
    errors = [difference.std**2 / difference.n if difference.varies else np.nan for _, difference in known]
    variances = pooled.filled(np.array(errors), [task for task, _ in known])
    usable = ~np.isnan(variances)  # all of them, or none
    weighted = pooled.random_effects(effects[usable], variances[usable])
    all_planned = [_apart(at_floor(a), at_floor(b)) for *_, a, b in cells]
    every = [np.array(list(values.values())) for values in all_planned]
    mean, floored = equal_weights([_apart(a, b) for *_, a, b in cells]), equal_weights(all_planned)
    kept = equal_weights([_apart(a[~_collapsed(a)], b[~_collapsed(b)]) for *_, a, b in cells])
    middle, middle_low, middle_high = pooled.interquartile_mean(every)
    return {
        "models": tuple(
            dict.fromkeys(model for (model, *_), pairs in zip(cells, all_planned, strict=True) if pairs)
        ),
        "cells": len(known),
        "planned": len(cells),
        "tried": max(_tried(ours) for *_, ours, _ in cells),
        "tried_vanilla": max(_tried(vanilla) for *_, vanilla in cells),
        "lost": lost[0],
        "lost_vanilla": lost[1],
        "collapsed": collapsed[0],
        "collapsed_vanilla": collapsed[1],
        "mean": mean.mean,
        "low": mean.low,
        "high": mean.high,
        "floor_mean": floored.mean,
        "floor_low": floored.low,
        "floor_high": floored.high,
        "kept_mean": kept.mean,
        "kept_low": kept.low,
        "kept_high": kept.high,
        "random_mean": weighted.mean,
        "random_low": weighted.low,
        "random_high": weighted.high,
        "predicted_low": weighted.predicted_low,
        "predicted_high": weighted.predicted_high,
        "middle_mean": middle,
        "middle_low": middle_low,
        "middle_high": middle_high,
        "share_gained": pooled.share_gained(every),
    }


def equal_weights(cells: Sequence[Mapping[int, float]]) -> Estimate:
    """The equal-weight mean of the differences of ``cells`` by seed.

    Its interval is over cells, or over seeds for few cells.
    """
    known = [values for values in cells if values]
    if len(known) < FEW and min(map(len, known), default=0) > 1:
        size = max(abs(value) for values in known for value in values.values())
        return weighted_sum([{s: value / len(known) for s, value in v.items()} for v in known], size)
    return pooled.equal_weights(np.array([np.mean(list(values.values())) for values in known]))


def _apart(ours: pd.DataFrame, others: pd.DataFrame) -> dict[int, float]:
    """The differences of two arms by seed, over the seeds that both have."""
    mine, theirs = by_seed(ours), by_seed(others)
    return {seed: mine[seed] - theirs[seed] for seed in sorted(mine.keys() & theirs.keys())}


def _lost(runs: pd.DataFrame) -> pd.Series:
    return runs["status"].isin(LOST)


def _collapsed(runs: pd.DataFrame) -> pd.Series:
    return runs["collapsed"] & (runs["status"] == "finished")


def _tried(runs: pd.DataFrame) -> int:
    """The number of settings from which the best was chosen."""
    return int(runs["tried"].max()) if "tried" in runs and len(runs) else 1


def ends(row: Mapping[str, Any]) -> tuple[str, str]:
    """The runs that a gain lost, in words, and its means with and without them; '' if there are none."""
    counted = beside = ""
    for end, name, text in (
        ("lost", "floor", "failures at the floor"),
        ("collapsed", "kept", "without collapses"),
    ):
        if row[end] or row[f"{end}_vanilla"]:
            counted += f" ({end} {row[end]:.0f} runs, {VANILLA_LABEL} {row[f'{end}_vanilla']:.0f})"
            beside += f"; {text} {_mean(row, name)}"
    return counted, beside


def _texts(row: Mapping[str, Any]) -> list[str]:
    unequal = row["tried"] > row["tried_vanilla"]
    budget = (
        f" (best of {row['tried']:.0f} settings, {VANILLA_LABEL} of {row['tried_vanilla']:.0f})"
        if unequal
        else ""
    )
    counted, beside = ends(row)
    return [
        f"{row['methods']}{budget}{counted}",
        f"{_text(row['mean'], row['low'], row['high'])}{beside}",
        f"{row['cells']}" + f" of {row['planned']}" * (row["cells"] < row["planned"]),
        _mean(row, "random"),
        _interval(row["predicted_low"], row["predicted_high"]).strip() or "–",
        _mean(row, "middle"),
        f"{row['share_gained']:.0%}",
    ]


def _mean(row: Mapping[str, Any], name: str) -> str:
    return _text(*(row[f"{name}_{part}"] for part in ("mean", "low", "high")))


def _text(mean: float, low: float, high: float) -> str:
    return f"{mean:+.2f}{_interval(low, high)}" if np.isfinite(mean) else "–"


def _interval(low: float, high: float) -> str:
    return f" [{low:+.2f}, {high:+.2f}]" if np.isfinite([low, high]).all() else ""
