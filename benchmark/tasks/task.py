"""A task ready to be learnt: its kind, its training examples and its evaluation sets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmark.tasks.kind import Examples, Inputs, Kind, Measure


@dataclass(frozen=True)
class About:
    """The entries of an evaluation set in a record, kept when the set is not."""

    size: int
    kind: Kind
    references: dict[str, np.ndarray]


@dataclass(frozen=True)
class Task:
    """A task for training; ``training`` is already cut to the run's subset.

    ``evaluation`` may read a set on every access. ``known`` are the entries that `about` has made.
    """

    name: str
    kind: Kind
    metrics: list[str]
    training: Examples
    evaluation: Mapping[str, Examples]
    pad_id: int
    pad_left: bool
    subset: np.ndarray
    stamp: dict[str, Any]
    last_only: frozenset[str] = frozenset()  # evaluation sets used only after the last update
    groups: Mapping[str, str] = field(default_factory=dict)  # sets of one language: the set they are part of
    files: dict[str, list[Path]] = field(default_factory=dict)  # by the names of `stamp`'s digests
    known: dict[str, About] = field(default_factory=dict)

    @property
    def labels(self) -> list[str]:
        """The names of the classes; none for a regression."""
        return self.kind.labels

    @property
    def units(self) -> int:
        """The units of the head."""
        return self.kind.units

    @property
    def regression(self) -> bool:
        """True if it predicts a value, not a class."""
        return self.kind.regression

    def token_ids(self) -> dict[str, Sequence[torch.Tensor]]:
        """The token ids (tokens,) of the examples of every set; sets that are not in memory are read."""
        return {"the training set": self.training.ids} | {
            name: examples.ids for name, examples in self.evaluation.items()
        }

    def measure(self, examples: Examples) -> Measure:
        """The measure of ``examples``."""
        return examples.measure or Measure(self.kind, self.metrics)

    def about(self, name: str, examples: Examples | None = None) -> About:
        """The entries of an evaluation set in a record.

        They are made from ``examples``; without those the set is read once.
        """
        if name not in self.known:
            examples = self.evaluation[name] if examples is None else examples
            kind = self.measure(examples).kind
            self.known[name] = About(examples.size, kind, kind.references(examples))
        return self.known[name]

    def batch(self, examples: Examples, indices: Sequence[int], length: int | None = None) -> Inputs:
        """The model's inputs for ``indices``, int64, padded to ``length`` or to the longest of them."""
        chosen = [examples.ids[i] for i in indices]
        lengths = np.array([len(ids) for ids in chosen])
        real = np.arange(length or lengths.max(initial=0)) < lengths[:, None]
        if self.pad_left:
            real = real[:, ::-1]

        def padded(rows: Sequence[torch.Tensor], padding: int) -> torch.Tensor:
            filled = np.full(real.shape, padding, np.int64)
            filled[real] = np.concatenate([row.numpy() for row in rows])
            return torch.from_numpy(filled)

        inputs = {
            "input_ids": padded(chosen, self.pad_id),
            "attention_mask": torch.from_numpy(real.astype(np.int64)),
        }
        if examples.segments is not None:
            inputs["token_type_ids"] = padded([examples.segments[i] for i in indices], 0)
        return inputs

    def targets(self, examples: Examples, indices: Sequence[int]) -> torch.Tensor:
        """The targets of ``indices``, (examples, …) or (items, …)."""
        return self.kind.targets(examples, indices, self.pad_left)

    def share(self, part: Sequence[int], batch: Sequence[int]) -> float:
        """The share of a ``part`` in the loss of a ``batch`` of training examples."""
        return self.training.items(part) / self.training.items(batch)

    def read(self, output: Any, inputs: Inputs, targets: torch.Tensor) -> torch.Tensor:
        """The logits (items, classes) in a model's output for a batch."""
        return self.kind.items(self.kind.raw(output), inputs, targets)

    def twice(self, targets: torch.Tensor, examples: int) -> torch.Tensor:
        """The targets of a batch of ``examples`` examples followed by the same batch."""
        return self.kind.twice(targets, examples)

    def of_example(
        self, logits: torch.Tensor, targets: torch.Tensor, example: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The logits and targets of one example of a batch."""
        return logits[self.kind.place(targets, example)], self.kind.targets_of(targets, example)

    def loss(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """The mean loss of ``logits`` (items, classes) of a batch with these ``targets``."""
        return self.kind.loss(logits, targets)

    def score(self, outputs: np.ndarray, examples: Examples) -> dict[str, float]:
        """The value of every metric of ``examples`` for the ``outputs`` on them."""
        measure = self.measure(examples)
        return measure.kind.score(outputs, examples, measure)
