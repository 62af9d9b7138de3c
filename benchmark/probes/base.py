"""A probe: a measurement of a run for a figure, which never changes the run.

    begin    the model is ready and no update was made; not again when a run is continued
    updated  after every update
    end      the model is trained; the returned arrays are kept in the record's arrays

The attributes of a probe are saved with an interrupted run, as a method's are.
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
from benchmark.models.architecture import Encoder, captured_states, length_first
from benchmark.models.packing import Packing
from benchmark.step.passes import autocast
from benchmark.step.state import Stateful
from benchmark.tasks import Examples, Task
from benchmark.training.course import to_device
from benchmark.training.evaluation import EVALUATION_TOKENS

Inputs = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Subject:
    """The measured run: its current ``model``, its ``task`` and its ``config``."""

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

    def evaluation_batches(self, limit: int | None) -> Iterator[tuple[Inputs, torch.Tensor]]:
        """The first ``limit`` examples of the task's first evaluation set, in batches.

        None: all of them.
        """
        examples = next(iter(self.task.evaluation.values()))
        return self.batches(examples, range(len(examples))[:limit])

    @contextmanager
    def quiet(self) -> Iterator[None]:
        """Switch off perturbations of the model, for a while.

        The last layer then computes every token.
        """
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
        """The examples of ``task`` at ``indices`` as inputs and targets, in that order.

        ``task`` None: the run's.
        """
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
        """The first layer's input and every layer's output.

        Each is float32 (examples, length, hidden), 0 at padding.
        """
        with captured_states(self.encoder) as states, autocast(self.precision, self.device):
            self.model(**inputs)
        return [self.padded(state, inputs["attention_mask"]).float() for state in states]

    def padded(self, state: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Convert a hidden state of the model to (examples, length, hidden), 0 at padding."""
        if self.packing is not None:
            return self.packing.of(mask).unpack(state)
        return (state.transpose(0, 1) if self.length_first else state) * mask[..., None]

    def unpadded(self, state: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Convert (examples, length, hidden) to a hidden state of the model."""
        if self.packing is not None:
            return self.packing.of(mask).pack(state)
        return state.transpose(0, 1) if self.length_first else state

    @cached_property
    def length_first(self) -> bool:
        """True if the model's hidden states are (length, examples, hidden)."""
        return length_first(self.encoder)


class Probe(Stateful):
    """One measurement; a probe overrides the hooks it needs."""

    #: Authors, venue and year of the paper, and its table or figure.
    paper: ClassVar[str] = ""

    def begin(self, subject: Subject) -> None:
        """Measure before the first update."""

    def updated(self, subject: Subject, done: int) -> None:
        """Measure after ``done`` updates."""

    def end(self, subject: Subject) -> dict[str, np.ndarray]:
        """The measurements, as arrays by name."""
        return {}


HOOKS = ("begin", "updated", "end")


def at_least_one(key: str, value: int | None) -> None:
    """Refuse a count below 1; None stands for all.

    Raises: BenchmarkError.
    """
    if value is not None and value < 1:
        raise BenchmarkError(f"{key}={value}: must be at least 1")
