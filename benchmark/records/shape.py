"""Shapes of JSON values: `schema.json` of this folder as quick checks.

Only those keywords of JSON Schema that the file uses are implemented, so readers check exactly the published
schema.
"""

from __future__ import annotations

import json
import re
import reprlib
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

Check = Callable[[Any], None]
TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}
FINITE = 1e308
NOT_CHECKED = {"$schema", "$defs", "title", "description", "format"}
REFERENCE = "#/$defs/"


class ShapeError(ValueError):
    """A value that does not have the published shape; ``keys`` lead to it, innermost first."""

    def __init__(self, why: str, *keys: Any, missing: bool = False) -> None:
        self.why, self.keys, self.missing = why, [str(key) for key in keys], missing
        super().__init__(why)

    def within(self, key: Any) -> ShapeError:
        """This error, seen from one level further out."""
        self.keys.append(str(key))
        return self

    def __str__(self) -> str:
        if not self.keys:
            return self.why
        inner, *outer = self.keys
        where = f" in {'/'.join(reversed(outer))!r}" if outer else ""
        return f"{self.why} {inner!r}{where}" if self.missing else f"no proper {inner!r}{where} ({self.why})"


def shown(value: Any) -> str:
    """The beginning of any value, for a message."""
    short = reprlib.Repr()
    short.maxstring = short.maxother = 40
    return short.repr(value)


@cache
def check_of(name: str) -> Check:
    """The check of a definition in the schema: it raises ShapeError for a value of another shape."""
    schema = json.loads((Path(__file__).parent / "schema.json").read_text())
    return compiled(schema["$defs"][name], schema["$defs"])


def compiled(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Check:
    """The check of ``schema``, which may refer to ``definitions``.

    Raises: ValueError for a keyword that is not implemented here.
    """
    words = {word: value for word, value in schema.items() if word not in NOT_CHECKED}
    if "$ref" in words:
        return compiled(definitions[words["$ref"].removeprefix(REFERENCE)], definitions)
    named = words.pop("type", [])
    types = tuple(kind for name in ([named] if isinstance(named, str) else named) for kind in TYPES[name])
    checks = [_of_type(named, types)] if types else []
    if "const" in words or "enum" in words:
        checks.append(_one_of([words.pop("const")] if "const" in words else words.pop("enum")))
    if int in types or float in types:
        checks.append(_between(words.pop("minimum", -FINITE), words.pop("maximum", FINITE)))
    if str in types:
        checks.append(_text(words.pop("maxLength", None), words.pop("pattern", "")))
    if list in types:
        checks.append(_items(compiled(words.pop("items", {}), definitions)))
    if dict in types:
        checks.append(_object(words, definitions))
        for word in ("properties", "additionalProperties", "required", "minProperties"):
            words.pop(word, None)
    if words:
        raise ValueError(f"schema.json has the words {', '.join(words)}, which are not checked")
    return checks[0] if len(checks) == 1 else _all(checks)


def _all(checks: list[Check]) -> Check:
    def check(value: Any) -> None:
        for one in checks:
            one(value)

    return check


def _of_type(named: Any, types: tuple[type, ...]) -> Check:
    words = named if isinstance(named, str) else " or ".join(named)

    def check(value: Any) -> None:
        if type(value) not in types:  # True is an int to isinstance
            raise ShapeError(f"{shown(value)} is no {words}")

    return check


def _one_of(values: list[Any]) -> Check:
    def check(value: Any) -> None:
        if value not in values:
            raise ShapeError(f"{shown(value)} is not one of {', '.join(map(str, values))}")

    return check


def _between(low: float, high: float) -> Check:
    def check(value: Any) -> None:
        if value is not None and not low <= value <= high:  # NaN fails every comparison
            raise ShapeError(f"{shown(value)} is not between {low} and {high}")

    return check


def _text(longest: int | None, pattern: str) -> Check:
    if pattern and not (pattern.startswith("^") and pattern.endswith("$")):
        raise ValueError(f"schema.json has the pattern {pattern}, which is not of a whole text")
    matches = re.compile(pattern[1:-1]).fullmatch  # `$` would let a line break pass

    def check(value: Any) -> None:
        if value is None:
            return
        if longest is not None and len(value) > longest:
            raise ShapeError(f"{len(value)} characters, and at most {longest} are read")
        if pattern and not matches(value):
            raise ShapeError(f"{shown(value)} has not the form {pattern}")

    return check


def _items(inner: Check) -> Check:
    def check(value: Any) -> None:
        for number, item in enumerate(value):
            try:
                inner(item)
            except ShapeError as error:
                raise error.within(number) from None

    return check


def _object(words: Mapping[str, Any], definitions: Mapping[str, Any]) -> Check:
    known = {name: compiled(part, definitions) for name, part in words.get("properties", {}).items()}
    others = words.get("additionalProperties", True)
    free = compiled(others, definitions) if isinstance(others, Mapping) else None
    required, fewest = list(words.get("required", ())), words.get("minProperties", 0)

    def check(value: Any) -> None:
        for name in required:
            if name not in value:
                raise ShapeError("no proper", name, missing=True)
        if len(value) < fewest:
            raise ShapeError("it is empty")
        for name, part in value.items():
            inner = known.get(name, free)
            if inner is None:
                if others is True:
                    continue
                raise ShapeError("an unknown", name[:100], missing=True)
            try:
                inner(part)
            except ShapeError as error:
                raise error.within(name) from None

    return check
