"""The runs that a claim covers, and the declared runs that are missing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from benchmark.grids.grid import Grid, PlannedRun
from benchmark.grids.selectors import combinations, matches, parsed, values_in

SIDES = ("better", "lower", "runs", "than", "gain_over")  # keys of a claim that are selectors of runs
NO_EVIDENCE = ("store", "cache", "device", "seed")  # axes that no claim covers


def left_out(claim: dict[str, Any], grid: Grid) -> str:
    """The values of a claim that a user removed from the grid, or ''.

    Replacing all declared models does not count: the verdict itself says it.
    """
    gone_by_key = []
    for key in grid.changed:
        if key in NO_EVIDENCE or key not in grid.declared:
            continue
        gone = [value for value in grid.declared[key] if value not in grid.axes.get(key, ())]
        if key == "model" and len(gone) == len(grid.declared[key]):
            continue
        gone = [value for value in gone if _covers(claim, key, value)]
        if gone:
            gone_by_key.append(f"{key}={','.join(gone)}")
    return f"{' '.join(gone_by_key)} was left out" if gone_by_key else ""


def runs_of(claim: dict[str, Any], grid: Grid) -> list[PlannedRun]:
    """The planned runs that a claim is about, each once; none for one that no run can test."""
    if claim.get("untestable"):
        return []
    searched, where = set(grid.table["search"]), claim["where"]
    columns = grid.table["columns"]
    tasks = set(where) if isinstance(where, list) else None
    if tasks and columns:
        tasks = {task for name in tasks if name in columns for task in columns[name]["tasks"]}
    without = set(claim.get("gain_of") or ())
    sides = [{k: v for k, v in claim[side].items() if k not in searched} for side in SIDES if claim.get(side)]
    known: dict[tuple[str, ...], bool] = {}  # by overrides without the seed
    runs: dict[str, PlannedRun] = {}
    for run in grid.runs:
        config, arm = run.config, run.overrides[:-1]
        if arm not in known:
            whole = dict.fromkeys(without) | config.method  # a run that a gain may be over
            configs = [config, replace(config, method=whole)] if without else [config]
            wanted = any(matches(side, config) for side in sides for config in configs) or not sides
            known[arm] = wanted and (tasks is None or config.task.name in tasks)
        if known[arm]:
            runs.setdefault(run.run_id, run)
    return list(runs.values())


def fewer_seeds(grid: Grid) -> str:
    """A number of seeds below the declared one, in words, or ''."""
    declared, kept = (len(axes.get("seed", ())) for axes in (grid.declared, grid.axes))
    return f"{kept} of the {declared} declared seeds were run" if kept < declared else ""


def _covers(claim: dict[str, Any], key: str, value: str) -> bool:
    if key == "task" and isinstance(claim["where"], list):
        return value in claim["where"]
    sides = [claim[side] for side in SIDES if key in claim.get(side, ())]
    if not sides:
        return True  # the claim must hold at every value of this axis
    stated = parsed(key, value)
    if key == "method":
        return any(frozenset(stated) in combinations(side[key]) for side in sides)
    return any(side[key] == stated or stated in values_in(key, side[key]) for side in sides)
