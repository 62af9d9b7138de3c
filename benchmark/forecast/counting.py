"""Lengths of a task's examples in tokens, counted on a sample.

The run's own tokenizer and kind of task do it.

It imports torch and transformers, so a forecast does it in a process of its own, and once: see `lengths`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from benchmark.config.schema import RunConfig, SplitConfig
from benchmark.config.splits import evaluation_splits, training_splits
from benchmark.data import files
from benchmark.data.reader import Reader
from benchmark.data.rows import Rows
from benchmark.errors import BenchmarkError
from benchmark.forecast.lengths import UNCUT, Lengths, of_lengths, place_of_count
from benchmark.models import pretrained
from benchmark.tasks.loading import KINDS

SAMPLE = 2000  # rows of a split


@dataclass(frozen=True)
class SampledReader(Reader):
    """A reader of a random sample of a split's rows; ``whole`` has how many there are."""

    whole: list[int] = field(default_factory=list)

    def rows(self, split: SplitConfig, columns: Sequence[str], config: str | None = None) -> Rows:
        rows = super().rows(split, columns, config)
        self.whole.append(len(rows))
        if len(rows) <= SAMPLE:
            return rows
        chosen = np.sort(np.random.default_rng(0).choice(len(rows), SAMPLE, replace=False))
        return replace(rows, data=rows.data.select(chosen), numbers=rows.numbers[chosen])


def count(config: RunConfig) -> None:
    """Count the splits of a run's task that are here, into the cache."""
    for split, training in splits_of(config):
        place = place_of_count(config, split)
        if place.exists():
            continue
        with suppress(BenchmarkError, OSError):
            lengths = counted(config, split, training)
            place.parent.mkdir(parents=True, exist_ok=True)
            partial = place.with_suffix(f".{os.getpid()}")
            partial.write_text(json.dumps([lengths.examples, *lengths.quantiles]))
            partial.replace(place)


def splits_of(config: RunConfig) -> list[tuple[SplitConfig, bool]]:
    """The splits of a run's task, each with True for a training split."""
    task = config.task
    return [(split, True) for split in training_splits(task)] + [
        (split, False) for split in evaluation_splits(task).values()
    ]


def counted(config: RunConfig, split: SplitConfig, training: bool) -> Lengths:
    """The lengths of a split's examples. Raises: BenchmarkError if its data or the tokenizer are not here."""
    task = config.task
    tokenizer = pretrained.tokenizer(config.model, Path(config.cache), len(task.text) > 1)
    sources = files.find_sources(task, [split], Path(config.cache))
    longest = config.protocol.max_length if task.kind == "answers" else UNCUT
    most = min(longest, tokenizer.model_max_length)
    reader = SampledReader(task, config.model, sources, tokenizer, most, Path(config.cache))
    kind = KINDS[split.kind or task.kind].of(reader)
    examples = kind.read(reader, replace(split, max_length=None), training)
    whole = max(reader.whole)
    return of_lengths([len(ids) for ids in examples.ids], round(len(examples) * whole / min(whole, SAMPLE)))
