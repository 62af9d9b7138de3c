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
from benchmark.data.listing import ALIKE, Listing
from benchmark.errors import BenchmarkError
from benchmark.hub_answers import DATA_SET, how_to_get
from benchmark.places import ROOT
from benchmark.tasks.guess import Guess, guessed
from benchmark.tasks.usual_names import USUAL

TRAIN, VALIDATION, TEST = ALIKE
NAME = re.compile(r"[A-Za-z]\w*")


def write(
    name: str, data: str, conf: Path, config: str, text: Sequence[str], target: str | None
) -> tuple[Path, list[str]]:
    """Write the task ``name`` for the data set ``data`` to ``conf``; return its path and lines on the guesses.

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
    train, evaluate = splits(listing, config)
    root = folder if folder.is_dir() else folder.parent
    with tempfile.TemporaryDirectory() as cache:
        wanted = [*USUAL, *text, *([target] if target else [])]
        guess = guessed(_rows(root, listing, config, train, Path(cache), wanted), text, target)
    reasons = [f"training split: {train}", f"evaluation sets: {', '.join(evaluate)}", f"kind: {guess.kind}"]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_text(name, repo, config, train, evaluate, guess))
    return path, [*reasons, *guess.reasons]


def splits(listing: Listing, config: str) -> tuple[str, list[str]]:
    """The training split and the evaluation sets, by the splits' names.

    Raises: BenchmarkError if there is no split to train or none to evaluate on.
    """
    present = listing.splits(config)
    train = next((name for name in present if _is(name, TRAIN)), None)
    others = [name for name in present if name != train and not _is(name, TRAIN)]
    if train is None:
        raise BenchmarkError(
            f"no split to train on among {', '.join(present)}: call its file train.csv or the like"
        )
    evaluate = [name for names in (VALIDATION, TEST) for name in others if _is(name, names)]
    if not evaluate:
        raise BenchmarkError(
            f"no split to evaluate on beside {train!r} (there is {', '.join(others) or 'nothing else'}): put rows "
            "apart in a file called dev.csv or the like"
        )
    return train, evaluate


def _is(name: str, alike: Sequence[str]) -> bool:
    return any(word in re.split(r"[\W\d_]+", name.lower()) for word in alike)


def _rows(
    root: Path, listing: Listing, config: str, split: str, cache: Path, wanted: Sequence[str]
) -> Dataset:
    paths = [root / name for name in listing.files(config, split)]
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
