"""The identity of a run: a hash over the values that can change its result.

Paths, names, labels and a protocol's ``values`` cannot change a result and are left out. Values equal to the
schema's default are left out as well: a new option must not rename old runs. A separate seed that equals the
run's own seed is left out too: it gives the same bits. Probes are included, although they change no result,
because a record has the probes of its run only. The kind of machine is not part of a configuration; the
record's ``environment`` names it. A class of ours counts by its name, so that it may move within the package;
a class from elsewhere counts by its dotted path.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Container, Mapping, Sequence
from typing import Any

from benchmark.config.schema import RunConfig, SplitConfig, TaskConfig, as_json
from benchmark.config.splits import keeps_weights, splits_of_setting

SCHEMA = 3  # raise it if the meaning of a configuration changes: old records must not match
BY_NAME = 3  # the first schema in which code of ours counts by its name
# By key: the index of the dotted path's part that names the code, a class or the module of a builder.
NAMED_BY = {"_target_": -1, "builder": -2}
OURS = __name__.partition(".")[0]

# Parts of a run's configuration that its id has; the others say where and how it is made.
SHARED = ("model", "task", "protocol", "data", "method", "probe", "threads", "packed")
COUNTED = (*SHARED, "seed", "seeds")
# Keys of a task that are left out: their splits are stated instead, or they change no result.
LEFT_OUT = {"name", "label", "remark", "train", "evaluate", "setting", "settings", "translations"}
ENCODE = json.JSONEncoder(sort_keys=True).encode  # made once: `json.dumps` makes one for every text
DEFAULTS, SPLIT = RunConfig(), SplitConfig()  # values equal to these are left out


def identity(config: RunConfig, schema: int = SCHEMA) -> dict[str, Any]:
    """The part of a configuration that can change the result of its run."""
    whole = {
        "model": _stated(config.model, DEFAULTS.model, {"name", "label"}),
        "task": _task(config.task),
        "protocol": _stated(config.protocol, DEFAULTS.protocol, {"name", "selection", "report", "values"})
        | _kept(config),
        "data": _stated(config.data, DEFAULTS.data, {"name"}),
        "method": config.method,
        "seed": config.seed,
        **({"seeds": apart} if (apart := config.seeds.apart(config.seed)) else {}),
        "threads": config.threads,
        **({} if config.packed else {"packed": False}),
        **({"probe": config.probe} if config.probe else {}),
        "schema": schema,
    }
    return whole if schema < BY_NAME else _by_name(whole)


def _kept(config: RunConfig) -> dict[str, str]:
    """The set that chooses the weights for other sets. A selection that only reports use is left out."""
    named = keeps_weights(config.protocol.selection, config.task)
    return {"selection": config.protocol.selection} if named else {}


def _task(task: TaskConfig) -> dict[str, Any]:
    """A task as its run sees it: the splits of its setting, no other setting."""
    train = [_stated(split, SPLIT) for split in splits_of_setting(task)]
    return _stated(task, DEFAULTS.task, LEFT_OUT) | {
        "train": train[0] if len(train) == 1 else train,
        "evaluate": {name: _stated(split, SPLIT) for name, split in task.evaluate.items()},
    }


def run_id(config: RunConfig, schema: int = SCHEMA) -> str:
    """16 hex digits that name the run of a configuration."""
    return _hash(_texts(config, schema))


def run_ids(configs: Sequence[RunConfig]) -> list[str]:
    """The `run_id` of each of some configurations, quickly if they differ in the seed alone."""
    if not configs or not all(_differ_in_seed(configs[0], config) for config in configs):
        return [run_id(config) for config in configs]
    texts = _texts(configs[0], SCHEMA)
    return [_hash(texts | {"seed": json.dumps(config.seed)}) for config in configs]


def _texts(config: RunConfig, schema: int) -> dict[str, str]:
    """The identity of a configuration as JSON, key by key."""
    whole = _canonical(identity(config, schema))
    return {key: ENCODE(value) for key, value in whole.items()}


def _hash(texts: Mapping[str, str]) -> str:
    text = ", ".join(f'"{key}": {texts[key]}' for key in sorted(texts))  # as json.dumps writes the whole
    return hashlib.sha256(f"{{{text}}}".encode()).hexdigest()[:16]


def _differ_in_seed(one: RunConfig, other: RunConfig) -> bool:
    """True if two configurations share all parts that count, and no seed is separate."""
    shared = all(getattr(one, part) is getattr(other, part) for part in SHARED)
    return shared and one.seeds == other.seeds == DEFAULTS.seeds


def _by_name(value: Any) -> Any:
    """``value`` with the dotted paths to our code, at any depth, replaced by names."""
    if isinstance(value, list):
        return [_by_name(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    return {
        key: _name(inner, NAMED_BY[key]) if key in NAMED_BY and isinstance(inner, str) else _by_name(inner)
        for key, inner in value.items()
    }


def _name(path: str, part: int) -> str:
    """The name of our code at a dotted ``path``; other paths unchanged."""
    parts = path.split(".")
    return parts[part] if parts[0] == OURS and len(parts) > 2 else path


def _stated(part: Any, defaults: Any, left_out: Container[str] = ()) -> dict[str, Any]:
    """The values of a part of a configuration that do not equal its defaults."""
    values = ((name, getattr(part, name)) for name in part.__dataclass_fields__ if name not in left_out)
    return {name: as_json(value) for name, value in values if value != getattr(defaults, name)}


def _canonical(value: Any) -> Any:
    """One spelling per value: 1.0 and 1 are the same number."""
    if isinstance(value, dict):
        return {key: _canonical(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_canonical(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
