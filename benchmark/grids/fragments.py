"""Parts of a configuration read from their files, which is fast.

A file of a group fills its package and changes nothing else, if its defaults list names only files of the
group. Such files can be read directly and given the schema's types. For all others, Hydra composes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, get_args

from hydra.core.default_element import ConfigDefault
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig, OmegaConf

from benchmark.config.conforming import Unsure, conforming, merged
from benchmark.config.schema import DataConfig, ModelConfig, ProtocolConfig, RunConfig, TaskConfig
from benchmark.config.written import fields_of, required

PARTS: dict[str, type] = {
    "model": ModelConfig,
    "task": TaskConfig,
    "protocol": ProtocolConfig,
    "data": DataConfig,
}
LISTS = ("method", "probe")  # groups with several choices in a run, each under its name
#: Keys of a run outside of groups. The choice of such a group may change everything.
KEYS = fields_of(RunConfig).keys() - {*PARTS, *LISTS, "tracker", "engine", "table"}
SELF = ConfigDefault("_self_")
CHOICE, CHOICES = re.compile(r"\w+"), re.compile(r"\[(\w+(?:,\w+)*)?\]")
Tree = dict[str, Any]


def part(group: str, choice: str) -> Tree | None:
    """The part of ``group`` under ``choice``, with interpolations unresolved.

    None if only Hydra can compose it. Needs Hydra to be initialised.
    """
    try:
        if group in PARTS and CHOICE.fullmatch(choice):
            read = _of_group(group, choice)
            return None if read is None else typed(group, read)
        named = CHOICES.fullmatch(choice) if group in LISTS else None
        if named is None:
            return None
        tree: Tree = {}
        for name in named[1].split(",") if named[1] else ():
            read = _content(group, name, (f"{group}.{name}",))
            if read is None or name in tree:
                return None
            tree[name] = read
    except Unsure:
        return None
    return tree


def value(tree: Tree, path: Sequence[str], new: Any, adds: bool = False) -> Any:
    """The ``new`` value at ``path`` of a run's ``tree``, with its type.

    If ``adds`` is True, ``new`` is a dictionary that may have new keys. Raises: Unsure if only Hydra can
    tell.
    """
    if path[0] not in KEYS and (path[0] not in (*PARTS, *LISTS) or len(path) == 1):
        raise Unsure(f"{path[0]} has no types")
    kind: Any = RunConfig
    old: Any = tree
    for key in path:
        if not isinstance(old, dict) or key not in old:
            raise Unsure(f"no {key}")
        [kind] = [fields_of(required(kind)).get(key) or (*get_args(required(kind)), Any)[-1]]
        old = old[key]
    if isinstance(new, dict) and (not isinstance(old, dict) or not (adds or _within(new, old))):
        raise Unsure(f"{new} has other keys than {old}")
    if isinstance(old, dict) != isinstance(new, dict) or (adds and not isinstance(new, dict)):
        raise Unsure(f"{new} in the place of {old}")
    return conforming(kind, merged(old, new))


def _within(new: Any, old: Any) -> bool:
    """True if a dictionary has only keys that ``old`` has, at any depth."""
    if not isinstance(new, dict):
        return True
    return isinstance(old, dict) and all(
        key in old and _within(inner, old[key]) for key, inner in new.items()
    )


def typed(group: str, content: Tree) -> Tree:
    """The content of a part of the schema with its types and defaults."""
    try:
        return conforming(PARTS[group], content)
    except Unsure:
        node = OmegaConf.merge(OmegaConf.structured(PARTS[group]), content)
        assert isinstance(node, DictConfig)
        return _plain(node)


def _of_group(group: str, name: str, within: tuple[str, ...] = ()) -> Tree | None:
    """A file of a group, merged over the files of the group that its defaults list names.

    None if only Hydra can compose it.
    """
    if name in within:
        return None
    result = _load(f"{group}/{name}")
    if result is None or result.header.get("package") not in (None, group):
        return None
    *bases, last = result.defaults_list or [SELF]
    named = [base for base in bases if isinstance(base, ConfigDefault) and _is_plain(base)]
    if len(named) < len(bases) or not (last is SELF or (isinstance(last, ConfigDefault) and last.is_self())):
        return None
    tree: Tree = {}
    for base in named:
        below = _of_group(group, str(base.path), (*within, name))
        if below is None:
            return None
        tree = merged(tree, below)
    return merged(tree, _plain(result.config))


def _is_plain(base: ConfigDefault) -> bool:
    """True for an entry of a defaults list that is the name of a file beside it, and nothing else."""
    return bool(base.package is None and not base.optional and CHOICE.fullmatch(base.path or ""))


def _content(group: str, name: str, packages: Sequence[str | None]) -> Tree | None:
    result = _load(f"{group}/{name}")
    if result is None or result.defaults_list or result.header.get("package") not in packages:
        return None
    return _plain(result.config) if isinstance(result.config, DictConfig) else None


def _load(path: str) -> Any:
    return GlobalHydra.instance().config_loader().repository.load_config(path)  # type: ignore


def _plain(node: DictConfig) -> Tree:
    container = OmegaConf.to_container(node)
    assert isinstance(container, dict)
    return {str(key): inner for key, inner in container.items()}
