"""The values of the declared grid that a claim covers and the user's grid lacks."""

from __future__ import annotations

from typing import Any

from benchmark.grids.grid import Grid
from benchmark.grids.selectors import combinations, parsed, values_in

NO_EVIDENCE = ("store", "cache", "device", "seed")  # axes that no claim covers


def left_out(claim: dict[str, Any], grid: Grid) -> str:
    """A claim's values that a user took out of the grid, in words, or ''.

    Replacing all declared models is not counted: the verdict's word says it.
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


def fewer_seeds(grid: Grid) -> str:
    """A number of seeds below the declared one, in words, or ''."""
    declared, kept = (len(axes.get("seed", ())) for axes in (grid.declared, grid.axes))
    return f"{kept} of the {declared} declared seeds were run" if kept < declared else ""


def _covers(claim: dict[str, Any], key: str, value: str) -> bool:
    if key == "task" and isinstance(claim["where"], list):
        return value in claim["where"]
    named = ("better", "lower", "runs", "than", "gain_over")
    sides = [claim[side] for side in named if key in claim.get(side, ())]
    if not sides:
        return True  # the claim must hold at every value of this axis
    stated = parsed(key, value)
    if key == "method":
        return any(frozenset(stated) in combinations(side[key]) for side in sides)
    return any(side[key] == stated or stated in values_in(key, side[key]) for side in sides)
