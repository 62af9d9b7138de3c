"""JSON objects that know what was read of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


class Declared(Mapping[str, Any]):
    """A JSON object that knows which of its keys were read."""

    def __init__(self, values: dict[str, Any], name: str = "") -> None:
        self.values_of = {key: declared(value, f"{name}{key}") for key, value in values.items()}
        self.read: set[str] = set()
        self.name = name

    def __getitem__(self, key: str) -> Any:
        self.read.add(key)
        return self.values_of[key]

    def __contains__(self, key: object) -> bool:
        return key in self.values_of  # asking is not reading

    def __iter__(self) -> Iterator[str]:
        return iter(self.values_of)

    def __len__(self) -> int:
        return len(self.values_of)

    def unread(self) -> list[str]:
        """The keys that nobody read, those of objects inside included."""
        own = [f"{self.name}{key}" for key in self.values_of if key not in self.read]
        return sorted(own + [key for one in inside(list(self.values_of.values())) for key in one.unread()])


def declared(value: Any, name: str) -> Any:
    """``value`` of a JSON file, objects in it as `Declared`."""
    if isinstance(value, dict):
        return Declared(value, f"{name}.")
    if isinstance(value, list):
        return [declared(item, name) for item in value]
    return value


def inside(values: list[Any]) -> Iterator[Declared]:
    for value in values:
        if isinstance(value, Declared):
            yield value
        elif isinstance(value, list):
            yield from inside(value)
