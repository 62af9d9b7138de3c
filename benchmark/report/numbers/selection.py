"""What is chosen before anything is reported: the checkpoint of a run, and settings that were searched over.

By a paper's rule (`last` or `best` evaluation; the setting with the best mean over seeds) the set that chooses
is the set that is reported. The leak-free rule chooses both on one half of it and takes the score on the
other, both ways, and their mean is the score of a seed. Halves are the same for all runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from benchmark.config.schema import RunConfig
from benchmark.grids.grid import Grid
from benchmark.records.record import Record
from benchmark.report.numbers import predictions
from benchmark.report.numbers.frame import columns_of
from benchmark.report.numbers.predictions import Arrays

CELL = ["model", "variant", "methods", "task"]
LEAK_FREE = "leak_free"


def selects(grid: Grid, records: Iterable[Record]) -> bool:
    """Whether anything of the table was chosen on the set that is reported."""
    rules = {run.config.protocol.selection for run in grid.runs} - {"last"}
    return bool(grid.table["search"]) or bool(rules and any(len(one.curve) > 1 for one in records))


def chosen(frame: pd.DataFrame, statistic: str = "mean") -> pd.DataFrame:
    """The runs of the best setting of every cell, by the ``statistic`` over seeds; ``tried`` is of how many."""
    kept = []
    for _, cell in frame.groupby(CELL, sort=False):
        by_setting = cell.groupby("choice", sort=False)["score"].agg(statistic)
        best = _best(by_setting.to_dict(), bool(cell["lower"].iloc[0]))
        kept.append(cell[cell["choice"] == best].assign(tried=len(by_setting)))
    return pd.concat(kept).sort_index() if kept else frame.assign(tried=1)


def leak_free(grid: Grid, frame: pd.DataFrame, records: Mapping[str, Record], arrays: Arrays) -> pd.DataFrame:
    """The scores of ``frame`` by the leak-free rule, in percent: columns ``CELL``, ``seed`` and ``score``.

    ``frame`` has the runs of all settings. A run without predictions that tell a score has no row.
    """
    halves: dict[tuple[str, str], np.ndarray | None] = {}
    for run, rows in frame.groupby("run_id", sort=False):
        found = records.get(str(run))
        if found is not None and found.status == "finished" and found.curve:
            config = grid.runs[int(rows["run"].iloc[0])].config
            stored = arrays(str(run))
            for column, report, minus in columns_of(grid, config):
                halves[str(run), column] = None if minus else scores_of_halves(stored, report, config)
    rows = []
    for at, cell in frame.groupby(CELL, sort=False):
        settings: dict[str, dict[int, np.ndarray]] = {}
        for one in cell.to_dict("records"):
            by_seed, scored = settings.setdefault(one["choice"], {}), halves.get((one["run_id"], one["task"]))
            if scored is not None:
                by_seed[int(one["seed"])] = _both_ways(scored, _rule(grid, one))
        for seed, score in _crossed(settings).items():
            rows.append(dict(zip(CELL, at, strict=True)) | {"seed": seed, "score": 100 * score})
    return pd.DataFrame(rows, columns=[*CELL, "seed", "score"])


def with_scores(frame: pd.DataFrame, scored: pd.DataFrame) -> pd.DataFrame:
    """``frame``, one run per cell and seed, with the scores of ``scored``; NaN where that has none."""
    found = scored.set_index([*CELL, "seed"])["score"]
    return frame.assign(score=found.reindex(pd.MultiIndex.from_frame(frame[[*CELL, "seed"]])).to_numpy())


def scores_of_halves(
    stored: Mapping[str, np.ndarray], report: list[str], config: RunConfig
) -> np.ndarray | None:
    """The reported score of every evaluation on either half, as fractions (evaluations, 2); None if unknown."""
    parts = []
    for name in report:
        part, _, metric = name.rpartition("/")
        part = part or next(iter(config.task.evaluate))
        if not predictions.known(metric) or f"logits/{part}" not in stored:
            return None
        given = predictions.answers(stored[f"logits/{part}"], config, part)
        targets = stored[f"targets/{part}"]
        parts.append(
            [
                [predictions.value(metric, one[half], targets[half]) for half in split(len(targets))]
                for one in given
            ]
        )
    common = min(map(len, parts), default=0)  # sets may be scored after the last update alone
    return np.asarray(np.mean([part[len(part) - common :] for part in parts], axis=0))


def split(examples: int) -> tuple[np.ndarray, np.ndarray]:
    """The indices of the two halves of a set of so many examples."""
    order = np.random.default_rng(0).permutation(examples)
    return np.sort(order[: examples // 2]), np.sort(order[examples // 2 :])


def _rule(grid: Grid, row: dict[str, Any]) -> str:
    return str(grid.runs[row["run"]].config.protocol.selection)


def _both_ways(halves: np.ndarray, rule: str) -> np.ndarray:
    """(2, 2): by the half that chooses the evaluation, the score on it and on the other half."""
    at = [-1, -1] if rule == "last" else halves.argmax(0)
    return np.array([[halves[at[0], 0], halves[at[0], 1]], [halves[at[1], 1], halves[at[1], 0]]])


def _crossed(settings: dict[str, dict[int, np.ndarray]]) -> dict[int, float]:
    """By seed, the score on the other half of the setting that a half chooses, averaged over both."""
    ways = []
    for half in (0, 1):
        means = {
            setting: float(np.mean([scores[half, 0] for scores in by_seed.values()])) if by_seed else np.nan
            for setting, by_seed in settings.items()
        }
        winner = settings[_best(means)]
        ways.append({seed: scores[half, 1] for seed, scores in winner.items()})
    return {seed: (ways[0][seed] + ways[1][seed]) / 2 for seed in ways[0] if seed in ways[1]}


def _best(by_setting: dict[str, float], lower: bool = False) -> str:
    """The best of some settings; the first where none has a score."""
    known = {setting: score for setting, score in by_setting.items() if not np.isnan(score)}
    pick = min if lower else max
    return pick(known, key=lambda setting: known[setting]) if known else next(iter(by_setting))
