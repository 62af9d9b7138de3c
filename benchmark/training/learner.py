"""One update: forward and backward per micro-batch, clipping, and the optimiser's step."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import nn
from transformers import PreTrainedModel

from benchmark.config.schema import ProtocolConfig
from benchmark.methods.base import Method, overrides
from benchmark.models.architecture import Encoder
from benchmark.models.packing import Packing
from benchmark.randomness import derive
from benchmark.step.ascent import moved
from benchmark.step.optimizer import Optimizer
from benchmark.step.passes import Step, learn
from benchmark.tasks import Task
from benchmark.training.course import Course, batches, to_device
from benchmark.training.terms import Terms


@dataclass
class Learner:
    """A model with the methods that act on its passes and updates."""

    model: PreTrainedModel
    encoder: Encoder
    task: Task
    methods: Sequence[Method]
    optimizer: Optimizer
    course: Course
    device: torch.device
    packing: Packing | None = None
    replayed: int = 0  # updates; a learner without graphs computes all
    terms: Terms = field(default_factory=Terms)

    @property
    def protocol(self) -> ProtocolConfig:
        """The protocol of the run."""
        return self.course.protocol

    @property
    def parameters(self) -> list[nn.Parameter]:
        """The trained parameters."""
        return [parameter for group in self.optimizer.groups for parameter in group.parameters]

    @cached_property
    def climbing(self) -> list[Method]:
        """The methods that need a batch's gradient at another point than the weights."""
        return [method for method in self.methods if overrides(method, "climb") and not method.idle]

    def update(self, number: int, batch: list[int]) -> torch.Tensor:
        """Make update ``number`` on ``batch``; return its loss ()."""
        return self.learn(self.steps(number, batch))

    def learn(self, steps: Iterable[Step]) -> torch.Tensor:
        """Make one update from the micro-batches of a batch; return its loss ().

        Methods act in the passes, between them and the update, and inside the optimiser's step.
        """
        for method in self.methods:
            method.begin(self.optimizer.steps + 1, self.optimizer.total)
        steps = list(steps) if self.climbing else steps
        loss = self.passes(steps)
        for method in self.climbing:
            with moved(method, self.optimizer.groups):
                self.passes(step.again() for step in steps)
        if self.protocol.max_grad_norm:
            nn.utils.clip_grad_norm_(self.parameters, self.protocol.max_grad_norm, foreach=True)
        self.optimizer.step()
        return loss

    def passes(self, steps: Iterable[Step]) -> torch.Tensor:
        """Take the micro-batches of a batch forward and backward; return its loss ()."""
        loss = torch.zeros((), device=self.device)
        for step in steps:
            loss += learn(step, self.methods)
            self.terms.note(step)
        return loss

    def steps(self, number: int, batch: list[int]) -> Iterator[Step]:
        """The micro-batches of ``batch``, as methods see them."""
        for part, indices in enumerate(self.course.parts(batch)):
            inputs, targets = to_device(self.task, self.task.training, indices, self.device, self.packing)
            step = self.step_on(inputs, targets, number, part)
            if len(indices) < len(batch):
                step.share = self.task.share(indices, batch)
                step.share_of_examples = len(indices) / len(batch)
                step.share_of_tokens = self.task.share_of_tokens(indices, batch)
            yield step

    def step_on(
        self,
        inputs: dict[str, torch.Tensor],
        targets: torch.Tensor,
        number: int,
        part: int = 0,
    ) -> Step:
        """Micro-batch number ``part`` of update ``number``, with the shares of a whole batch."""
        place = number, self.course.total, self.course.seeds.dropout, part
        precision = self.protocol.precision
        return Step(
            self.model,
            self.encoder,
            self.task,
            inputs,
            targets,
            *place,
            precision=precision,
            packing=self.packing,
        )

    def survey(self) -> None:
        """Show the training data once to every method with a ``survey`` hook.

        The examples have a separate order, derived from the seed ``order`` and the same for every method.
        """
        size, seed = self.protocol.batch_size, derive(self.course.seeds.order, "survey")
        updates = math.ceil(self.course.examples / size)
        for method in self.methods:
            if overrides(method, "survey"):
                order = batches(self.course.examples, size, updates, seed)
                method.survey(
                    step for number, batch in enumerate(order) for step in self.steps(-1 - number, batch)
                )
