"""`model=FOLDER` and `model.id=FOLDER` on the command line: a checkpoint without a file in `conf/model/`."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from pathlib import Path

from benchmark.errors import BenchmarkError
from benchmark.places import ROOT, in_home

GROUP, ID, NAME = "model=", "model.id=", "model.name="
CONFIGURED = ("config.json", "modules.json")  # one of these is in the folder of a checkpoint
ESCAPED = re.compile(r"\\([\\()\[\]{}:=, \t])")  # what Hydra writes for such a sign outside of quotes
MULTIRUN = {"-m", "--multirun"}
VALUE = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[^,]+""")  # one of several
DIGITS = 4  # digits of the digest that distinguishes folders of one name
# The name of a model in the home folder itself: the folder has the name of its user, which stays private
HOME = "home"


def each_own_model(arguments: Sequence[str]) -> list[list[str]]:
    """The command lines for ``-m model.id=A,B``, each with its own name; else the only one.

    Raises: BenchmarkError for a sweep that is not a list.
    """
    given = next((argument for argument in arguments if argument.startswith(ID)), None)
    values = VALUE.findall(given.removeprefix(ID)) if given else []
    settled = any(a.startswith((GROUP, NAME, "~model", "+sweeps=")) for a in arguments)
    if given is None or settled or not MULTIRUN & {*arguments}:
        return [with_own_model(arguments)]
    if "(" in given and len(values) > 1:
        raise BenchmarkError(f"{given}: list the folders, as in {ID}A,B")
    places = [unquoted(value) for value in values]
    others = [argument for argument in arguments if argument != given]
    return [
        with_own_model(_put(arguments, given, [f"{ID}{quoted(place)}", *named(place, others, places)]))
        for place in places
    ]


def with_own_model(arguments: Sequence[str]) -> list[str]:
    """The ``arguments`` of a run, with a model's folder or hub id spelt out.

    ``model=FOLDER`` becomes a model without a file in `conf/model/`: its id is FOLDER, and it is named after
    FOLDER. ``model.id=FOLDER`` alone is the same. Raises: BenchmarkError for several folders in one choice.
    """
    group = next((argument for argument in arguments if argument.startswith(GROUP)), None)
    if group is not None:
        value = unquoted(group.removeprefix(GROUP))
        value = value.rstrip("/") or value
        if not is_own(value, folders(arguments)):
            return list(arguments)
        several = "," in value and group.removeprefix(GROUP).rstrip("/") == value
        if several and not in_home(value).is_dir():  # a folder's name may have a comma
            raise BenchmarkError(f"{group}: a choice is one model; for several give model.id={value}")
        others = [argument for argument in arguments if argument != group]
        return _put(arguments, group, ["~model", f"{ID}{quoted(value)}", *named(value, others)])
    given = next((argument for argument in arguments if argument.startswith(ID)), None)
    if given is None or any(
        argument.startswith("+sweeps=") or argument == "~model" for argument in arguments
    ):
        return list(arguments)
    return _put(arguments, given, [given, "~model", *named(unquoted(given.removeprefix(ID)), arguments)])


def _put(arguments: Sequence[str], old: str, new: Sequence[str]) -> list[str]:
    """``arguments`` with ``new`` in the place of ``old``; options stay before or after all overrides."""
    position = list(arguments).index(old)
    return [*arguments[:position], *new, *(argument for argument in arguments[position:] if argument != old)]


def with_own_choice(changes: Sequence[str]) -> list[str]:
    """The ``changes`` of a table, with ``model=A,B`` in place of ``model.id=A,B``: each gets its own name."""
    if any(change.startswith((GROUP, NAME)) for change in changes):
        return list(changes)
    return [
        f"{GROUP}{change.removeprefix(ID)}"
        if change.startswith(ID) and _are_own(change.removeprefix(ID), changes)
        else change
        for change in changes
    ]


def _are_own(values: str, changes: Sequence[str]) -> bool:
    return all(is_own(unquoted(value), folders(changes)) for value in VALUE.findall(values))


def is_own(value: str, folders: Sequence[Path]) -> bool:
    """True for a folder or hub id that is not a choice of `model`.

    ``folders`` are those of the configuration."""
    if any(os.path.isfile(folder / "model" / f"{value}.yaml") for folder in folders):
        return False
    return (
        "/" in value
        or value in (".", "..", "~")
        or any(os.path.isfile(in_home(value) / file) for file in CONFIGURED)
    )


def folders(arguments: Sequence[str]) -> list[Path]:
    """The folders with files of configuration: ours and those of ``hydra.searchpath``."""
    paths = [argument for argument in arguments if argument.startswith("hydra.searchpath=")]
    return [ROOT / "conf", *(Path(path) for path in re.findall(r"file://([^,\]'\"]+)", " ".join(paths)))]


def named(value: str, arguments: Sequence[str], places: Sequence[str] = ()) -> list[str]:
    """The override that names the model at ``value``, unless ``arguments`` have one."""
    if any(argument.startswith(NAME) for argument in arguments):
        return []
    name = name_at(value)
    if len({os.path.abspath(in_home(place)) for place in places if name_at(place) == name}) > 1:
        digest = hashlib.sha256(os.path.abspath(in_home(value)).encode()).hexdigest()
        name = f"{name}-{digest[:DIGITS]}"
    return [f"{NAME}{quoted(name)}"]


def name_at(place: str) -> str:
    """The name of the model at ``place``: its folder's, or that of its repository."""
    path = os.path.abspath(in_home(place))
    return HOME if path == os.path.abspath(Path.home()) else os.path.basename(path)


def quoted(value: str) -> str:
    """A value as Hydra reads it back, whatever signs are in it."""
    return "'" + re.sub(r"(\\*)'", r"\1\1\\'", value) + "'"


def unquoted(value: str) -> str:
    """A value without the quotes, or the backslashes, that Hydra takes off."""
    if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
        return value[1:-1]
    return ESCAPED.sub(r"\1", value)
