"""The smoke run of any table: its grid, reduced to the embedded encoder and tasks.

It shows only that a table runs from end to end, in minutes and offline. Each task becomes an embedded task of
the same form, so several columns may show the same task, unless the table names `stand_ins`. Runs make few
updates. Each axis of a setting keeps at most three values. Published numbers and claims are dropped.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from benchmark.config.schema import METRICS
from benchmark.grids.parts import part
from benchmark.grids.rectangles import Axes
from benchmark.grids.rectangles import axes as axes_of

PROTOCOL = "demo"
LAYERS = 2  # the depth of the embedded encoders
SEEDS = 2
EXAMPLES = 64  # training examples, unless the grid has shares of the training set
TASKS = 2  # at most, for a table without declared columns
VALUES = 3  # at most, of a setting that a paper varies
PROBES = {"linear_probe": "linear_probe_embedded"}  # probes with data of their own
Search = tuple[str, ...]  # the override of the search path, if there is one
TITLE = "Smoke run on the embedded encoder, no evidence"


def stand_in(task: str, table: dict[str, Any], search: Search = ()) -> str:
    """The embedded task in place of ``task``: the table's choice, or one of equal form.

    The forms are a regression, a task of pairs of texts, and a task of single texts.
    """
    if task in table["stand_ins"]["tasks"]:
        return str(table["stand_ins"]["tasks"][task])
    config = part("task", task, search)
    if config["kind"] == "classification" and not config["labels"]:
        return "closeness"
    return "comparison" if len(config["text"]) == 2 else "opinion"


def shrunk(grid: Sequence[Axes], table: dict[str, Any], search: Search = ()) -> list[Axes]:
    """``grid`` on the embedded encoder and some embedded tasks, one rectangle per task."""
    tasks = list(dict.fromkeys(task for rectangle in grid for task in rectangle.get("task", ["opinion"])))
    sets: dict[str, dict[str, None]] = {}  # by stand-in: the evaluation sets that the table's columns need
    named = table["stand_ins"]["tasks"]
    for task in tasks if table["columns"] else []:
        if task in named:
            continue
        columns = (column for column in table["columns"].values() if task in column["tasks"])
        places = [
            name.rpartition("/")[0] for column in columns for name in (*column["report"], *column["minus"])
        ]
        wanted = dict.fromkeys([*part("task", task, search)["evaluate"], *filter(None, places)])
        sets.setdefault(stand_in(task, table, search), {}).update(wanted)
    shown = sorted({stand_in(task, table, search) for task in tasks})[: None if table["columns"] else TASKS]
    rectangles = []
    for rectangle in grid:
        for task in _distinct(stand_in(name, table, search) for name in rectangle.get("task", ["opinion"])):
            if task not in shown:
                continue
            evaluation_sets = part("task", task, search)["evaluate"]
            added = [
                f"{name}:{{config:{task},split:validation}}"
                for name in sets.get(task, ())
                if name not in (*evaluation_sets, "train")  # runs have these already
            ]
            axis = axes_of([f"+task.evaluate={{{','.join(added)}}}"]) if added else {}
            small = _small_axes(rectangle, table["stand_ins"]["model"])
            if task in named.values() and "task.setting" in rectangle:
                small["task.setting"] = rectangle["task.setting"]
            rectangles.append(small | {"task": [task]} | axis)
    return rectangles


def _small_axes(rectangle: Axes, model: str) -> Axes:
    """The axes of a rectangle that apply to the embedded encoder, with possible values."""
    axes = {
        key: _few_values(key, _distinct(_fitting_value(key, value) for value in values))
        for key, values in rectangle.items()
        if not re.match(r"\+?(model\.|task\.(evaluate|languages|setting)|protocol$)", key)
    }
    if "data.share" not in axes:
        axes["data.count"] = [str(EXAMPLES)]
    if not {"protocol.epochs", "protocol.steps"} & axes.keys():
        axes["protocol.epochs"] = ["1"]
    return axes | {"model": [model], "seed": rectangle.get("seed", ["1"])[:SEEDS]}


def _fitting_value(key: str, value: str) -> str:
    """``value`` with layers limited to the embedded encoder's, and probes on embedded tasks."""
    if key == "probe":
        return re.sub(r"\w+", lambda name: PROBES.get(name[0], name[0]), value)
    if re.fullmatch(r"method\.\w+\.layers?", key) and value != "null":
        numbers = json.loads(value)
        if isinstance(numbers, list):
            return json.dumps(sorted({min(number, LAYERS) for number in numbers})).replace(" ", "")
        return str(min(numbers, LAYERS))
    return value


def _few_values(key: str, values: list[str]) -> list[str]:
    """The values of an axis; of a setting's many, the first, middle and last.

    So a figure keeps both ends, and its runs stay few.
    """
    if "." not in key or len(values) <= VALUES:
        return values
    return [values[round(number * (len(values) - 1) / (VALUES - 1))] for number in range(VALUES)]


def _distinct(values: Any) -> list[str]:
    return list(dict.fromkeys(values))


def declaration(table: dict[str, Any], search: Search = ()) -> dict[str, Any]:
    """A table's declaration for its smoke run: marked title, no comparison with the paper."""
    nothing: dict[str, Any] = {"published": None, "claims": [], "controls": [], "search": []}
    columns = {
        key: column
        | {
            "tasks": list(dict.fromkeys(stand_in(task, table, search) for task in column["tasks"])),
            "report": [_measured(name, column["tasks"][0], table, search) for name in column["report"]],
            "minus": [_measured(name, column["tasks"][0], table, search) for name in column["minus"]],
        }
        for key, column in table["columns"].items()
    }
    title = f"{TITLE}: {table['title']}"
    return table | nothing | {"title": title, "columns": columns, "smoke": True}


def _measured(name: str, task: str, table: dict[str, Any], search: Search) -> str:
    """The metric ``name`` on the stand-in's evaluation set, or its first metric if missing."""
    place, _, metric = name.rpartition("/")
    place = table["stand_ins"]["sets"].get(place, place)
    config = part("task", stand_in(task, table, search), search)
    metrics = config["evaluate"].get(place, {}).get("metrics") or config["metrics"]
    values = [value for name in metrics for value in METRICS[name]]
    chosen = metric if metric in values else values[0]
    return f"{place}/{chosen}" if place else chosen
