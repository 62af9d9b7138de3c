"""The file of a new task, written from a folder of data."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from datasets import Dataset

from benchmark.config.schema import CONFIG
from benchmark.data import formats, hub, local
from benchmark.data.listing import ALIKE, Listing, are_joined
from benchmark.data.shards import in_short
from benchmark.errors import BenchmarkError
from benchmark.hub_answers import DATA_SET, how_to_get
from benchmark.places import ROOT
from benchmark.tasks.guess import Guess, guessed
from benchmark.tasks.usual_names import USUAL

TRAIN, VALIDATION, TEST = ALIKE
NAME = re.compile(r"[A-Za-z]\w*")


def write(
    name: str,
    data: str,
    conf: Path,
    config: str,
    text: Sequence[str],
    target: str | None,
    train: str | None = None,
) -> tuple[Path, list[str]]:
    """Write the task ``name`` for the data set ``data`` to ``conf``; return its path and lines on the guesses.

    ``train`` is the split to train on, needed if several have a name for it.
    Raises: BenchmarkError for a task that exists already, or for data from which no task can be guessed.
    """
    if not NAME.fullmatch(name):
        raise BenchmarkError(f"{name!r}: a task's name has letters, digits and _, and begins with a letter")
    path = conf / "task" / f"{name}.yaml"
    for taken in (path, ROOT / "conf" / "task" / path.name):
        if taken.exists():
            raise BenchmarkError(f"{taken} is there already and is not overwritten: choose another name")
    own = local.path_of(data)
    repo = data if own is None else str(own)
    folder = _of_hub(data) if own is None else own
    listing = local.list_data(folder)
    train, evaluate, unused = splits(listing, config, train)
    files = listing.files(config, train)
    root = folder if folder.is_dir() else folder.parent
    with tempfile.TemporaryDirectory() as cache:
        wanted = [*USUAL, *text, *([target] if target else [])]
        guess = guessed(_rows([root / name for name in files], Path(cache), wanted), text, target)
    joined = f", joined of {in_short(files)}" if are_joined(files, train) else ""
    reasons = [f"training split: {train}{joined}", f"evaluation sets: {', '.join(evaluate)}"]
    reasons += [f"not used: {', '.join(unused)}"] if unused else []
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_text(name, repo, config, train, evaluate, guess))
    return path, [*reasons, f"kind: {guess.kind}", *guess.reasons]


def splits(listing: Listing, config: str, train: str | None) -> tuple[str, list[str], list[str]]:
    """The training split, the evaluation sets and the unused splits, by the splits' names.

    Raises: BenchmarkError if there is no split to train or none to evaluate on, or several to train on and
    ``train`` is not given.
    """
    present = listing.splits(config)
    training = [name for name in present if _is(name, TRAIN)]
    if train is None:
        train = _training(listing, config, present, training)
    evaluate = [
        name
        for names in (VALIDATION, TEST)
        for name in present
        if _is(name, names) and name not in (train, *training)
    ]
    # A name that no split has is that of numbered parts.
    used = {train, *evaluate} if train in present else {*training, *evaluate}
    unused = [name for name in present if name not in used]
    if not evaluate:
        raise BenchmarkError(
            f"no split to evaluate on beside {train!r} (there is {', '.join(unused) or 'nothing else'}): put rows "
            "apart in a file called dev.csv or the like"
        )
    return train, evaluate, unused


def _training(listing: Listing, config: str, present: Sequence[str], training: Sequence[str]) -> str:
    """The split to train on: the only one, the one with a plain name, or numbered parts as one."""
    if not training:
        raise BenchmarkError(
            f"no split to train on among {', '.join(present)}: call its file train.csv or the like"
        )
    plain = [name for name in training if name.lower() in TRAIN]
    for names in (training, plain):
        if len(names) == 1:
            return names[0]
    try:
        listing.files(config, TRAIN[0])
    except BenchmarkError:
        raise BenchmarkError(
            f"several splits to train on: {', '.join(training)}; name one with --train"
        ) from None
    return TRAIN[0]


def _is(name: str, alike: Sequence[str]) -> bool:
    return any(word in re.split(r"[\W\d_]+", name.lower()) for word in alike)


def _rows(paths: list[Path], cache: Path, wanted: Sequence[str]) -> Dataset:
    for path in paths:
        local.check_readable(path)
    return formats.read(paths, [], cache, wanted=wanted)


def _of_hub(repo: str) -> Path:
    folder = hub.cached(repo, None)
    if folder is None:
        raise BenchmarkError(
            f"{repo!r} is not a folder here, and not in the hub cache; {how_to_get(DATA_SET, repo)}"
        )
    return folder


def _text(name: str, repo: str, config: str, train: str, evaluate: Sequence[str], guess: Guess) -> str:
    """The text of a task's file; keys with their defaults are left out."""
    of_config = {} if config == CONFIG else {"config": config}
    of_labels = {"label_map": guess.label_map} if guess.label_map else {}
    sets: dict[str, Any] = {}
    for split in evaluate:
        late = {"last_only": True} if _is(split, TEST) and len(evaluate) > 1 else {}
        sets[split] = {**of_config, "split": split, **of_labels, **late}
    task: dict[str, Any] = {
        "name": name,
        "label": name,
        "repo": repo,
        **({} if guess.kind == "classification" else {"kind": guess.kind}),
        "text": guess.text,
        **({} if guess.target == "label" else {"target": guess.target}),
        **({"labels": guess.labels} if guess.labels else {}),
        "metrics": guess.metrics,
        **({"answers": guess.answers} if guess.answers else {}),
        "train": {**of_config, "split": train, **of_labels},
        "evaluate": sets,
    }
    said = "".join(f"#   {reason}\n" for reason in guess.reasons)
    dumper = type("Spelt", (yaml.SafeDumper,), {"ignore_aliases": lambda *_: True})  # every label_map in full
    body = yaml.dump(
        task, Dumper=dumper, sort_keys=False, default_flow_style=None, allow_unicode=True, width=110
    )
    return f"# Guessed from the columns of the training split; change what is not meant:\n{said}{body}"
