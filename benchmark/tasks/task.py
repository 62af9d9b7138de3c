"""The kinds of task, and a task ready to be learnt.

A *kind* turns rows of a data set into inputs, a model's output into *items* that are classified, and outputs
into answers and scores. An item is what the loss is a mean over: an example of a classification, a labelled
word of a tagging, the start or the end of an answer. Items are (items, classes), so that whoever compares
two passes over a batch (R-Drop, R3F, SMART) compares them item by item, whatever the kind.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence
from transformers import PreTrainedModel

from benchmark.data.files import File, Split
from benchmark.data.reader import Reader
from benchmark.tasks import metrics
from benchmark.tasks.kind import Examples

Inputs = dict[str, torch.Tensor]


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

    def files(self, reader: Reader, split: Split) -> list[File]:
        """All files that a split needs. Raises: BenchmarkError if one is missing."""
        return [reader.file(split)]

    @abstractmethod
    def read(self, reader: Reader, split: Split, training: bool) -> Examples:
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


@dataclass(frozen=True)
class About:
    """What a record says of an evaluation set, kept when the set itself is not."""

    size: int
    kind: Kind
    references: dict[str, np.ndarray]


@dataclass(frozen=True)
class Task:
    """A task ready to be learnt; ``training`` is already cut to the run's subset.

    ``evaluation`` may read a set whenever it is asked for one; ``known`` is what `about` remembers of them.
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
    last_only: frozenset[str] = frozenset()  # evaluation sets that wait for the last update
    known: dict[str, About] = field(default_factory=dict)

    @property
    def labels(self) -> list[str]:
        """The names of the classes; none for a regression."""
        return self.kind.labels

    @property
    def outputs(self) -> int:
        """Units of the head."""
        return self.kind.outputs

    @property
    def regression(self) -> bool:
        """Whether a value is predicted, and no class."""
        return self.kind.regression

    def measure(self, examples: Examples) -> Measure:
        """How ``examples`` are measured."""
        return examples.measure or Measure(self.kind, self.metrics)

    def about(self, name: str, examples: Examples | None = None) -> About:
        """What a record says of an evaluation set; of its ``examples`` where they are at hand, else it is read once."""
        if name not in self.known:
            part = self.evaluation[name] if examples is None else examples
            kind = self.measure(part).kind
            self.known[name] = About(part.size, kind, kind.references(part))
        return self.known[name]

    def batch(self, examples: Examples, indices: Sequence[int]) -> Inputs:
        """The model's inputs for ``indices``, padded to the longest of them."""
        side = "left" if self.pad_left else "right"
        chosen = [examples.ids[i] for i in indices]
        inputs = {"input_ids": chosen, "attention_mask": [torch.ones_like(ids) for ids in chosen]}
        if examples.segments is not None:
            inputs["token_type_ids"] = [examples.segments[i] for i in indices]
        return {name: pad_sequence(rows, True, self.padding(name), side) for name, rows in inputs.items()}

    def padding(self, name: str) -> int:
        """What stands at padding in the model's input ``name``."""
        return self.pad_id if name == "input_ids" else 0

    def targets(self, examples: Examples, indices: Sequence[int]) -> torch.Tensor:
        """The targets of ``indices``, (examples, …) or (items, …)."""
        return self.kind.targets(examples, indices, self.pad_left)

    def share(self, part: Sequence[int], batch: Sequence[int]) -> float:
        """The share of the loss of a ``batch`` of training examples that a ``part`` of it has."""
        return self.training.items(part) / self.training.items(batch)

    def read(self, output: Any, inputs: Inputs, targets: torch.Tensor) -> torch.Tensor:
        """The logits (items, classes) in a model's output for a batch."""
        return self.kind.items(self.kind.raw(output), inputs, targets)

    def twice(self, targets: torch.Tensor, examples: int) -> torch.Tensor:
        """The targets of a batch of so many ``examples`` with the same batch after it."""
        return self.kind.twice(targets, examples)

    def one(
        self, logits: torch.Tensor, targets: torch.Tensor, example: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The logits and targets of one example of a batch."""
        return logits[self.kind.place(targets, example)], self.kind.of_one(targets, example)

    def loss(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """The mean loss of ``logits`` (items, classes) of a batch with these ``targets``."""
        return self.kind.loss(logits, targets)

    def score(self, answers: np.ndarray, examples: Examples) -> dict[str, float]:
        """Every metric of ``examples`` on the ``answers`` to them."""
        measure = self.measure(examples)
        return measure.kind.score(answers, examples, measure)


def scored(measure: Measure, predictions: Any, references: Any) -> dict[str, float]:
    """The metrics of ``measure``, row by row."""
    return metrics.score(measure.metrics, predictions, references, measure.language)
