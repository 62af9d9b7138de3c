"""`model=FOLDER` and `model.id=FOLDER` on the command line: a checkpoint without a file in `conf/model/`."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from benchmark.errors import BenchmarkError
from benchmark.places import ROOT, in_home

GROUP, ID, NAME = "model=", "model.id=", "model.name="
CONFIGURED = ("config.json", "modules.json")  # one of these is in the folder of a checkpoint
ESCAPED = re.compile(r"\\([\\()\[\]{}:=, \t])")  # what Hydra writes for such a sign outside of quotes
SEVERAL = "own"  # the name of models of which a sweep has several


def with_own_model(arguments: Sequence[str]) -> list[str]:
    """The ``arguments`` of a run, with a model's folder or hub id spelt out.

    ``model=FOLDER`` becomes a model without choice, with FOLDER as its id and FOLDER's name. ``model.id=FOLDER``
    alone is the same. Raises: BenchmarkError for several folders in one choice.
    """
    group = next((argument for argument in arguments if argument.startswith(GROUP)), None)
    if group is not None:
        value = unquoted(group.removeprefix(GROUP))
        value = value.rstrip("/") or value
        if not is_own(value, folders(arguments)):
            return list(arguments)
        if "," in value and group.removeprefix(GROUP) == value:
            raise BenchmarkError(f"{group}: a choice is one model; for several give model.id={value}")
        others = [argument for argument in arguments if argument != group]
        return [*others, "~model", f"{ID}{quoted(value)}", *named(value, others)]
    given = next((argument for argument in arguments if argument.startswith(ID)), None)
    if given is None or any(
        argument.startswith("+sweeps=") or argument == "~model" for argument in arguments
    ):
        return list(arguments)
    return [*arguments, "~model", *named(unquoted(given.removeprefix(ID)), arguments)]


def is_own(value: str, folders: Sequence[Path]) -> bool:
    """True for a folder or hub id that is no choice of the group `model`.

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


def named(value: str, arguments: Sequence[str]) -> list[str]:
    """The override with the name of the model at ``value``, unless ``arguments`` have one."""
    if any(argument.startswith(NAME) for argument in arguments):
        return []
    name = SEVERAL if "," in value else in_home(value).absolute().name
    return [f"{NAME}{quoted(name)}"]


def quoted(value: str) -> str:
    """A value as Hydra reads it back, whatever signs are in it."""
    return "'" + re.sub(r"(\\*)'", r"\1\1\\'", value) + "'"


def unquoted(value: str) -> str:
    """A value without the quotes, or the backslashes, that Hydra takes off."""
    if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
        return value[1:-1]
    return ESCAPED.sub(r"\1", value)
