"""The smoke run of any table: the same grid, brought down to the embedded encoder and tasks.

It shows that a table runs from end to end, in minutes and offline, and shows nothing else: tasks become
embedded tasks of their kind, so that columns fall together unless the table names `stand_ins` for them, and there
are neither published numbers nor claims beside them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from benchmark.composing import part
from benchmark.config import METRICS
from benchmark.rectangles import Axes

PROTOCOL = "demo"
LAYERS = 2  # of the embedded encoders
SEEDS = 2
EXAMPLES = 64  # where a paper cuts the training set to a number of examples
TITLE = "Smoke run on the embedded encoder, no evidence"


def stand_in(task: str, table: dict[str, Any]) -> str:
    """The embedded task that a table names, or else that of the same form: a regression, a pair of texts, or one."""
    if task in table["stand_ins"]["tasks"]:
        return str(table["stand_ins"]["tasks"][task])
    config = part("task", task)
    if config["kind"] == "classification" and not config["labels"]:
        return "closeness"
    return "comparison" if len(config["text"]) == 2 else "opinion"


def shrunk(grid: Sequence[Axes], table: dict[str, Any]) -> list[Axes]:
    """``grid`` on the embedded encoder and tasks, a rectangle per task."""
    tasks = list(dict.fromkeys(task for rectangle in grid for task in rectangle.get("task", ["opinion"])))
    sets: dict[str, dict[str, None]] = {}  # the evaluation sets that columns of a table ask a stand-in for
    named = table["stand_ins"]["tasks"]
    for task in tasks if table["columns"] else []:
        if task not in named:
            sets.setdefault(stand_in(task, table), {}).update(dict.fromkeys(part("task", task)["evaluate"]))
    found = []
    for rectangle in grid:
        for task in dict.fromkeys(stand_in(one, table) for one in rectangle.get("task", ["opinion"])):
            own = part("task", task)["evaluate"]
            added = [
                f"{name}:{{config:{task},split:validation}}" for name in sets.get(task, ()) if name not in own
            ]
            also = {"+task.evaluate": [f"{{{','.join(added)}}}"]} if added else {}
            small = _small(rectangle, table["stand_ins"]["model"])
            if task in named.values() and "task.setting" in rectangle:
                small["task.setting"] = rectangle["task.setting"]
            found.append(small | {"task": [task]} | also)
    return found


def _small(rectangle: Axes, model: str) -> Axes:
    """The axes of a rectangle that mean something to the embedded encoder, with values it can have."""
    axes = {
        key: _once(_fitting(key, value) for value in values)
        for key, values in rectangle.items()
        if not re.match(r"\+?(model\.|task\.(evaluate|languages|setting)|protocol$)", key)
    }
    if any(part("data", choice)["count"] for choice in axes.get("data", ())):
        axes["data.count"] = [str(EXAMPLES)]
    if not {"protocol.epochs", "protocol.steps"} & axes.keys():
        axes["protocol.epochs"] = ["1"]
    return axes | {"model": [model], "seed": rectangle.get("seed", ["1"])[:SEEDS]}


def _fitting(key: str, value: str) -> str:
    """Numbers of layers are brought down to those the embedded encoder has."""
    if re.fullmatch(r"method\.\w+\.layers?", key) and value != "null":
        numbers = json.loads(value)
        if isinstance(numbers, list):
            return json.dumps(sorted({min(number, LAYERS) for number in numbers})).replace(" ", "")
        return str(min(numbers, LAYERS))
    return value


def _once(values: Any) -> list[str]:
    return list(dict.fromkeys(values))


def declaration(table: dict[str, Any]) -> dict[str, Any]:
    """A table's declaration for its smoke run: the title says so, and nothing is compared with the paper."""
    nothing: dict[str, Any] = {"published": None, "published_rows": [], "claims": [], "search": []}
    columns = {
        key: column
        | {
            "tasks": list(dict.fromkeys(stand_in(task, table) for task in column["tasks"])),
            "report": [_measured(name, column["tasks"][0], table) for name in column["report"]],
            "minus": [_measured(name, column["tasks"][0], table) for name in column["minus"]],
        }
        for key, column in table["columns"].items()
    }
    title = f"{TITLE}: {table['title']}"
    return table | nothing | {"title": title, "columns": columns, "smoke": True}


def _measured(name: str, task: str, table: dict[str, Any]) -> str:
    """A metric of the stand-in, on the same evaluation set, in place of one it does not have."""
    place, _, metric = name.rpartition("/")
    place = table["stand_ins"]["sets"].get(place, place)
    found = part("task", stand_in(task, table))
    own = found["evaluate"].get(place, {}).get("metrics") or found["metrics"]
    values = [value for one in own for value in METRICS[one]]
    chosen = metric if metric in values else values[0]
    return f"{place}/{chosen}" if place else chosen
