"""Interpolations (``${…}``) of a run's configuration, resolved from only the values that they name.

It is slow to make an OmegaConf node of a whole configuration, and a grid has thousands of them. An
interpolation depends on few values, which many runs share.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

from omegaconf import OmegaConf

from benchmark.config.resolvers import pick
from benchmark.grids.by_identity import by_identity

Tree = dict[str, Any]
Path = tuple[str, ...]

NAMED = re.compile(r"(?:(?<=[{:,\s])|^)\w+(?:\.\w+)*")  # dotted names, absolute
RELATIVE = re.compile(r"[{:,\s](\.+)(\w*(?:\.\w+)*)")
PICKED = re.compile(r"\$\{pick:(\w+)\}")
READ_BY_PICK: list[Path] = [("method",), ("model", "name"), ("task", "name"), ("protocol", "values")]
ENVIRONMENT = "${oc.env:"


def resolved(tree: Tree) -> Tree:
    """``tree`` with every interpolation's value in its place. Refusals are OmegaConf's."""
    filled = dict(tree)
    for key, part in tree.items():
        left = []
        for path in ((key, *path) for path in _places(part)):
            value = _picked(tree, _at(tree, path))
            if "${" in str(value):
                left.append(path)
            else:
                put(filled, path, value)
        if not left:
            continue
        asked = json.dumps([_named(tree, left), left])
        read = _values.__wrapped__ if ENVIRONMENT in asked else _values
        for path, text in zip(left, read(asked), strict=True):
            put(filled, path, json.loads(text))
    return filled


def texts(tree: Tree) -> Iterator[str]:
    """The texts of ``tree``, and its lists of texts, that have interpolations."""
    return (str(_at(part, path)) for part in tree.values() for path in _places(part))


def _picked(tree: Tree, text: Any) -> Any:
    """The value of a text that is picked by names alone; otherwise the text itself."""
    named = PICKED.fullmatch(str(text))
    if named is None or any("${" in tree[key]["name"] for key in ("model", "task")):
        return text
    return pick(named[1], _root_=tree)


def put(tree: Tree, path: Path, value: Any) -> None:
    """Set a value in place; copy the containers on its path, which other trees share."""
    for key in path[:-1]:
        tree[key] = dict(tree.get(key, {}))
        tree = tree[key]
    tree[path[-1]] = value


def _places(value: Any) -> list[Path]:
    """The paths to texts, and to lists of texts, that have interpolations."""
    if isinstance(value, dict):
        return _places_within(value)
    return [()] if isinstance(value, (str, list)) and "${" in str(value) else []


@by_identity
def _places_within(tree: Tree) -> list[Path]:
    return [(key, *path) for key, inner in tree.items() for path in _places(inner)]


def _named(tree: Tree, paths: Iterable[Path]) -> Tree:
    """The part of ``tree`` that the interpolations at ``paths`` read, directly or through others."""
    known: set[Path] = set()
    new = set(paths)
    while new:
        known |= new
        texts = {(*place, *path) for place in new for path in _places(_at(tree, place))}
        new = {path for place in texts for path in _read_by(tree, place)} - known - {()}
    part: Tree = {}
    for path in sorted(known, key=len, reverse=True):  # a whole comes after its parts
        inner, of = part, tree
        for key in path[:-1]:
            inner, of = inner.setdefault(key, {}), of[key]
        inner[path[-1]] = of[path[-1]]
    return part


def _read_by(tree: Tree, place: Path) -> Iterator[Path]:
    """The paths of ``tree`` that the text, or the list of texts, at ``place`` reads."""
    text = str(_at(tree, place))
    if "${pick:" in text:
        yield from READ_BY_PICK
    for dots, name in RELATIVE.findall(text):
        yield _within(tree, [*place[: -len(dots)], *name.split(".")])
    yield from (_within(tree, name.split(".")) for name in NAMED.findall(text) if name.split(".")[0] in tree)


def _within(tree: Tree, names: list[str]) -> Path:
    """The longest beginning of the path that exists in the tree."""
    for depth, name in enumerate(names):
        if not isinstance(tree, dict) or name not in tree:
            return tuple(names[:depth])
        tree = tree[name]
    return tuple(names)


def _at(tree: Any, path: Path) -> Any:
    for key in path:
        tree = tree[key]
    return tree


@cache
def _values(text: str) -> list[str]:
    """The resolved values at paths of a tree, as JSON; both come as JSON."""
    tree, paths = json.loads(text)
    root = OmegaConf.create(tree)
    values = []
    for path in paths:
        node: Any = root
        for key in path[:-1]:
            node = node[key]
        value = node[path[-1]]
        plain = OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value
        values.append(json.dumps(plain))
    return values
