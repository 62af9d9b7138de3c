"""The recipe of a grid: what its runs learn, from which data, and how.

Seeds, places and machines do not belong to it. If a user changes the recipe, the runs are no longer the
paper's.
"""

from __future__ import annotations

import hashlib
import json
import re

from benchmark.config.identity import identity
from benchmark.config.schema import RunConfig
from benchmark.grids import grid as grids
from benchmark.grids import searching
from benchmark.grids.grid import Grid
from benchmark.grids.rectangles import Axes, override_of

PARTS = ("model", "task", "method", "protocol", "data")
PLACES = ("store", "cache", "device", "engine")  # a grid stays the same grid in other places
LONGEST = 48  # letters of the changes in a name
GROUPS = ("model", "task", "data", "protocol")  # another choice is another recipe


def changed(grid: Grid) -> Axes:
    """The user's changes that make other runs than the sweep declares, by key; empty for a part of its grid.

    Adding a combination of methods does not change the others. Setting a key to its declared value changes
    nothing.
    """
    keys = {key: values for key, values in grid.changed.items() if _part(key) in PARTS and key != "method"}
    new = {
        key: values
        for key, values in keys.items()
        if any(value not in grid.declared.get(key, ()) for value in values)
    }
    if not new or any(key in GROUPS and key in grid.declared for key in new):
        return new
    kept = [
        override_of(key, ",".join(values))
        for key, values in grid.changed.items()
        if key == searching.KEY or (key in keys and key not in new)
    ]
    declared = grids.load(grid.name, [*grid.search, *kept, "seed=1"]).runs
    methods = {frozenset(run.config.method) for run in declared}
    recipes = {_recipe(run.config) for run in declared}
    runs = [run.config for run in grid.runs if frozenset(run.config.method) in methods]
    return new if any(_recipe(config) not in recipes for config in runs) else {}


def narrowed(grid: Grid) -> Axes:
    """The user's changes that make another grid than the sweep declares, by key; places do not count."""
    return {key: values for key, values in grid.changed.items() if _part(key) not in PLACES}


def own_name(grid: Grid) -> str:
    """The name of a grid as part of a path: one that was narrowed or changed has a name of its own."""
    changes = [f"{key}={','.join(values)}" for key, values in sorted(narrowed(grid).items())]
    if not changes:
        return grid.name
    text = " ".join(changes)
    short = re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-")[:LONGEST]
    return f"{grid.name}--{short}-{hashlib.sha256(text.encode()).hexdigest()[:6]}"


def _part(key: str) -> str:
    """The part of a configuration that an override's ``key`` is in."""
    return key.lstrip("+~").partition(".")[0]


def _recipe(config: RunConfig) -> str:
    whole = identity(config)
    protocol = {name: value for name, value in whole["protocol"].items() if name != "micro_batch_size"}
    protocol |= {"selection": config.protocol.selection, "report": config.protocol.report}
    return json.dumps({part: whole[part] for part in PARTS} | {"protocol": protocol}, sort_keys=True)
