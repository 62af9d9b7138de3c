"""The configurations of many runs: Hydra composes once per choice, not per run.

Hydra needs a tenth of a second to compose, and a grid has thousands of runs made of a few dozen choices. A
choice of one group (a model, a list of methods) fills the group's part of the configuration and changes
nothing else. So each choice is composed alone, on top of the defaults. A run's configuration is then put
together from these parts, before its interpolations are resolved. If an override does more than choose for
its group or set one value, `Elsewhere` is raised and the run must be composed as a whole.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from copy import copy
from functools import cache
from typing import Any, get_args

from hydra import compose
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import MISSING, OmegaConf

from benchmark.config.compose import typed
from benchmark.config.conforming import Unsure, conforming
from benchmark.config.own_model import with_own_model
from benchmark.config.schema import RunConfig
from benchmark.config.written import fields_of, required, type_at
from benchmark.grids import fragments, interpolations
from benchmark.grids.by_identity import by_identity
from benchmark.grids.fragments import PARTS, Tree
from benchmark.grids.interpolations import put

SEED = re.compile(r"\$\{[^}]*\bseed\b")
_parser = cache(OverridesParser.create)


class Elsewhere(Exception):
    """A choice that changes more than its own part of the configuration."""


def configurations(
    choices: Mapping[str, str],
    values: Sequence[str],
    seeds: Sequence[int],
    search: tuple[str, ...] = (),
) -> list[RunConfig]:
    """One configuration per seed, from ``choices`` by group and then ``values`` (overrides).

    ``search`` is the override of Hydra's search path. Needs Hydra to be initialised. Raises: Elsewhere if the parts cannot be composed one by one.
    """
    tree = dict(_defaults(search))
    for group, choice in choices.items():
        tree[group] = part(group, choice, search)
    done: list[tuple[str, ...]] = []
    for override in values:
        group = override.lstrip("+").split(".", 1)[0].split("=", 1)[0]
        path, value = _value(group, choices.get(group), override, search)
        if isinstance(value, dict) and any(earlier[: len(path)] == path for earlier in done):
            raise Elsewhere(override)  # it was merged with the file's mapping, not with the changed one
        put(tree, path, value)
        done.append(path)
    if any(SEED.search(text) for text in interpolations.texts(tree)):
        return [_resolved(tree | {"seed": seed}) for seed in seeds]
    config = _resolved(tree)
    return [_with_seed(config, seed) for seed in seeds]


def whole(overrides: Sequence[str], seeds: Sequence[int]) -> list[RunConfig]:
    """One configuration per seed, composed as a whole; refusals are Hydra's own."""
    composed = compose("config", with_own_model(overrides))
    OmegaConf.set_struct(composed, False)
    composed.table = None
    configs = []
    for seed in seeds:
        composed.seed = seed
        configs.append(typed(composed))
    return configs


@cache
def is_group(key: str) -> bool:
    """True if ``key`` is one of Hydra's config groups, not a key of a run."""
    if "." in key:
        return False
    repository = GlobalHydra.instance().config_loader().repository  # type: ignore[attr-defined]
    return bool(repository.get_group_options(key))  # the loader's own method copies all sources first


def _resolved(tree: Tree) -> RunConfig:
    filled = interpolations.resolved(tree)
    return RunConfig(
        **{
            key: _typed(value, key) if key in PARTS else _built(type_at(key), value)
            for key, value in filled.items()
        }
    )


def _with_seed(config: RunConfig, seed: int) -> RunConfig:
    """A configuration with another seed; by `copy`, for `replace` looks at folders again, thousands of times."""
    changed = copy(config)
    changed.seed = seed
    return changed


def _built(kind: Any, value: Any) -> Any:
    """The object of a part whose values have the types of the schema.

    Raises: Elsewhere for a mandatory value that is missing.
    """
    if value == MISSING:
        raise Elsewhere(MISSING)
    if not isinstance(value, (dict, list)):
        return value
    kind = required(kind)
    members = get_args(kind)
    if isinstance(value, list):
        return [_built(members[0] if members else Any, inner) for inner in value]
    if fields := fields_of(kind):
        return kind(**{name: _built(fields[name], inner) for name, inner in value.items()})
    return {name: _built(members[-1] if members else Any, inner) for name, inner in value.items()}


@by_identity
def _typed(part: Tree, key: str) -> Any:
    """A part of a configuration with the schema's types."""
    return _of_text(json.dumps(part), key)


@cache
def _of_text(text: str, key: str) -> Any:
    """The same from JSON; cached, since few differ: runs share them."""
    value = json.loads(text)
    try:
        return _built(PARTS[key], conforming(PARTS[key], value))
    except (Unsure, Elsewhere):
        return OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(PARTS[key]), value))


@cache
def _defaults(search: tuple[str, ...] = ()) -> Tree:
    return _composed(*search)


@cache
def part(group: str, choice: str, search: tuple[str, ...] = ()) -> Tree:
    """The group's part under a choice. Raises: Elsewhere if anything else changes."""
    if not search and (read := fragments.part(group, choice)) is not None:
        return read
    changed = _composed(*search, f"{group}={choice}")
    if group not in changed or _without(changed, group) != _without(_defaults(search), group):
        raise Elsewhere(f"{group}={choice}")
    filled: Tree = changed[group]
    return filled


@cache
def _value(
    group: str, choice: str | None, override: str, search: tuple[str, ...] = ()
) -> tuple[tuple[str, ...], Any]:
    """The path that an override sets, and the typed value at this path."""
    parsed = _parser().parse_override(override)
    path = tuple(parsed.key_or_group.split("."))
    if parsed.is_delete() or parsed.package is not None:
        raise Elsewhere(override)
    chosen = {} if choice is None else {group: part(group, choice, search)}
    new = parsed.value()
    # `++` sets a key that is there, or else adds it; into a mapping it may bring new keys.
    adds = parsed.is_add() or (parsed.is_force_add() and isinstance(new, dict))
    with suppress(Unsure):
        return path, fragments.value(_defaults(search) | chosen, path, new, adds)
    value: Any = _composed(*search, *([f"{group}={choice}"] if choice is not None else []), override)
    for key in path:
        if key not in value:
            raise Elsewhere(override)
        value = value[key]
    return path, value


def _composed(*overrides: str) -> Tree:
    container = OmegaConf.to_container(compose("config", list(overrides)))
    assert isinstance(container, dict)
    return {str(key): value for key, value in container.items()}


def _without(tree: Tree, key: str) -> Tree:
    return {name: value for name, value in tree.items() if name != key}
