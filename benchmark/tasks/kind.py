"""The kinds of task: how rows become examples, outputs become items and answers, and answers scores.

A *kind* turns rows of a data set into inputs, a model's output into *items* that are classified, and outputs
into answers and scores. An item is what the loss is a mean over: an example of a classification, a labelled
word of a tagging, the start or the end of an answer. Items are (items, classes), so that whoever compares
two passes over a batch (R-Drop, R3F, SMART) compares them item by item, whatever the kind.
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
from benchmark.data.files import File
from benchmark.data.reader import Reader
from benchmark.tasks import metrics

Inputs = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Examples:
    """Token ids, segment ids (or None) and targets, in file order.

    ``targets`` has an entry for every example: a class or value, or what its kind makes of one.
    ``counts_as`` says for every class which one an answer of it counts as, where that is another one.
    ``measure`` is how they are measured, where that is not the task's own way.
    """

    #: The fields that have an entry for every example.
    columns: ClassVar[tuple[str, ...]] = ("ids", "segments", "targets")

    ids: Sequence[torch.Tensor]
    segments: Sequence[torch.Tensor] | None
    targets: Any
    counts_as: np.ndarray | None = field(default=None, kw_only=True)
    measure: Measure | None = field(default=None, kw_only=True)

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def size(self) -> int:
        """How many examples the data set had, which may be more or fewer than the model's inputs."""
        return len(self)

    @property
    def labelled(self) -> bool:
        """False for the splits whose labels GLUE keeps to itself (-1 throughout)."""
        return bool((self.targets >= 0).all())

    @property
    def classes(self) -> Any:
        """The class of everything that has one, as an array or tensor."""
        return self.targets

    @property
    def remarks(self) -> Mapping[str, int]:
        """What a record should say of the data beside their number, counted."""
        return {}

    def items(self, indices: Sequence[int]) -> int:
        """How many items the examples at ``indices`` have, in whatever unit."""
        return len(indices)

    def taken(self, indices: np.ndarray) -> Self:
        """The training examples at ``indices`` (examples,)."""
        return replace(self, **{name: _taken(getattr(self, name), indices) for name in self.columns})

    def followed_by(self, others: Sequence[Self]) -> Self:
        """Training examples of several splits, one after the other."""
        parts = [self, *others]
        return replace(
            self, **{name: _joined([getattr(part, name) for part in parts]) for name in self.columns}
        )


@dataclass(frozen=True)
class Measure:
    """How an evaluation set is measured."""

    kind: Kind
    metrics: list[str]
    language: str | None = None


class Kind(ABC):
    """How a kind of task is learnt and scored; ``head`` is the class of `transformers` with its head."""

    head: ClassVar[str]
    #: What a record calls the answers it keeps.
    keeps: ClassVar[str] = "predictions"
    #: What may have to be said of its data; see `Examples.remarks`.
    remarks: ClassVar[tuple[str, ...]] = ()
    regression = False
    #: Whether a subset of the training examples keeps the shares of their classes.
    stratified = False
    labels: list[str]

    @classmethod
    @abstractmethod
    def of(cls, reader: Reader) -> Self:
        """This kind, as the reader's task has it."""

    @property
    @abstractmethod
    def outputs(self) -> int:
        """Units of the head."""

    def files(self, reader: Reader, split: SplitConfig) -> list[File]:
        """All files that a split needs. Raises: BenchmarkError if one is missing."""
        return [reader.file(split)]

    @abstractmethod
    def read(self, reader: Reader, split: SplitConfig, training: bool) -> Examples:
        """The examples of a split, to be learnt from or to be answered."""

    def targets(self, examples: Examples, indices: Sequence[int], pad_left: bool) -> torch.Tensor:
        """The targets of a batch, (examples, …); (items, …) where an item says which example it is of."""
        return examples.targets[indices]

    def twice(self, targets: torch.Tensor, examples: int) -> torch.Tensor:
        """The targets of a batch of so many ``examples`` with the same batch after it."""
        return torch.cat([targets, targets])

    def filled_up(self, targets: torch.Tensor, tokens: int) -> torch.Tensor:
        """The targets of a batch in the one shape they have for so many ``tokens``."""
        return targets

    def of_one(self, targets: torch.Tensor, example: int) -> torch.Tensor:
        """The targets of one example of a batch."""
        return targets[example : example + 1]

    def raw(self, output: Any) -> torch.Tensor:
        """A model's output as one tensor, (examples, …)."""
        return output.logits

    @abstractmethod
    def items(self, raw: torch.Tensor, inputs: Inputs, targets: torch.Tensor) -> torch.Tensor:
        """The logits (items, classes) in ``raw``, example by example."""

    @abstractmethod
    def loss(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """The mean loss of items, of which ``targets`` are the batch's."""

    @abstractmethod
    def place(self, targets: torch.Tensor, example: int) -> slice:
        """Where the items of an example of a batch are."""

    def measured(self, model: PreTrainedModel, inputs: Inputs) -> torch.Tensor:
        """What is kept of an evaluation's pass, (examples, …)."""
        return self.raw(model(**inputs))

    def rows(self, raw: torch.Tensor, inputs: Inputs) -> Iterator[np.ndarray]:
        """What is kept of each example until its set is complete; ``raw`` is in float32 on the CPU."""
        yield from raw.numpy()

    def room(self, count: int) -> Any:
        """Where the rows of so many examples are kept, by their number, until their set is complete."""
        return [None] * count

    @abstractmethod
    def answers(self, examples: Any, rows: Sequence[np.ndarray]) -> np.ndarray:
        """The answers to a whole set, in the compact form that a record keeps."""

    @abstractmethod
    def score(self, answers: np.ndarray, examples: Any, measure: Measure) -> dict[str, float]:
        """Every metric of ``measure``."""

    def mean_loss(self, answers: np.ndarray, examples: Any) -> float | None:
        """The mean loss on a set, None where ``answers`` do not tell it."""
        return None

    def collapsed(self, answers: np.ndarray) -> bool:
        """Whether all answers are one and the same."""
        return bool((answers == answers[:1]).all()) if len(answers) else False

    def references(self, examples: Any) -> dict[str, np.ndarray]:
        """What a record keeps beside the answers, by name."""
        return {}


def scored(measure: Measure, predictions: Any, references: Any) -> dict[str, float]:
    """The metrics of ``measure``, row by row."""
    return metrics.score(measure.metrics, predictions, references, measure.language)


def _taken(column: Any, indices: np.ndarray) -> Any:
    if column is None:
        return None
    return [column[i] for i in indices] if isinstance(column, list) else column[torch.from_numpy(indices)]


def _joined(columns: list[Any]) -> Any:
    if columns[0] is None:
        return None
    if isinstance(columns[0], list):
        return list(chain.from_iterable(columns))
    return torch.cat(columns)
