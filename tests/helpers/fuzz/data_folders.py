"""Mangled folders of data: rows, files and folders that are not what they should be.

Where a mangled folder still says what its rows are, the try knows which targets its record must have.
"""

from __future__ import annotations

import functools
import json
import math
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from benchmark.config.compose import run_config
from benchmark.config.schema import ModelConfig, RunConfig, SplitConfig, TaskConfig
from helpers.checkpoints import checkpoint
from helpers.fuzz import data_files
from helpers.fuzz.tries import Try, running
from helpers.fuzz.words import UNICODE, word

Rows = list[dict[str, Any]]
LABELS = ["bad", "good"]
TAGS = ["O", "B-PER", "I-PER"]
REFUSED = object()  # in place of the gold targets of rows that must be refused


@dataclass
class Folder:
    """A folder of data in the making: rows by split, the form they are written in, and what is known of them.

    ``known``: the rows say what the record must have. ``valid`` is as in `Try`.
    """

    task: TaskConfig
    rows: dict[str, Rows]
    form: str
    said: list[str]
    known: bool = True
    valid: bool | None = None
    columns: dict[str, Any] = field(default_factory=dict)


def prepare(folder: Path) -> None:
    """Make the model of all tries."""
    checkpoint(folder / "model", max_position_embeddings=40)


def make(number: int, folder: Path) -> Try:
    """The try of a number: a new folder of data, and a run on it."""
    rng = random.Random(f"data {number}")
    place = folder / f"data-{number}"
    shutil.rmtree(folder / f"data-{number - 1}", ignore_errors=True)
    made = rng.choice([sentences, sentences, sentences, pairs, values, tagged, answered])(rng)
    made.task = replace(made.task, repo=str(place))
    for _ in range(rng.choice([0, 1, 1, 1, 2])):
        if all(made.rows.values()):  # else there is nothing left to mangle
            rng.choice(ROWS)(rng, made)
    gold = expected(made) if made.known else None  # before the files are mangled
    data_files.write(made, place)
    if rng.random() < 0.5:
        known = rng.choice(data_files.CHANGES)(rng, made, place)
        gold = gold if known else None
    config = configured(made.task, folder)
    said = f"{made.form} {'; '.join(made.said)}"
    if gold is None:
        return Try(said, running(config), made.valid)
    if gold is REFUSED:
        return Try(said, running(config), False)
    return Try(said, running(config), True, *gold)


def configured(task: TaskConfig, folder: Path) -> RunConfig:
    """A run of one update or two on the folder's task."""
    config = composed()
    return replace(
        config,
        task=task,
        model=ModelConfig(name="tiny", id=str(folder / "model")),
        protocol=replace(config.protocol, batch_size=16, epochs=1.0, max_length=32),
        store=str(folder / "store"),
        cache=str(folder / "cache"),
        device="cpu",
        snapshot_minutes=None,
    )


@functools.cache
def composed() -> RunConfig:
    """The configuration that all tries begin with."""
    return run_config()


def _task(**of_task: Any) -> TaskConfig:
    splits = {"train": SplitConfig(split="train"), "evaluate": {"dev": SplitConfig(split="dev")}}
    return TaskConfig(
        **{"name": "mine", "text": ["text"], "labels": LABELS, "metrics": ["accuracy"], **splits, **of_task}
    )


def sentences(rng: random.Random) -> Folder:
    """Texts with a class, by name or by number."""
    named = rng.random() < 0.5
    rows = {
        split: [
            {"text": f"a {rng.choice(LABELS)} film {i}", "label": LABELS[i % 2] if named else i % 2}
            for i in range(rng.randint(8, 16))
        ]
        for split in ("train", "dev")
    }
    metrics = rng.choice([["accuracy"], ["accuracy", "f1"], ["matthews_correlation"]])
    return Folder(_task(metrics=metrics), rows, rng.choice(data_files.FORMS), ["sentences"])


def pairs(rng: random.Random) -> Folder:
    """Pairs of texts with a class."""
    made = sentences(rng)
    for rows in made.rows.values():
        for row in rows:
            row["other"] = "the book " * rng.randint(1, 12)
    made.task = replace(made.task, text=["text", "other"])
    made.said = ["pairs"]
    return made


def values(rng: random.Random) -> Folder:
    """Texts with a value."""
    made = sentences(rng)
    for rows in made.rows.values():
        for number, row in enumerate(rows):
            row["label"] = rng.choice([number - 3, number / 7])
    made.task = replace(made.task, labels=[], metrics=["pearson"])
    made.said = ["values"]
    return made


def tagged(rng: random.Random) -> Folder:
    """Sentences of words with tags."""
    rows = {
        split: [
            {"words": [f"good{i}", "film", "the"][:n], "tags": TAGS[:n]}
            for i in range(rng.randint(4, 9))
            for n in [rng.randint(1, 3)]
        ]
        for split in ("train", "dev")
    }
    for some in rows.values():  # in every split each tag is there
        some.append({"words": ["a", "b", "c"], "tags": list(TAGS)})
    task = _task(kind="tagging", text=["words"], target="tags", labels=TAGS, metrics=["ner"])
    return Folder(task, rows, rng.choice(data_files.NESTED), ["tags"])


def answered(rng: random.Random) -> Folder:
    """Questions on contexts with their answers."""
    context = "the good film and the bad book"
    rows = {
        split: [
            {
                "question": "the book",
                "context": f"{context} {i}",
                "answers": {"text": ["good film"], "answer_start": [4]},
            }
            for i in range(rng.randint(4, 8))
        ]
        for split in ("train", "dev")
    }
    task = _task(kind="answers", text=["question", "context"], target="answers", labels=[], metrics=["squad"])
    return Folder(task, rows, rng.choice(data_files.NESTED), ["answers"], known=False)


# Changes of rows ------------------------------------------------------------------------------------------


def _cell(rng: random.Random, made: Folder) -> tuple[str, Rows, int]:
    split = rng.choice(["train", "dev"])
    return split, made.rows[split], rng.randrange(len(made.rows[split]))


def odd_target(rng: random.Random, made: Folder) -> None:
    """Put something else in place of a target, or of all."""
    split, rows, row = _cell(rng, made)
    odd = rng.choice([None, -1, -100, 2, 7, 0.5, math.nan, math.inf, 1e39, True, "", " ", "good", "Good", "neutral",
                      "1", "01", [0], {"a": 1}, 10**20, -(10**20), "nan", "-", "null", "\ud800", b"x", 1.0, word(rng)])  # fmt: skip
    chosen = rng.choice([[row], [row, 0], range(len(rows))])
    for number in chosen:
        rows[number][made.task.target] = odd
    made.said.append(f"{split} target {odd!r} in {list(chosen)}")


def odd_text(rng: random.Random, made: Folder) -> None:
    """Put something else in place of a text."""
    split, rows, row = _cell(rng, made)
    column = rng.choice(made.task.text)
    odd = rng.choice([None, "", " ", 1, 0.5, True, math.nan, [], ["a"], {"a": "b"}, "film " * 3000, "x" * 5000, "[SEP] [MASK]",
                      'a "quoted" text', 'a, "b', "it's; so\tand", "a\r\nb", "\ud800", "\x00", *UNICODE])  # fmt: skip
    rows[row][column] = odd
    made.said.append(f"{split} {column} {str(odd)[:40]!r} in {row}")


def few_rows(rng: random.Random, made: Folder) -> None:
    """Leave one row, or none."""
    split, rows, _ = _cell(rng, made)
    count = rng.choice([0, 1, 1, 2])
    made.rows[split] = rows[:count]
    made.said.append(f"{split} {count} rows")


def one_class(rng: random.Random, made: Folder) -> None:
    """Give all rows the same target."""
    split, rows, row = _cell(rng, made)
    for other in rows:
        other[made.task.target] = rows[row].get(made.task.target)
    made.said.append(f"{split} constant targets")


def column_gone(rng: random.Random, made: Folder) -> None:
    """Take a column out of one split, or of some rows."""
    split, rows, row = _cell(rng, made)
    column = rng.choice(list(rows[row]))
    some = rng.choice([rows, [rows[row]]])
    for other in some:
        del other[column]
    made.said.append(f"{split} without {column} in {len(some)} rows")


def column_more(rng: random.Random, made: Folder) -> None:
    """Add a column that nobody asked for."""
    split, rows, _ = _cell(rng, made)
    name = rng.choice(
        ["id", "Label", "target", "input_ids", "labels", "idx", " ", "é", "text.1", "__index_level_0__"]
    )
    for number, row in enumerate(rows):
        row[name] = rng.choice([number, None, "x", 0.5])
    made.said.append(f"{split} with {name!r}")


def repeated(rng: random.Random, made: Folder) -> None:
    """Repeat rows, all in one split and none in the other."""
    split, rows, _ = _cell(rng, made)
    made.rows[split] = rows * 3
    made.said.append(f"{split} three times")


def lengths(rng: random.Random, made: Folder) -> None:
    """Make lists disagree in their lengths, or the lists' values odd."""
    split, rows, row = _cell(rng, made)
    column = rng.choice([made.task.target, made.task.text[-1]])
    value = rows[row].get(column)
    if isinstance(value, list):
        rows[row][column] = rng.choice(
            [[*value, value[0]] if value else [None], value[:-1], [], [value], [*value[:-1], None]]
        )
    elif isinstance(value, dict):
        texts, starts = value["text"], value["answer_start"]
        rows[row][column] = rng.choice(
            [{"text": texts, "answer_start": []}, {"text": [], "answer_start": []}, {"text": texts},
             {"text": texts, "answer_start": [99]}, {"text": texts, "answer_start": [-1]}, {"text": texts * 2, "answer_start": starts * 2},
             {"text": [None], "answer_start": [0]}, {"text": texts, "answer_start": ["4"]}, {"text": texts, "answer_start": [4.5]},
             {"text": [""], "answer_start": [0]}, [], texts, json.dumps(value), "null", "{", {"text": "good film", "answer_start": 4},
             {"text": texts, "answer_start": [10**30]}, {"text": texts, "answer_start": [None]}]
        )  # fmt: skip
    made.said.append(f"{split} {column} {rows[row].get(column)!r} in {row}")


def labels(rng: random.Random, made: Folder) -> None:
    """Declare other labels than the rows have."""
    names = rng.choice([["bad"], [], ["bad", "bad"], ["bad", "good", "so"], ["1", "0"], ["0", "1"], ["good", "bad"],
                        ["neg", "pos"], ["", "good"], ["O", "B-PER"], [word(rng), "good"], ["-1", "1"], ["1", "2"], ["nan", "good"]])  # fmt: skip
    made.task = replace(made.task, labels=names)
    made.known = False
    made.said.append(f"labels {names}")


def of_split(rng: random.Random, made: Folder) -> None:
    """Say something else of a split in the task."""
    change: dict[str, Any] = rng.choice(
        [{"label_map": {"0": "bad", "1": "good"}}, {"label_map": {"bad": "good", "good": "bad"}}, {"label_map": {"x": "bad"}},
         {"rows": {"text": "a good*"}}, {"rows": {"nothing": "*"}}, {"rows": {"text": "zzz"}}, {"fold": {"good": "bad"}},
         {"target": "text"}, {"target": "nothing"}, {"text": ["label"]}, {"text": ["text", "text"]}, {"last_only": True},
         {"max_length": 1}, {"max_length": 3}, {"max_length": 100}, {"config": "nothing"}, {"split": "test"}, {"split": ""},
         {"metrics": ["pearson"]}, {"metrics": ["f1"]}, {"languages": ["en", "de"]}, {"language": "xx"}, {"kind": "retrieval"},
         {"kind": "tagging"}, {"kind": "mining"}, {"split": word(rng)}, {"config": word(rng)}, {"revision": "main"}]
    )  # fmt: skip
    made.task = replace(made.task, **{"evaluate": {"dev": replace(made.task.evaluate["dev"], **change)}})
    if rng.random() < 0.4:
        made.task = replace(made.task, train=replace(made.task.train, **change))
    made.known = False
    made.said.append(f"dev {change}")


ROWS: list[Callable[[random.Random, Folder], None]] = [
    odd_target, odd_target, odd_target, odd_text, odd_text, few_rows, one_class, column_gone, column_more, repeated,
    lengths, lengths, labels, of_split,
]  # fmt: skip


# What is right --------------------------------------------------------------------------------------------


def expected(made: Folder) -> Any:
    """The gold targets by set and the number of examples by split; None if unknown, REFUSED if none are right."""
    return data_files.expected(made, REFUSED)
