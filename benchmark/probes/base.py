"""What a probe is: a measurement of a run for a figure, which looks on and never changes the run.

    begin    the model is ready and no update was made; not again when a run is continued
    updated  after every update
    end      the model is trained; what this returns is kept in the record's arrays

What a probe keeps on itself from one moment to the next is saved with an interrupted run, as a method's is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
import torch
from transformers import PreTrainedModel

from benchmark.config.schema import RunConfig
from benchmark.errors import BenchmarkError
from benchmark.models.architecture import Encoder, length_first, recorded
from benchmark.models.packing import Packing
from benchmark.step.passes import autocast
from benchmark.step.state import Stateful
from benchmark.tasks import Examples, Task
from benchmark.training.course import to_device
from benchmark.training.evaluation import EVALUATION_TOKENS

Inputs = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Subject:
    """The run that is looked at: its ``model`` as it is now, its ``task`` and its ``config``."""

    config: RunConfig
    model: PreTrainedModel
    encoder: Encoder
    task: Task
    device: torch.device
    packing: Packing | None = None

    @property
    def precision(self) -> str:
        """The precision of the run, which its probes share."""
        return self.config.protocol.precision

    def questions(self, limit: int | None) -> Iterator[tuple[Inputs, torch.Tensor]]:
        """The first ``limit`` examples (None: all) of the task's first evaluation set, in batches."""
        examples = next(iter(self.task.evaluation.values()))
        return self.batches(examples, range(len(examples))[:limit])

    @contextmanager
    def quiet(self) -> Iterator[None]:
        """While this lasts, nothing perturbs the model, and the last layer computes every token."""
        training = self.model.training
        first_only = self.packing is not None and self.packing.first_only
        self.model.eval()
        try:
            if self.packing is not None:
                self.packing.first_only = False
            yield
        finally:
            if self.packing is not None:
                self.packing.first_only = first_only
            self.model.train(training)

    def batches(
        self, examples: Examples, indices: Sequence[int], task: Task | None = None
    ) -> Iterator[tuple[Inputs, torch.Tensor]]:
        """The examples of ``task`` (None: the run's) at ``indices`` as inputs and targets, in that order."""
        batch: list[int] = []
        longest = 0
        for index in indices:
            longest = max(longest, len(examples.ids[index]))
            if batch and (len(batch) + 1) * longest > EVALUATION_TOKENS:
                yield to_device(task or self.task, examples, batch, self.device)
                batch, longest = [], len(examples.ids[index])
            batch.append(index)
        if batch:
            yield to_device(task or self.task, examples, batch, self.device)

    @torch.no_grad()
    def states(self, inputs: Inputs) -> list[torch.Tensor]:
        """The first layer's input and every layer's output: float32 (examples, length, hidden), 0 at padding."""
        with recorded(self.encoder) as states, autocast(self.precision, self.device):
            self.model(**inputs)
        return [self.padded(state, inputs["attention_mask"]).float() for state in states]

    def padded(self, state: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """A hidden state as the model has it -> (examples, length, hidden), 0 at padding."""
        if self.packing is not None:
            return self.packing.of(mask).unpack(state)
        return (state.transpose(0, 1) if self.length_first else state) * mask[..., None]

    def unpadded(self, state: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """(examples, length, hidden) -> a hidden state as the model has it."""
        if self.packing is not None:
            return self.packing.of(mask).pack(state)
        return state.transpose(0, 1) if self.length_first else state

    @cached_property
    def length_first(self) -> bool:
        """Whether the model's hidden states are (length, examples, hidden)."""
        return length_first(self.encoder)


class Probe(Stateful):
    """One measurement; a probe overrides the moments it needs."""

    #: Authors, venue and year of the paper, and its table or figure.
    paper: ClassVar[str] = ""

    def begin(self, subject: Subject) -> None:
        """Nothing is trained yet."""

    def updated(self, subject: Subject, done: int) -> None:
        """``done`` updates are complete."""

    def end(self, subject: Subject) -> dict[str, np.ndarray]:
        """What was found, by name."""
        return {}


def at_least_one(key: str, value: int | None) -> None:
    """Raises: BenchmarkError for a count below 1; None stands for all."""
    if value is not None and value < 1:
        raise BenchmarkError(f"{key}={value}: must be at least 1")
