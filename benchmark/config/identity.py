"""The identity of a run: the hash of whatever in its configuration can change its result.

Paths, names and labels, and the tables a protocol picks its values from cannot, and are left out; so are
values that equal the schema's defaults, so that a new option does not rename the runs of old. Probes change
no result, but a record has those that its run was asked for. The kind of machine is no part of a
configuration; the record's stamp says what it was. A class of ours counts by its name, so that it may live
anywhere in the package; one of somebody else's by where it is.
"""

from __future__ import annotations

import hashlib
import json
from functools import cache
from typing import Any

from omegaconf import OmegaConf

from benchmark.config.schema import Run
from benchmark.config.splits import resolved

SCHEMA = 3  # raised when the meaning of a configuration changes, so that old records are not mistaken
BY_NAME = 3  # the schema since which code of ours counts by its name
# Which part of the dotted path names the code that a configuration has under a key: the class, the builder's module.
NAMED_BY = {"_target_": -1, "builder": -2}
OURS = __name__.partition(".")[0]

NOT_IN_IDENTITY = {
    "model": {"name", "label"},
    "task": {"name", "label"},
    "protocol": {"name", "selection", "report", "tables"},
    "data": {"name"},
}


def identity(config: dict[str, Any], schema: int = SCHEMA) -> dict[str, Any]:
    """The part of a plain configuration that can change the result of its run."""
    task = resolved(config["task"])
    train = task["train"]
    stated = config | {
        "task": task
        | {
            "train": [_stated(part, _split_defaults()) for part in train]
            if isinstance(train, list)
            else _stated(train, _split_defaults())
        }
        | {"evaluate": {name: _stated(part, _split_defaults()) for name, part in task["evaluate"].items()}}
    }
    parts: dict[str, Any] = {
        group: _stated({k: v for k, v in stated[group].items() if k not in left_out}, _defaults()[group])
        for group, left_out in NOT_IN_IDENTITY.items()
    }
    whole = {
        **parts,
        "method": config["method"],
        "seed": config["seed"],
        "threads": config["threads"],
        **({} if config["packed"] else {"packed": False}),
        **({"probe": config["probe"]} if config["probe"] else {}),
        "schema": schema,
    }
    return whole if schema < BY_NAME else _by_name(whole)


def run_id(config: dict[str, Any], schema: int = SCHEMA) -> str:
    """16 hex digits that name the run of a plain configuration."""
    text = json.dumps(_canonical(identity(config, schema)), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _by_name(value: Any) -> Any:
    """``value`` with the dotted paths in it, at any depth, as what the code there counts as."""
    if isinstance(value, list):
        return [_by_name(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    return {
        key: _name(inner, NAMED_BY[key]) if key in NAMED_BY and isinstance(inner, str) else _by_name(inner)
        for key, inner in value.items()
    }


def _name(path: str, part: int) -> str:
    """The name of the code at a dotted ``path`` if it is ours, else the path."""
    parts = path.split(".")
    return parts[part] if parts[0] == OURS and len(parts) > 2 else path


def _stated(values: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    """``values`` without those that equal their default."""
    return {key: value for key, value in values.items() if value != defaults.get(key)}


@cache
def _defaults() -> dict[str, Any]:
    """The schema's defaults as plain containers (``???`` where there is none)."""
    container = OmegaConf.to_container(OmegaConf.structured(Run))
    assert isinstance(container, dict)
    return {str(key): value for key, value in container.items()}


@cache
def _split_defaults() -> dict[str, Any]:
    split: dict[str, Any] = _defaults()["task"]["train"]
    return split


def _canonical(value: Any) -> Any:
    """One spelling per value: 1.0 and 1 are the same number."""
    if isinstance(value, dict):
        return {key: _canonical(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_canonical(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
