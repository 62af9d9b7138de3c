"""Selection before reporting: the checkpoint of a run, and the best searched setting.

By a paper's rule (`last` or `best` evaluation; the setting with the best mean over seeds) the same set
chooses and is reported. If another set, named by the rule, chooses the evaluation, there is no leak. The
leak-free rule chooses both on one half of the set and scores on the other half. It does so both ways, and the
score of a seed is the mean. The halves are the same for all runs. By both rules, a run that diverged or
failed counts with the floor while settings are compared, and has no score if its setting is chosen.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from benchmark.config.schema import SELECTIONS, RunConfig
from benchmark.grids.grid import Grid
from benchmark.records.record import Record
from benchmark.report.numbers import predictions
from benchmark.report.numbers.frame import CELL, columns_of, selected
from benchmark.report.numbers.planned import LOST, floored
from benchmark.report.numbers.predictions import Arrays

LEAK_FREE = "leak_free"


@dataclass(frozen=True)
class Crossing:
    """Scores (2, 2) of a run, as fractions: by choosing half, the score on that half and on the other.

    The floor for a lost run.
    """

    scores: np.ndarray
    status: str = "finished"


def selects(grid: Grid, records: Iterable[Record]) -> bool:
    """True if a checkpoint or a setting was chosen on the reported set."""
    if grid.table["search"]:
        return True
    chosen = any(
        itself_chooses(run.config, report)
        for run in grid.runs
        for _, report, _ in columns_of(grid, run.config)
    )
    return chosen and any(len(record.curve) > 1 for record in records)


def itself_chooses(config: RunConfig, report: list[str]) -> bool:
    """True if the reported sets choose the evaluation that they are scored at."""
    rule, first = config.protocol.selection, next(iter(config.task.evaluate), "")
    if rule in SELECTIONS:
        return rule != "last"
    return rule in {name.rpartition("/")[0] or first for name in report}


def chosen(frame: pd.DataFrame, statistic: str = "mean") -> pd.DataFrame:
    """One run per cell and seed: that of the cell's best setting, by the ``statistic`` over seeds.

    Settings are compared on the seeds on which all of them were run. On another seed the choice is open: its
    row is that of a run that is missing, without a score or a choice. ``awaited`` has the ids of all runs
    that are missing there, and ``tried`` the number of the cell's settings that have runs.

    A run that diverged or failed counts with the floor, so that no setting wins by losing its worst seeds. A
    gap has no floor, so only the settings with the fewest lost and collapsed runs are compared. Between equal
    settings, the one with more finished runs is chosen.
    """
    places, awaited = _tuples(frame, [*CELL, "seed"]), dict[tuple[Any, ...], list[str]]()
    for place, run, status in zip(places, frame["run_id"], frame["status"], strict=True):
        if status == "missing":
            awaited.setdefault(place, []).append(run)
    frame = frame.assign(awaited=[frozenset(awaited.get(place, ())) for place in places])
    if not frame["choice"].any():
        return frame.assign(tried=1)
    best = _best_settings(frame[~frame["awaited"].astype(bool)], statistic)
    tried = frame[frame["status"] != "missing"].groupby(CELL, sort=False)["choice"].nunique().to_dict()
    cells, runs = _tuples(frame, CELL), zip(frame["choice"], frame["run_id"], places, strict=True)
    kept = [
        awaited[place][0] == run if place in awaited else best[place[:-1]] == choice
        for choice, run, place in runs
    ]
    frame = frame.assign(
        tried=[tried.get(cell, 0) for cell in cells],
        choice=frame["choice"].where(frame["status"] != "missing", ""),
    )
    return frame[np.array(kept, bool)]


def _best_settings(frame: pd.DataFrame, statistic: str) -> dict[tuple[Any, ...], str]:
    """The best setting of every cell, as `chosen` explains."""
    settings = [*CELL, "choice"]
    done = frame.assign(done=frame["status"] == "finished", score=floored(frame))
    done["gone"] = frame["lower"] & (frame["status"].isin(LOST) | frame["collapsed"])
    known = done.groupby(settings, sort=False).agg(
        {"done": "sum", "score": statistic, "lower": "first", "gone": "sum"}
    )
    known["score"] = known["score"].mask(known["gone"] > known.groupby(level=CELL)["gone"].transform("min"))
    cells: dict[tuple[Any, ...], dict[str, float]] = {}
    lower: dict[tuple[Any, ...], bool] = {}
    for (*cell, choice), row in known.sort_values("done", ascending=False, kind="stable").iterrows():
        cells.setdefault(tuple(cell), {})[choice] = float(row["score"])
        lower[tuple(cell)] = bool(row["lower"])
    return {cell: _best(by_setting, lower[cell]) for cell, by_setting in cells.items()}


def _tuples(frame: pd.DataFrame, names: list[str]) -> list[tuple[Any, ...]]:
    return list(zip(*(frame[name].tolist() for name in names), strict=True))


def leak_free(grid: Grid, frame: pd.DataFrame, records: Mapping[str, Record], arrays: Arrays) -> pd.DataFrame:
    """Leak-free scores of ``frame`` in percent: columns ``CELL``, ``seed``, ``score``, ``status`` and ``choice``.

    ``frame`` has the runs of all settings and their floors. ``choice`` has the setting that the halves
    choose, or two settings with a slash between if they disagree. A seed has no row if a setting has no run
    there, or no score from stored predictions. A seed that was lost in a chosen setting has the status of its
    run, and no score.
    """
    halves: dict[tuple[str, str], np.ndarray | None] = {}
    for run, rows in frame.groupby("run_id", sort=False):
        record = records.get(str(run))
        if record is not None and record.status == "finished" and record.curve:
            config = grid.runs[int(rows["run"].iloc[0])].config
            stored = arrays(str(run))
            for column, report, minus in columns_of(grid, config):
                scored = None if minus else scores_of_halves(stored, report, config)
                if scored is not None and not itself_chooses(config, report):
                    chosen_evaluation = selected(record, config, report, minus)
                    scored = scored[chosen_evaluation:][:1]
                halves[str(run), column] = scored
    rows = []
    for names, cell in frame.groupby(CELL, sort=False):
        settings: dict[str, dict[int, Crossing]] = {}
        for row in cell.to_dict("records"):
            by_seed, known = settings.setdefault(row["choice"], {}), halves.get((row["run_id"], row["task"]))
            if known is not None:
                by_seed[int(row["seed"])] = Crossing(_both_ways(known, _rule(grid, row)))
            elif row["status"] in LOST:
                by_seed[int(row["seed"])] = Crossing(np.full((2, 2), row["floor"] / 100), row["status"])
        settings = _on_common_seeds(settings)
        choice = " / ".join(dict.fromkeys(_winner(settings, half) for half in (0, 1)))
        for seed, score, status in _crossed(settings):
            place = dict(zip(CELL, names, strict=True)) | {"seed": seed}
            rows.append(place | {"score": 100 * score, "status": status, "choice": choice})
    return pd.DataFrame(rows, columns=[*CELL, "seed", "score", "status", "choice"])


def with_scores(frame: pd.DataFrame, scored: pd.DataFrame) -> pd.DataFrame:
    """``frame`` with the scores, lost seeds and choices of ``scored``.

    It has one run per cell and seed. NaN and '' without a score.
    """
    keys = pd.MultiIndex.from_frame(frame[[*CELL, "seed"]])
    by_seed = scored.set_index([*CELL, "seed"]).reindex(keys)
    status = by_seed["status"].to_numpy(object)
    known = np.array([isinstance(name, str) for name in status], bool)
    return frame.assign(
        score=by_seed["score"].to_numpy(float),
        status=np.where(known, status, frame["status"].to_numpy(object)),
        choice=by_seed["choice"].fillna("").to_numpy(),
    )


def scores_of_halves(
    stored: Mapping[str, np.ndarray], report: list[str], config: RunConfig
) -> np.ndarray | None:
    """Reported score of every evaluation on either half, as fractions (evaluations, 2).

    None if it cannot be computed from ``stored``.
    """
    scores = []
    for name in report:
        set_name, _, metric = name.rpartition("/")
        set_name = set_name or next(iter(config.task.evaluate))
        of_set = predictions.of_set(stored, set_name, config)
        if not predictions.known(metric) or of_set is None:
            return None
        logits, targets = of_set
        evaluations = predictions.from_logits(logits, config, set_name)
        gold = predictions.has_gold(targets)
        evaluations, targets = evaluations[:, gold], targets[gold]
        scores.append(
            [
                [predictions.value(metric, predicted[half], targets[half]) for half in split(len(targets))]
                for predicted in evaluations
            ]
        )
    common = min(map(len, scores), default=0)  # sets may be scored only after the last update
    return np.asarray(np.mean([of_metric[len(of_metric) - common :] for of_metric in scores], axis=0))


def split(examples: int) -> tuple[np.ndarray, np.ndarray]:
    """The indices of the two halves of a set of ``examples`` examples."""
    order = np.random.default_rng(0).permutation(examples)
    return np.sort(order[: examples // 2]), np.sort(order[examples // 2 :])


def _rule(grid: Grid, row: dict[str, Any]) -> str:
    return str(grid.runs[row["run"]].config.protocol.selection)


def _both_ways(halves: np.ndarray, rule: str) -> np.ndarray:
    """Scores (2, 2) by the half that chooses the evaluation: its own, the other's."""
    first, second = (-1, -1) if rule == "last" else halves.argmax(0)
    return np.array([[halves[first, 0], halves[first, 1]], [halves[second, 1], halves[second, 0]]])


def _on_common_seeds(settings: dict[str, dict[int, Crossing]]) -> dict[str, dict[int, Crossing]]:
    """``settings`` without the seeds that one of them lacks: a choice compares equal numbers of runs."""
    common = set.intersection(*(set(by_seed) for by_seed in settings.values()))
    return {
        setting: {seed: run for seed, run in by_seed.items() if seed in common}
        for setting, by_seed in settings.items()
    }


def _crossed(settings: dict[str, dict[int, Crossing]]) -> list[tuple[int, float, str]]:
    """By seed: score of the chosen setting on the other half, averaged over both ways, and the status of its runs."""
    ways = [settings[_winner(settings, half)] for half in (0, 1)]
    rows = []
    for seed in (seed for seed in ways[0] if seed in ways[1]):
        both = [way[seed] for way in ways]
        lost = [run.status for run in both if run.status in LOST]
        score = (both[0].scores[0, 1] + both[1].scores[1, 1]) / 2
        rows.append((seed, np.nan if lost else float(score), lost[0] if lost else "finished"))
    return rows


def _winner(settings: dict[str, dict[int, Crossing]], half: int) -> str:
    """The setting with the best mean over seeds on the half that chooses."""
    means = {
        setting: float(np.mean([run.scores[half, 0] for run in by_seed.values()])) if by_seed else np.nan
        for setting, by_seed in settings.items()
    }
    return _best(means)


def _best(by_setting: dict[str, float], lower: bool = False) -> str:
    """The best of some settings; the first if none has a score."""
    known = {setting: score for setting, score in by_setting.items() if not np.isnan(score)}
    pick = min if lower else max
    return pick(known, key=lambda setting: known[setting]) if known else next(iter(by_setting))
