"""Mangled command lines and configuration files, asked of the command in this process.

What is accepted is run on a tiny model and a tiny task of one's own.
"""

from __future__ import annotations

import contextlib
import functools
import io
import os
import random
import sys
from collections.abc import Iterator
from dataclasses import is_dataclass, replace
from pathlib import Path
from typing import Any
from unittest import mock

from hydra.core.global_hydra import GlobalHydra

from benchmark import __main__ as command
from benchmark.config import own_model
from benchmark.config.compose import run_config
from benchmark.config.schema import RunConfig
from benchmark.config.validation import validate
from benchmark.places import ROOT
from benchmark.progress import Tell
from benchmark.records.record import Record
from benchmark.runs.early import check_machine
from benchmark.runs.plugins import check_plugins
from benchmark.runs.run import Run, run
from helpers.checkpoints import checkpoint
from helpers.fuzz.tries import EnoughSeen, Fault, Try
from helpers.fuzz.words import NESTED, NUMBERS, mangled, word

GROUPS = ("model", "task", "protocol", "data", "method", "probe", "tracker")
PLACES = ("store", "cache", "hydra")  # not mangled: a try must stay in its folder
TASK = """\
name: mine
label: Mine
repo: data
text: [text]
target: label
labels: [bad, good]
metrics: [accuracy]
train:
  split: train
evaluate:
  validation: {split: dev}
  other:
    split: dev
    label_map: {0: bad, 1: good}
    metrics: [f1]
"""
MODEL = "name: tiny\nlabel: Tiny\nid: model\n"
FILES = {"conf/task/mine.yaml": TASK, "conf/model/tiny.yaml": MODEL}
DATA = "text,label\n" + "".join(f"{word} film,{i % 2}\n" for i, word in enumerate(["a good", "the bad"] * 4))
# What Hydra ends in an error of its own for, takes no notice of, or does not know the meaning of.
KINDS = ["--resolve", "--experimental-rerun=x", "--package=x", "protocol=0", "model=true", "data=[1k,full]", "table.title=x",
         "method=[sage,sage]", "task.retrieval.compared.more=5", "task.labels.x=a", "task.evaluate={}", "device=gpu",
         "task.evaluate.validation.split=train", "task.text=[text,text]", "task.train.config=nowhere", "data.count=99999999",
         "data.share=1e-5", "protocol.micro_batch_size=3", "protocol.warmup=5000", "+protocol.report.mine=[accuracy,f1]",
         "+protocol.report.mine=[other/f1]", "threads=4096", "seed=4294967296"]  # fmt: skip
SWEPT = ["-m", "data=full,1k"]  # nothing of it is run: what is wrong is to be refused before
SMALL = [
    "task=mine",
    "model=tiny",
    "protocol.batch_size=4",
    "protocol.epochs=0.5",
    "snapshot_minutes=null",
    "device=cpu",
]


def prepare(folder: Path) -> None:
    """Make the model and the data of all tries."""
    (folder / "data").mkdir(parents=True, exist_ok=True)
    for split in ("train", "dev"):
        (folder / "data" / f"{split}.csv").write_text(DATA)
    checkpoint(folder / "model", max_position_embeddings=40)


def make(number: int, folder: Path) -> Try:
    """The try of a number: a command line, and the texts of its files."""
    rng = random.Random(f"configurations {number}")
    files = dict(FILES)
    words: list[str] = []
    if rng.random() < 0.4:
        name = rng.choice([*FILES, "conf/task/mine.yaml"])
        files[name] = mangled(rng, files[name])
    else:
        words = [word for _ in range(rng.choice([1, 1, 1, 2])) for word in argument(rng)]
    lines = [*SMALL, *words, *(SWEPT if rng.random() < 0.1 else [])]
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(text.encode("utf-8", "surrogatepass"))
    changed = {name: text for name, text in files.items() if text != FILES[name]}
    return Try(f"{words or changed!r}", functools.partial(asked, lines, folder))


def argument(rng: random.Random) -> list[str]:
    """An override that is mangled in key, value or both, and the choice of a part that it needs."""
    if rng.random() < 0.15:
        return [choice(rng)]
    if rng.random() < 0.1:
        return [rng.choice(KINDS)]
    extra, named = "", keys()
    if rng.random() < 0.3:
        group = rng.choice(["method", "probe"])
        name = rng.choice(names_of(group))
        extra, named = f"{group}=[{name}]", keys_of(group, name)
    key, kind = rng.choice(list(named.items()))
    if rng.random() < 0.1:
        key = rng.choice(
            [key[:-1], f"{key}.more", f"{key}.0", key.upper(), key.replace(".", ".."), word(rng)]
        )
    prefix = rng.choice(["", "", "", "", "", "", "+", "++", "~"])
    value = value_of(rng, kind)
    made = rng.choice([f"{prefix}{key}={value}"] * 12 + [f"{prefix}{key}"])
    made = "seed=1" if made.lstrip("+~").startswith(PLACES) or made.startswith("-") else made
    return [extra, made] if extra else [made]


def choice(rng: random.Random) -> str:
    """A choice of a group, or several, or what is none."""
    group = rng.choice(GROUPS)
    names = names_of(group)
    some = ",".join(rng.choice(names) for _ in range(rng.randint(1, 3)))
    return f"{group}={rng.choice([f'[{some}]', some.partition(',')[0], word(rng), quoted(rng)])}"


def names_of(group: str) -> list[str]:
    """The choices of a group."""
    return sorted(path.stem for path in (ROOT / "conf" / group).glob("*.yaml"))


def value_of(rng: random.Random, kind: type) -> str:
    """A value that may be of the ``kind`` that is wanted, or of any other."""
    if rng.random() < 0.3:
        return rng.choice([word(rng), quoted(rng), f"[{word(rng)},{quoted(rng)}]"])
    if kind in (int, float, bool):
        return rng.choice([*NUMBERS, "true", "false", "null"])
    if kind is list:
        return rng.choice([f"[{quoted(rng)}]", f"[{quoted(rng)},{quoted(rng)}]", *NESTED])
    if kind is dict:
        return rng.choice([f"{{a:{quoted(rng)}}}", f"{{{quoted(rng)}:{quoted(rng)}}}", *NESTED])
    return quoted(rng)


def quoted(rng: random.Random) -> str:
    """A word that Hydra reads as a text."""
    return own_model.quoted(word(rng))


@functools.cache
def keys() -> dict[str, type]:
    """The dotted keys of a run without methods, with the types of their values."""
    config = run_config("task=panx")
    config.task.evaluate = {"other": config.task.evaluate["dev"]}
    return {key: kind for key, kind in _inside(config) if not key.startswith(("method", "probe", *PLACES))}


@functools.cache
def keys_of(group: str, name: str) -> dict[str, type]:
    """The keys of a method or probe, with the types of their values."""
    return dict(_inside(getattr(run_config(f"{group}=[{name}]"), group), group))


def _inside(value: Any, key: str = "") -> Iterator[tuple[str, type]]:
    if key:
        yield key, type(value)
    fields = vars(value) if is_dataclass(value) else value if isinstance(value, dict) else {}
    for name, inner in fields.items():
        yield from _inside(inner, f"{key}.{name}" if key else name)


def asked(arguments: list[str], folder: Path, tell: Tell) -> list[tuple[Record, RunConfig]]:
    """Ask `python -m benchmark` in this process; the records of what it ran. Raises: what it refuses with."""
    records: list[tuple[Record, RunConfig]] = []

    def short(this: Run, _: Tell) -> Record:
        validate(this.config)
        check_plugins(this.config)
        check_machine(this.config)
        if this.config.model.builder or this.config.task.builder:  # takes minutes to make
            raise EnoughSeen
        # Neither a tracker nor a probe that trains on tasks of its own.
        probe = {name: part for name, part in this.config.probe.items() if "tasks" not in part}
        this = replace(this, config=replace(this.config, tracker={}, probe=probe))
        record = run(this, tell)
        command.summary(record)
        records.append((record, this.config))
        return record

    search = f"hydra.searchpath=[file://{folder}/conf]"

    def nothing(this: Run, _: Tell) -> Record:
        validate(this.config)
        raise EnoughSeen

    arguments = sorted(arguments, key=lambda argument: not argument.startswith("-"))  # options first
    given = ["benchmark", *arguments, f"store={folder}/store", f"cache={folder}/cache", search]
    GlobalHydra.instance().clear()
    seen = io.StringIO()
    with (
        mock.patch.object(sys, "argv", given),
        mock.patch.object(command, "run", nothing if "-m" in arguments else short),
        mock.patch.object(command, "failures", []),
        mock.patch.object(command, "one_line", return_value=None),  # lets every error through
        contextlib.redirect_stdout(seen),
        contextlib.redirect_stderr(seen),
        contextlib.chdir(folder),
        mock.patch.dict(os.environ, {"HYDRA_FULL_ERROR": "1"}),
    ):
        try:
            command._command_line()
        except SystemExit as stop:
            raise Fault(f"ends with status {stop.code}: {seen.getvalue()[-300:]}") from stop
        finally:
            GlobalHydra.instance().clear()
    return records
