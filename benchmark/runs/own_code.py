"""The user's own code behind a run: the files of classes and builders that are not the project's."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

from benchmark.config.schema import RunConfig
from benchmark.config.targets import OURS, TRUSTED, located
from benchmark.digests import sha256


def loaded(config: RunConfig) -> dict[str, str]:
    """The digests of the files of a run's own code, by module: of its classes, their bases, and its builders.

    What these modules import is not included.
    """
    own = TRUSTED - {OURS}
    things = [located(key, path) for key, path in _named(config) if path.partition(".")[0] in own]
    modules = {str(part.__module__) for thing in things for part in getattr(thing, "__mro__", (thing,))}
    names = sorted(name for name in modules if name.partition(".")[0] in own)
    return {name: digest for name in names if (digest := _of_loaded(sys.modules[name]))}


@cache
def _of_loaded(module: ModuleType) -> str | None:
    """The digest of a module's file when it was first asked for: the process keeps the code that it has loaded."""
    return present(module.__name__)


def present(module: str) -> str | None:
    """The digest of a module's present file; None if it is not found. Nothing is imported."""
    places, parts, spec = None, module.split("."), None
    for count in range(len(parts)):
        spec = _spec(".".join(parts[: count + 1]), places)
        if spec is None:
            return None
        places = spec.submodule_search_locations
    file = Path(spec.origin) if spec and spec.origin else None
    return sha256([file]) if file and file.is_file() else None


def files() -> list[Path]:
    """All files of code in the packages of the user's own that are trusted."""
    found = list[Path]()
    for package in sorted(TRUSTED - {OURS}):
        if (spec := _spec(package, None)) is not None:
            folders = spec.submodule_search_locations or ()
            found += [path for folder in folders for path in sorted(Path(folder).rglob("*.py"))]
            found += [Path(spec.origin)] if spec.origin and not folders else []
    return found


def _spec(module: str, places: Sequence[str] | None) -> ModuleSpec | None:
    """The place of a module, by any way of importing: an editable installation has a finder of its own."""
    specs = (finder.find_spec(module, places) for finder in sys.meta_path)
    return next((spec for spec in specs if spec is not None), None)


def _named(config: RunConfig) -> Iterator[tuple[str, str]]:
    """The dotted paths to code that can change the result of a run, by their keys."""
    for group in ("method", "probe"):
        for name, settings in getattr(config, group).items():
            yield f"{group}.{name}._target_", str(settings["_target_"])
    for key, path in (("model.builder", config.model.builder), ("task.builder", config.task.builder)):
        if path is not None:
            yield key, path
