"""The kinds of task: from rows to examples, from a model's output to scores.

A *kind* turns rows of a data set into inputs. In training it turns a model's output into *items*, which are
classified; in evaluation into *outputs* in a record's compact form, and these into scores. An item is the
unit of the mean loss: an example of a classification, a labelled word of a tagging, the start or the end of
an answer. Items are (items, classes). A method that compares two passes over a batch (R-Drop, R3F, SMART)
compares them item by item, for every kind.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any, ClassVar, Self

import numpy as np
import torch
from transformers import PreTrainedModel

from benchmark.config.schema import SplitConfig
from benchmark.data.files import SplitFiles
from benchmark.data.reader import Reader
from benchmark.tasks import metrics

WITHOUT_GOLD, EMPTY = "without_gold_label", "empty_texts"

Inputs = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Examples:
    """Token ids, segment ids (or None) and targets, in file order.

    ``targets`` has an entry for every example: a class, a value, or the kind's own form. ``counts_as``
    (classes,) is the class as which each predicted class is scored; None: itself. ``measure`` replaces the
    task's own measure. ``left_out`` counts rows of the split that were left out, by reason, and ``empty``
    counts the examples with an empty text.
    """

    #: The fields with an entry for every example.
    columns: ClassVar[tuple[str, ...]] = ("ids", "segments", "targets")

    ids: Sequence[torch.Tensor]
    segments: Sequence[torch.Tensor] | None
    targets: Any
    counts_as: np.ndarray | None = field(default=None, kw_only=True)
    measure: Measure | None = field(default=None, kw_only=True)
    left_out: Mapping[str, int] = field(default_factory=dict, kw_only=True)
    empty: int = field(default=0, kw_only=True)

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def size(self) -> int:
        """The number of examples in the data set; the model's inputs may be more or fewer."""
        return len(self)

    @property
    def has_gold(self) -> np.ndarray:
        """True for the targets that are known, (examples,)."""
        return gold_of(np.asarray(self.targets))

    @property
    def labelled(self) -> bool:
        """False if no target is known: such a set has predictions and no score."""
        return bool(self.has_gold.any())

    @property
    def remarks(self) -> Mapping[str, int]:
        """Counts that a record adds to the number of examples, by name."""
        counts = {WITHOUT_GOLD: int((~self.has_gold).sum()), EMPTY: self.empty}
        return {name: count for name, count in counts.items() if count}

    def items(self, indices: Sequence[int]) -> int:
        """The number of items of the examples at ``indices``, up to a common factor."""
        return len(indices)

    def taken(self, indices: np.ndarray) -> Self:
        """Select the training examples at ``indices`` (examples,)."""
        return replace(self, **{name: _taken(getattr(self, name), indices) for name in self.columns})

    def followed_by(self, others: Sequence[Self]) -> Self:
        """Join the training examples of several splits, in order."""
        parts = [self, *others]
        return replace(
            self, **{name: _joined([getattr(part, name) for part in parts]) for name in self.columns}
        )


@dataclass(frozen=True)
class Measure:
    """The way an evaluation set is measured."""

    kind: Kind
    metrics: list[str]
    language: str | None = None


class Kind(ABC):
    """A kind of task: its items, loss and scores.

    ``head`` is the class of `transformers` with its head.
    """

    head: ClassVar[str]
    #: The name of its outputs in a record.
    keeps: ClassVar[str] = "predictions"
    #: The names of possible remarks on its data; see `Examples.remarks`.
    remarks: ClassVar[tuple[str, ...]] = ()
    #: The special tokens that it reads, by their attribute of the tokenizer.
    special: ClassVar[tuple[str, ...]] = ()
    regression = False
    #: True if a subset of the training examples keeps the shares of their classes.
    stratified = False
    labels: list[str]

    @classmethod
    @abstractmethod
    def of(cls, reader: Reader) -> Self:
        """Make this kind for the task of ``reader``."""

    @property
    @abstractmethod
    def units(self) -> int:
        """The units of the head."""

    def files(self, reader: Reader, split: SplitConfig) -> list[SplitFiles]:
        """The files that a split needs.

        Raises: BenchmarkError if one is missing.
        """
        return [reader.file(split)]

    @abstractmethod
    def look(self, reader: Reader, split: SplitConfig, training: bool) -> Any:
        """Check the columns of a split, without tokenising them.

        Raises: BenchmarkError naming the column, row and value that does not fit.
        """

    @abstractmethod
    def read(self, reader: Reader, split: SplitConfig, training: bool) -> Examples:
        """Check and read the examples of a split, for training or for evaluation."""

    def targets(self, examples: Examples, indices: Sequence[int], pad_left: bool) -> torch.Tensor:
        """The targets of a batch, (examples, …).

        (items, …) if the targets themselves say to which example an item belongs.
        """
        return examples.targets[indices]

    def twice(self, targets: torch.Tensor, examples: int) -> torch.Tensor:
        """The targets of a batch of ``examples`` examples followed by the same batch."""
        return torch.cat([targets, targets])

    def filled_up(self, targets: torch.Tensor, tokens: int) -> torch.Tensor:
        """The targets of a batch in one shape for every batch of ``tokens`` tokens."""
        return targets

    def targets_of(self, targets: torch.Tensor, example: int) -> torch.Tensor:
        """The targets of one example of a batch."""
        return targets[example : example + 1]

    def raw(self, output: Any) -> torch.Tensor:
        """A model's output as one tensor, (examples, …)."""
        return output.logits

    @abstractmethod
    def items(self, raw: torch.Tensor, inputs: Inputs, targets: torch.Tensor) -> torch.Tensor:
        """The logits (items, classes) in ``raw``, in the order of the examples."""

    @abstractmethod
    def loss(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """The mean loss of the items of a batch with these ``targets``."""

    @abstractmethod
    def place(self, targets: torch.Tensor, example: int) -> slice:
        """The slice of the items of one example in a batch."""

    def measured(self, model: PreTrainedModel, inputs: Inputs) -> torch.Tensor:
        """Compute an evaluation's pass, (examples, …)."""
        return self.raw(model(**inputs))

    def rows(self, raw: torch.Tensor, inputs: Inputs) -> Iterator[np.ndarray]:
        """Yield the part of each example that is kept until its set is complete.

        ``raw`` is in float32 on the CPU.
        """
        yield from raw.numpy()

    def room(self, count: int) -> Any:
        """Make room for the rows of ``count`` examples, by their number.

        They are kept until their set is complete.
        """
        return [None] * count

    @abstractmethod
    def outputs(self, examples: Any, rows: Sequence[np.ndarray], measure: Measure) -> np.ndarray:
        """The outputs for a whole set with its ``measure``, in a record's compact form."""

    @abstractmethod
    def score(self, outputs: np.ndarray, examples: Any, measure: Measure) -> dict[str, float]:
        """The value of every metric of ``measure``."""

    def mean_loss(self, outputs: np.ndarray, examples: Any) -> float | None:
        """The mean loss on a set; None if ``outputs`` do not determine it."""
        return None

    def collapsed(self, outputs: np.ndarray) -> bool:
        """True if all outputs are the same."""
        return bool((outputs == outputs[:1]).all()) if len(outputs) else False

    def references(self, examples: Any) -> dict[str, np.ndarray]:
        """Arrays that a record keeps beside the outputs, by name."""
        return {}


def gold_of(targets: np.ndarray) -> np.ndarray:
    """True for the ``targets`` (examples,) that are known.

    A class is hidden as -1 and a value as NaN. Values that are all -1 are hidden too: so GLUE hides STS-B's.
    """
    if targets.dtype.kind == "f":
        return np.isfinite(targets) & ~(targets == -1).all()
    return np.asarray(targets >= 0)


def scored(measure: Measure, predictions: Any, references: Any) -> dict[str, float]:
    """Compute the metrics of ``measure``, row by row."""
    return metrics.score(measure.metrics, predictions, references, measure.language)


def _taken(column: Any, indices: np.ndarray) -> Any:
    if column is None:
        return None
    return [column[i] for i in indices] if isinstance(column, Sequence) else column[torch.from_numpy(indices)]


def _joined(columns: list[Any]) -> Any:
    if columns[0] is None:
        return None
    if isinstance(columns[0], Sequence):
        return list(chain.from_iterable(columns))
    return torch.cat(columns)
