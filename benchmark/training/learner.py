"""One update: forward and backward part by part, clipping, and the optimiser's step."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import nn
from transformers import PreTrainedModel

from benchmark.config.schema import ProtocolConfig
from benchmark.methods.base import Method, overrides
from benchmark.models.architecture import Encoder
from benchmark.models.packing import Packing
from benchmark.randomness import derive
from benchmark.step.optimizer import Optimizer
from benchmark.step.passes import Step, learn
from benchmark.tasks import Task
from benchmark.training.course import Course, batches, to_device


@dataclass
class Learner:
    """What learns from a batch: a model, and the methods that act on its passes and its updates."""

    model: PreTrainedModel
    encoder: Encoder
    task: Task
    methods: Sequence[Method]
    optimizer: Optimizer
    course: Course
    device: torch.device
    packing: Packing | None = None
    replayed: int = 0  # updates: none, all are computed

    @property
    def protocol(self) -> ProtocolConfig:
        """The run's recipe."""
        return self.course.protocol

    @cached_property
    def parameters(self) -> list[nn.Parameter]:
        """Those that learn."""
        return [parameter for group in self.optimizer.groups for parameter in group.parameters]

    def update(self, number: int, batch: list[int]) -> torch.Tensor:
        """The loss () of ``batch``, after the update ``number`` that it leads to."""
        return self.learn(self.steps(number, batch))

    def learn(self, steps: Iterable[Step]) -> torch.Tensor:
        """One update from the parts of a batch; methods act in the passes and inside the optimiser's step."""
        loss = torch.zeros((), device=self.device)
        for step in steps:
            loss += learn(step, self.methods)  # forward and backward
        if self.protocol.max_grad_norm:
            nn.utils.clip_grad_norm_(self.parameters, self.protocol.max_grad_norm, foreach=True)
        self.optimizer.step()
        return loss

    def steps(self, number: int, batch: list[int]) -> Iterator[Step]:
        """The parts of ``batch``, as methods see them."""
        for part, indices in enumerate(self.course.parts(batch)):
            inputs, targets = to_device(self.task, self.task.training, indices, self.device, self.packing)
            yield self.step_on(inputs, targets, number, part, self.task.share(indices, batch))

    def step_on(
        self,
        inputs: dict[str, torch.Tensor],
        targets: torch.Tensor,
        number: int,
        part: int = 0,
        share: float = 1.0,
    ) -> Step:
        """Part ``part`` of the batch of update ``number``, which is ``share`` of it."""
        at = number, self.course.total, self.course.seed, part, share
        precision = self.protocol.precision
        return Step(
            self.model,
            self.encoder,
            self.task,
            inputs,
            targets,
            *at,
            precision=precision,
            packing=self.packing,
        )

    def survey(self) -> None:
        """Let the methods that ask for it see the training data once, each in an order of its own."""
        size, seed = self.protocol.batch_size, derive(self.course.seed, "survey")
        updates = math.ceil(self.course.examples / size)
        for method in self.methods:
            if overrides(method, "survey"):
                order = batches(self.course.examples, size, updates, seed)
                method.survey(
                    step for number, batch in enumerate(order) for step in self.steps(-1 - number, batch)
                )
