"""Three small tasks in the artificial language, in the file layout of the hub.

Each asks for knowledge from pretraining in another form: how good a thing is said to be (``opinion``),
which of two sentences says it more (``comparison``), how far apart they are (``closeness``). A twentieth of
the judgements is wrong, as people's are.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

from benchmark.embedded.folder import DataRow, built_once, save_split
from benchmark.embedded.language import DEGREES, Speaker, lexicon

REVISION = "1"  # raised when the tasks change, here and in conf/task/
LANGUAGE = 0
SIZES = {"opinion": (300, 400), "comparison": (1000, 400), "closeness": (1200, 400)}
WRONG = 0.05


def opinion(speaker: Speaker) -> DataRow:
    """Single-sentence classification: is a sentence of mixed statements favourable on balance?"""
    degrees = [0]
    while sum(degrees) == 0:
        degrees = speaker.chance.choices(DEGREES, k=3)
    return {"sentence": speaker.sentence(degrees), "label": _judged(speaker, int(sum(degrees) > 0))}


def comparison(speaker: Speaker) -> DataRow:
    """Sentence-pair classification: is the second sentence more favourable than the first?"""
    first, second = speaker.chance.sample(DEGREES, 2)
    return _pair(speaker, first, second) | {"label": _judged(speaker, int(second > first))}


def closeness(speaker: Speaker) -> DataRow:
    """Graded similarity: 5 for two sentences of one degree down to 0 for opposite extremes."""
    first, second = speaker.chance.choice(DEGREES), speaker.chance.choice(DEGREES)
    label = 5 - abs(first - second) * 1.25 + speaker.chance.uniform(-0.5, 0.5)
    return _pair(speaker, first, second) | {"label": min(5.0, max(0.0, label))}


TASKS: dict[str, Callable[[Speaker], DataRow]] = {
    "opinion": opinion,
    "comparison": comparison,
    "closeness": closeness,
}


def build(cache: Path) -> Path:
    """The folder of the three data sets, made in the cache if it is missing."""
    return built_once(cache / "embedded" / f"tasks-{REVISION}", _write)


def _write(folder: Path) -> None:
    for name, make in TASKS.items():
        for split, size in zip(("train", "validation"), SIZES[name], strict=True):
            speaker = Speaker(lexicon(LANGUAGE), random.Random(json.dumps([REVISION, name, split])))
            save_split(folder, name, split, [make(speaker) for _ in range(size)])


def _pair(speaker: Speaker, first: int, second: int) -> DataRow:
    return {"sentence1": speaker.sentence([first] * 2), "sentence2": speaker.sentence([second] * 2)}


def _judged(speaker: Speaker, label: int) -> int:
    return 1 - label if speaker.chance.random() < WRONG else label
