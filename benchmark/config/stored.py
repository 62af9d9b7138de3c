"""The configuration in a record (JSON without folders), as the schema's classes again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from benchmark.config.identity import run_id
from benchmark.config.schema import (
    DataConfig,
    ModelConfig,
    ProtocolConfig,
    RunConfig,
    SplitConfig,
    TaskConfig,
    TrainingSets,
)
from benchmark.config.seeds import SeedsConfig
from benchmark.config.task_options import AnswersConfig, RetrievalConfig
from benchmark.privacy import HIDDEN

PLACES, PLUGINS = ("id", "repo"), ("method", "probe")  # keys of a configuration
OURS = "benchmark."


def of_another_run(stored: Mapping[str, Any], named: str) -> bool:
    """True if a stored configuration surely belongs to another run than ``named``.

    False if unsure: a folder or a secret may have been shortened in the record, but the id was made of the
    full text.
    """
    try:
        return run_id(typed_again(stored)) != named and not any(map(_may_be_short, _names(stored)))
    except (KeyError, TypeError, AttributeError, ValueError):
        return False  # the record has a schema with other keys


def typed_again(stored: Mapping[str, Any]) -> RunConfig:
    """The run's configuration, with defaults for keys that are not stored.

    Raises: KeyError, TypeError, AttributeError for a configuration of other keys.
    """
    task = dict(stored["task"])
    parts = {
        "train": lambda split: SplitConfig(**split),
        "evaluate": lambda sets: {name: SplitConfig(**split) for name, split in sets.items()},
        "settings": lambda sets: {name: _sets(setting) for name, setting in sets.items()},
        "answers": lambda options: AnswersConfig(**options),
        "retrieval": lambda options: RetrievalConfig(**options),
    }
    task |= {name: made(task[name]) for name, made in parts.items() if name in task}
    return RunConfig(
        **{
            **stored,
            "model": ModelConfig(**stored["model"]),
            "task": TaskConfig(**task),
            "protocol": ProtocolConfig(**stored["protocol"]),
            "data": DataConfig(**stored["data"]),
            "seeds": SeedsConfig(**stored.get("seeds", {})),
        }
    )


def _sets(setting: Mapping[str, Any]) -> TrainingSets:
    lists = {
        key: [SplitConfig(**split) for split in setting[key]]
        for key in ("train", "published")
        if key in setting
    }
    return TrainingSets(**{**setting, **lists})


def _names(value: Any, key: str = "") -> Iterator[str]:
    """The texts in a configuration that may be or contain a path; settings of our own methods never do."""
    if isinstance(value, dict):
        if str(value.get("_target_", "")).startswith(OURS):
            return
        for name, inner in value.items():
            yield from _names(inner, key if key in PLUGINS else str(name))
    elif isinstance(value, list):
        for inner in value:
            yield from _names(inner, key)
    elif isinstance(value, str) and (key in (*PLACES, *PLUGINS) or HIDDEN in value):
        yield value


def _may_be_short(name: str) -> bool:
    return "/" not in name or HIDDEN in name or "…" in name
