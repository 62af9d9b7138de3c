"""Folders of configuration beside the project's own: groups such as ``task``, and ``sweeps``."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser

from benchmark.errors import BenchmarkError
from benchmark.places import ROOT, in_home

KEY = "hydra.searchpath"
SCHEME = "file://"
OURS = f"{SCHEME}{ROOT}"


def with_ours(overrides: Sequence[str]) -> list[str]:
    """The overrides, with the project's folder added to a search path that they name.

    Code beside a folder of configuration can then be imported, if its package is trusted. Raises: BenchmarkError
    for a folder that is not there, or two files of one name.
    """
    search = [override for override in overrides if override.startswith(f"{KEY}=")]
    check_unambiguous(search)
    for folder in folders(search):
        if folder != ROOT and str(folder.parent) not in sys.path:
            sys.path.append(str(folder.parent))  # last: it hides no package
    return [
        f"{KEY}=[{','.join(_quoted(place) for place in _places(override))}]"
        if override.startswith(f"{KEY}=")
        else override
        for override in overrides
    ]


def parted(overrides: Sequence[str]) -> tuple[tuple[str, ...], list[str]]:
    """The override of the search path, if there is one, apart from all others."""
    search = [override for override in overrides if override.startswith(f"{KEY}=")]
    return tuple(with_ours(search)), [override for override in overrides if override not in search]


def folders(search: Sequence[str]) -> list[Path]:
    """The folders of a search path, the project's own if there is none."""
    places = [place for override in search for place in _places(override)] or [OURS]
    return [Path(place.removeprefix(SCHEME)) for place in places if place.startswith(SCHEME)]


def check_unambiguous(search: Sequence[str]) -> None:
    """Refuse two different files of one name in the folders of configuration.

    Only one of them would be used, without a word: Hydra prefers ours in `conf/` and the user's in `sweeps/`.

    Raises: BenchmarkError naming both files.
    """
    places = folders(search)
    for folder in places:
        for path in _files(folder) if folder != ROOT else ():
            for place in (ROOT / "conf", *places):
                other = place / path.relative_to(folder)
                if other.is_file() and other.read_bytes() != path.read_bytes():
                    raise BenchmarkError(
                        f"{path}: {other} has the same name and another content; rename or remove yours"
                    )


def _files(folder: Path) -> Iterator[Path]:
    """The files of a folder that a command line can choose, by the groups that the project has."""
    for group in (ROOT / "conf").iterdir():
        yield from (folder / group.name).glob("*.yaml")
    yield from (folder / "sweeps").rglob("*.yaml")


def _places(override: str) -> list[str]:
    value = OverridesParser.create().parse_override(override).value()
    if not isinstance(value, list):
        raise BenchmarkError(f"{override}: a list of folders, as in {KEY}=[file:///your/conf]")
    places = [str(getattr(place, "text", place)) for place in value]
    for number, place in enumerate(places):
        if "://" not in place:  # Hydra also reads a path without a scheme as the path of a file
            places[number] = place = f"{SCHEME}{in_home(place).absolute()}"
        if place.startswith(SCHEME) and not Path(place.removeprefix(SCHEME)).is_dir():
            raise BenchmarkError(f"{KEY}: no folder {place.removeprefix(SCHEME)}")
    return [*places, *([] if OURS in places else [OURS])]


def _quoted(place: str) -> str:
    escaped = place.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
