"""Folders and files of the user, as distinct from names of the hub."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path

from benchmark.data import hub, published_forms
from benchmark.data.listing import Listing, listed
from benchmark.errors import BenchmarkError, hint
from benchmark.places import in_home, instead_of_address

HUB_NAME = re.compile(r"[\w.-]+(/[\w.-]+)?")
MOST_FILES = 50_000  # files in the folder of a data set
LFS = b"version https://git-lfs"


def path_of(repo: str) -> Path | None:
    """The folder or file that ``repo`` names, from the folder of the command; None for a name of the hub.

    Raises: BenchmarkError for a path with nothing there.
    """
    path = in_home(repo)
    if path.exists():
        return path.absolute()
    if (instead := instead_of_address(repo)) is not None:
        raise BenchmarkError(f"{repo} is an address: {instead}")
    if HUB_NAME.fullmatch(repo) and not repo.startswith((".", "~")) and not is_file_name(repo):
        return None
    parent = next(folder for folder in path.absolute().parents if folder.is_dir())
    names = sorted(other.name for other in parent.iterdir())
    missing = path.absolute().relative_to(parent).parts[0]
    present = ", ".join(names[:10]) or "nothing"
    raise BenchmarkError(
        f"no folder or file {path.absolute()} ({parent} has {present}){hint(missing, names)}"
    )


def is_file_name(name: str) -> bool:
    """True for a name that ends as a data file does."""
    return listed([name]).names != []


def list_data(path: Path) -> Listing:
    """The data files of a folder, or of a single file.

    Files in a published form are configurations of their own. Raises: BenchmarkError if there is no data
    file.
    """
    names = [path.name] if path.is_file() else list_names(path)
    readme = path / hub.README
    files = listed(names, readme.read_text(errors="replace") if readme.is_file() else None)
    configs = published_forms.declared(names)
    known = {name for splits in configs.values() for some in splits.values() for name in some}
    files = replace(files, names=sorted({*files.names, *known}), declared=files.declared | configs)
    if not files.names:
        raise BenchmarkError(f"{path}: {hub.no_data(names)}")
    return files


def list_names(folder: Path) -> list[str]:
    """The names of all files in a folder, relative to it; folders behind links belong to it.

    Raises: BenchmarkError for a folder with so many files that it cannot be meant.
    """
    names: list[str] = []
    for place, folders, files in os.walk(folder, followlinks=True):
        path = Path(place).relative_to(folder)
        above = [os.path.realpath(folder / part) for part in path.parents if part != path]
        if os.path.realpath(place) in above:  # a link to a folder above would be followed without end
            folders.clear()
            continue
        names += [(path / name).as_posix() for name in files if os.path.isfile(Path(place, name))]
        if len(names) > MOST_FILES:
            raise BenchmarkError(
                f"{folder} has more than {MOST_FILES} files: name the folder of the data inside of it"
            )
    return names


def check_readable(path: Path) -> None:
    """Refuse a file that is only a pointer to the data, or cannot be read.

    Raises: BenchmarkError naming the file.
    """
    try:
        with path.open("rb") as file:
            if file.read(len(LFS)) == LFS:
                raise BenchmarkError(
                    f"{path} is a pointer of Git LFS and not the data; `git lfs pull` gets them"
                )
    except OSError as error:
        raise BenchmarkError(f"{path} cannot be read: {error.strerror or error}") from error
