"""Lengths of a task's examples in tokens: counted here once, else from a table of the usual tasks.

`lengths.json` beside this file has what `benchmark.forecast.counting` found for the tasks of conf/task: with
BERT's uncased tokenizer, and with the embedded tasks' own. A split that could not be counted has its
published size and the lengths of a similar set, named by ``like``. A language that the table lacks is taken
to be like the others of its set.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from statistics import fmean
from typing import Any

from benchmark.config.schema import RunConfig, SplitConfig, TaskConfig
from benchmark.config.splits import evaluation_splits, training_splits

POINTS = 20  # quantiles of a split
# Tokens to which examples are cut for counting; for question answering, windows have the run's length
UNCUT = 512
TABLE = Path(__file__).with_name("lengths.json")


@dataclass(frozen=True)
class Lengths:
    """The lengths of ``examples`` examples: quantiles in tokens, from the shortest to the longest."""

    examples: int
    quantiles: tuple[float, ...]

    def cut(self, longest: int) -> Lengths:
        """The lengths after truncation to ``longest`` tokens."""
        return Lengths(self.examples, tuple(min(length, float(longest)) for length in self.quantiles))

    @property
    def mean(self) -> float:
        """Tokens of an example."""
        return sum(self.quantiles) / len(self.quantiles)

    @property
    def square(self) -> float:
        """The mean of the squared lengths."""
        return sum(length**2 for length in self.quantiles) / len(self.quantiles)

    def longest_of(self, count: int) -> float:
        """The expected length of the longest of ``count`` examples."""
        place = len(self.quantiles) * count / (count + 1)
        return self.quantiles[min(int(place), len(self.quantiles) - 1)]


@dataclass(frozen=True)
class TaskLengths:
    """The lengths of a task's training examples, and of its evaluation sets by name.

    ``last_only`` are scored only after the last update. ``counted`` is false if they come from the table.
    """

    training: Lengths
    evaluation: dict[str, Lengths]
    last_only: frozenset[str] = frozenset()
    counted: bool = False


def of_lengths(lengths: Sequence[int], examples: int) -> Lengths:
    """The quantiles of counted ``lengths``, a sample of ``examples`` examples."""
    ordered = sorted(lengths)
    places = [int((point + 0.5) / POINTS * len(ordered)) for point in range(POINTS)]
    return Lengths(examples, tuple(float(ordered[place]) for place in places))


def lengths_of(config: RunConfig) -> TaskLengths | None:
    """The lengths of a run's examples, truncated as in the run; None if one of its splits is unknown."""
    task, longest = config.task, config.protocol.max_length
    by_set: dict[str, tuple[Lengths, bool]] = {}
    splits = {"": training_splits(task), **{name: [split] for name, split in evaluation_splits(task).items()}}
    for name, parts in splits.items():
        of_splits = [_of_split(config, split) for split in parts]
        known = [
            lengths.cut(split.max_length or longest)
            for (lengths, _), split in zip(of_splits, parts, strict=True)
            if lengths is not None
        ]
        if len(known) == len(parts):
            by_set[name] = joined(known), all(counted for _, counted in of_splits)
    for name in splits.keys() - by_set.keys():
        like = [lengths for other, (lengths, _) in by_set.items() if _set_of(other) == _set_of(name)]
        if not like:
            return None
        by_set[name] = (
            replace(joined(like), examples=round(fmean(lengths.examples for lengths in like))),
            False,
        )
    training, counted = by_set.pop("")
    if task.score_training:
        by_set["train"] = training, counted
    return TaskLengths(
        training,
        {name: lengths for name, (lengths, _) in by_set.items()},
        frozenset(name for name, split in evaluation_splits(task).items() if split.last_only),
        counted,
    )


def _set_of(name: str) -> str:
    """The set that an evaluation set of one language belongs to; another set is its own."""
    return name.rpartition("/")[0] or name


def joined(parts: Sequence[Lengths]) -> Lengths:
    """The lengths of several splits together."""
    if len(parts) == 1:
        return parts[0]
    total = sum(part.examples for part in parts)
    weighted = [
        sum(part.examples * length for part, length in zip(parts, point, strict=True)) / total
        for point in zip(*(part.quantiles for part in parts), strict=True)
    ]
    return Lengths(total, tuple(weighted))


def _of_split(config: RunConfig, split: SplitConfig) -> tuple[Lengths | None, bool]:
    counted = kept_at(place_of_count(config, split))
    return (counted, True) if counted else (table().get(key_of(config.task, split)), False)


def key_of(task: TaskConfig, split: SplitConfig) -> str:
    """The name of a split in the table."""
    chosen = "".join(f" {column}={pattern}" for column, pattern in sorted(split.rows.items()))
    where = split.repo or task.repo or task.builder
    return f"{where}/{split.config}/{split.split} {'+'.join(split.text or task.text)}{chosen}"


def place_of_count(config: RunConfig, split: SplitConfig) -> Path:
    """The file of the cache for the counted lengths of a split."""
    model = config.model
    longest = config.protocol.max_length if config.task.kind == "answers" else UNCUT
    named = [key_of(config.task, split), split.revision or config.task.revision, split.label_map]
    text = json.dumps([named, model.id, model.builder, model.revision, longest], sort_keys=True)
    return Path(config.cache) / "lengths" / f"{hashlib.sha256(text.encode()).hexdigest()[:24]}.json"


@cache
def kept_at(place: Path) -> Lengths | None:
    """The lengths in a file of the cache; None if there are none, or it is damaged."""
    try:
        return from_json(json.loads(place.read_text()))
    except (OSError, ValueError, TypeError, KeyError):
        return None


@cache
def table() -> dict[str, Lengths]:
    """The lengths of usual splits by name."""
    stored = json.loads(TABLE.read_text())
    own = {name: from_json(entry) for name, entry in stored.items() if isinstance(entry, list)}
    others = {name: entry for name, entry in stored.items() if name not in own}
    return own | {
        name: replace(own[entry["like"]], examples=entry["examples"]) for name, entry in others.items()
    }


def from_json(stored: Any) -> Lengths:
    """Lengths as they are stored: the number of examples, then quantiles."""
    examples, *quantiles = stored
    if len(quantiles) != POINTS:
        raise ValueError("not the usual number of quantiles")
    return Lengths(int(examples), tuple(map(float, quantiles)))
