"""Parts of a configuration read from their files, which is fast.

A file of a group that has no defaults list fills its package and changes nothing else. It is enough to read it as
Hydra does, and to give it the schema's types. Wherever that does not do, the answer is None and Hydra composes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from benchmark.config.schema import DataConfig, ModelConfig, ProtocolConfig, TaskConfig

PARTS: dict[str, type] = {
    "model": ModelConfig,
    "task": TaskConfig,
    "protocol": ProtocolConfig,
    "data": DataConfig,
}
LISTS = ("method", "probe")  # groups of which a run has several, each under its name
CHOICE, CHOICES = re.compile(r"\w+"), re.compile(r"\[(\w+(?:,\w+)*)?\]")
Tree = dict[str, Any]


def part(group: str, choice: str) -> Tree | None:
    """The part of ``group`` under ``choice``, interpolations as they are; None: Hydra has to compose it.

    Needs Hydra to be initialised.
    """
    if group in PARTS and CHOICE.fullmatch(choice):
        content = _content(group, choice, (None, group))
        return None if content is None else _plain(typed(group, content))
    named = CHOICES.fullmatch(choice) if group in LISTS else None
    if named is None:
        return None
    tree: Tree = {}
    for name in named[1].split(",") if named[1] else ():
        content = _content(group, name, (f"{group}.{name}",))
        if content is None or name in tree:
            return None
        tree[name] = _plain(content)
    return tree


def value(group: str, tree: Tree, path: Sequence[str], new: Any) -> Any:
    """The ``new`` value at ``path`` with the type that it has in the part ``tree``; None: Hydra has to tell."""
    if group not in (*PARTS, *LISTS) or new is None:
        return None
    try:
        node = typed(group, OmegaConf.create({path[0]: tree[path[0]]} if path[0] in tree else {}))
        OmegaConf.set_struct(node, True)
        OmegaConf.update(node, ".".join(path), new, merge=True)
    except OmegaConfBaseException:
        return None
    changed: Any = _plain(node)
    for key in path:
        if not isinstance(changed, dict) or key not in changed:
            return None
        changed = changed[key]
    return changed


def typed(group: str, content: DictConfig) -> DictConfig:
    """The content of a part with the types of the schema, where it has some."""
    if group not in PARTS:
        return content
    merged = OmegaConf.merge(OmegaConf.structured(PARTS[group]), content)
    assert isinstance(merged, DictConfig)
    return merged


def _content(group: str, name: str, packages: Sequence[str | None]) -> DictConfig | None:
    result = GlobalHydra.instance().config_loader().repository.load_config(f"{group}/{name}")  # type: ignore
    if result is None or result.defaults_list or result.header.get("package") not in packages:
        return None
    content = result.config
    return content if isinstance(content, DictConfig) else None


def _plain(node: DictConfig) -> Tree:
    container = OmegaConf.to_container(node)
    assert isinstance(container, dict)
    return {str(key): inner for key, inner in container.items()}
