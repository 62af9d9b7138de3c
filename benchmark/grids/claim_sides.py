"""The two sides of a claim in a declared grid: they must be different runs that share seeds."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from benchmark.errors import BenchmarkError
from benchmark.grids.selectors import Rectangle, combinations, parsed, values_in, values_of

Declared = Mapping[str, str]  # an arm of a declared grid: its value on every axis but the seed, as written


def check_sides(
    claim: Mapping[str, Any], sides: tuple[str, str], grid: Sequence[Rectangle], place: str
) -> None:
    """Refuse a claim whose sides have runs in common, or no seed.

    ``sides`` are the keys of the runs that are compared. Raises: BenchmarkError.
    """
    side, other = sides
    seeds = seeds_by_arm(grid)
    ours, others = ([arm for arm in seeds if has_all(claim[key], dict(arm))] for key in sides)
    named = {*claim[side], *claim[other]} if other == "than" else {*claim[other]}
    both = [dict(arm) for arm in ours if arm in others]
    if both and (claim[side] == claim[other] or "task" not in named):
        texts = " ".join(f"{key}={value}" for key, value in both[0].items() if key in named)
        raise BenchmarkError(f"{place}: {side} and {other} both name {texts}: no run is compared with itself")
    for mine in ours:
        partners = [seeds[theirs] for theirs in others if agree(dict(mine), dict(theirs), named)]
        if partners and not any(seeds[mine] & shared for shared in partners):
            raise BenchmarkError(
                f"{place}: {side} has the seeds {_texts(seeds[mine])} and {other} {_texts(set().union(*partners))}: runs "
                f"are paired by seed, so give both the same; valid: {', '.join(values_of('seed', grid))}"
            )


def seeds_by_arm(grid: Sequence[Rectangle]) -> dict[tuple[tuple[str, str], ...], set[str]]:
    """The seeds of every arm of a declared grid, by its axes and values."""
    seeds: dict[tuple[tuple[str, str], ...], set[str]] = {}
    for axes in grid:
        stated = {key: values for key, values in axes.items() if key != "seed"}
        for values in itertools.product(*stated.values()):
            arm = tuple(sorted(zip(stated, values, strict=True)))
            seeds.setdefault(arm, set()).update(axes.get("seed", ["1"]))
    return seeds


def has_all(selector: Mapping[str, Any], arm: Declared) -> bool:
    """True if the runs of ``arm`` surely have all values of ``selector``."""
    for key, wanted in selector.items():
        if key not in arm:
            return False
        value = parsed(key, arm[key])
        if key == "method":
            if frozenset(value) not in combinations(wanted):
                return False
        elif value != wanted and value not in values_in(key, wanted):
            return False
    return True


def agree(mine: Declared, theirs: Declared, named: set[str]) -> bool:
    """True if two arms agree on every common axis that is not ``named``."""
    both = (mine.keys() & theirs.keys()) - named
    return all(mine[axis] == theirs[axis] for axis in both)


def _texts(seeds: set[str]) -> str:
    return ",".join(sorted(seeds, key=lambda seed: (len(seed), seed)))
