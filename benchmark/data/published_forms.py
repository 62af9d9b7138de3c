"""Files in the forms in which XTREME's data are published, known by their names.

Such files are recognised by name, so that a folder of them needs no README: BUCC's shared task, treebanks of
Universal Dependencies, and XTREME's translations of training sets.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from benchmark.data import shared_task, translations, treebanks
from benchmark.errors import BenchmarkError
from benchmark.places import without_gz

SENTENCES = "{config}.sentences"  # the configuration with all sentences, beside that with the right pairs


@dataclass(frozen=True)
class PublishedForm:
    """A form of files: their ``name`` tells language and part, and so the configuration and split.

    ``columns`` reads the files of a split. If it is None, a split is one file, which is read as its format
    is.
    """

    name: re.Pattern[str]
    config: str
    splits: Mapping[str, str]
    columns: Callable[[Sequence[Path]], dict[str, list[Any]]] | None = None


BUCC = "bucc18.{lang}"
OF_BUCC = {
    "sample": "validation",
    "training": "test",
}  # XTREME's choice: the task's own test set has no pairs
FORMS = (
    PublishedForm(shared_task.PAIRS, BUCC, OF_BUCC, shared_task.pairs),
    PublishedForm(shared_task.TEXTS, SENTENCES.format(config=BUCC), OF_BUCC, shared_task.sentences),
    PublishedForm(
        treebanks.NAME,
        "udpos-xtreme.{lang}",
        {"train": "train", "dev": "validation", "test": "test"},
        treebanks.columns,
    ),
    PublishedForm(translations.PAIRS, "translate-train.{lang}", {"": "train"}, translations.pairs),
    PublishedForm(translations.QUESTIONS, "translate-train.{lang}", {"train": "train"}),
)


def form_of(name: str) -> tuple[PublishedForm, re.Match[str]] | None:
    """The form of the file ``name``, and what its name tells; None for other files."""
    own = without_gz(PurePosixPath(name).name)
    matches = ((form, form.name.fullmatch(own)) for form in FORMS)
    return next(((form, match) for form, match in matches if match is not None), None)


def declared(names: Iterable[str]) -> dict[str, dict[str, list[str]]]:
    """The files of every split by configuration, among the names in a folder."""
    configs: dict[str, dict[str, list[str]]] = {}
    for name in sorted(names):
        if (known := form_of(name)) is not None:
            form, match = known
            told = match.groupdict(default="")
            splits = configs.setdefault(form.config.format(lang=told["lang"]), {})
            splits.setdefault(form.splits[told.get("part", "")], []).append(name)
    return configs


def read(paths: Sequence[Path]) -> dict[str, list[Any]] | None:
    """The columns of the files of one split; None if their format alone tells how to read them.

    Raises: BenchmarkError naming the file, for a file that does not have its form, or for several files of
    one name.
    """
    known = form_of(paths[0].name)
    if known is None:
        return None
    form, _ = known
    if form.columns is not None:
        return form.columns(paths)
    if len(paths) > 1:
        raise BenchmarkError(f"{paths[0]} and {paths[1]} have the same name: keep one of them in the folder")
    return None
