"""Passes recorded once per size of batch and played again, so that a GPU waits for no Python between its operations.

A small encoder's update on a GPU is mostly Python that starts one short operation after the other. A CUDA
graph is a recording of them all, forward and backward, with the memory they read and write: played again
it takes one call. So a batch is filled up with padding to one of a few sizes (`Layout.filled_up`) and
copied to where the recorded one was. Filled up alike, a pass gives the same bits played or computed, as far
as a GPU's kernels give the same bits twice. All batches are as long as the longest training example, which
costs nothing between embeddings and head.

What Python does in a pass is not in a recording: passes are played where every method says `passes_alike`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from benchmark.methods.base import Method
from benchmark.models import masks
from benchmark.models.packed_layout import Layout, layout_of
from benchmark.step.passes import Step, learn
from benchmark.tasks import Task


@dataclass
class Batch:
    """A batch filled up to a size: the model's inputs, the targets, and where the tokens are."""

    inputs: dict[str, torch.Tensor]
    targets: torch.Tensor
    layout: Layout

    @property
    def size(self) -> int:
        """Tokens that are computed."""
        return len(self.layout.tokens)

    def on(self, device: torch.device) -> Batch:
        """A copy on ``device``."""
        inputs = {name: value.to(device, copy=True) for name, value in self.inputs.items()}
        return Batch(inputs, self.targets.to(device, copy=True), self.layout.on(device))

    def become(self, other: Batch) -> None:
        """Take what ``other``, of the same size, has, into the memory of this one."""
        for name, value in self.inputs.items():
            value.copy_(other.inputs[name], non_blocking=True)
        self.targets.copy_(other.targets, non_blocking=True)
        self.layout.become(other.layout)


@dataclass
class Recording:
    """Where batches of one size are, and, once it was computed there, the CUDA graph of a pass and where its loss is."""

    batch: Batch
    graph: Any = None
    loss: torch.Tensor | None = None


class Replay:
    """Takes whole batches through a model, forward and backward: computed the first time of a size, then played.

    ``played`` counts the passes of the run that were played, those before it was interrupted included.
    """

    def __init__(
        self,
        task: Task,
        methods: Sequence[Method],
        parameters: Sequence[nn.Parameter],
        batch_size: int,
        device: torch.device,
        step_on: Callable[[dict[str, torch.Tensor], torch.Tensor, int], Step],
        played: int = 0,
    ) -> None:
        self.task, self.methods, self.parameters = task, methods, parameters
        self.batch_size, self.device, self.step_on = batch_size, device, step_on
        self.length = max(len(ids) for ids in task.training.ids)
        self.gradients = [torch.zeros_like(parameter) for parameter in parameters]
        self.pool, self.stream = torch.cuda.graph_pool_handle(), torch.cuda.Stream(device)
        self.recordings: dict[int, Recording] = {}
        self.played = played

    def learn(self, number: int, indices: Sequence[int]) -> torch.Tensor | None:
        """The loss of the batch of update ``number``, its gradients added; None for one that is not filled up."""
        batch = self.filled_up(indices) if len(indices) == self.batch_size else None
        if batch is None:
            return None
        known = self.recordings.get(batch.size)
        if known is None:
            self.recordings[batch.size] = known = Recording(batch.on(self.device))
            return learn(self.step(known, number), self.methods)
        known.batch.become(batch)
        return self.play(known, number)

    def play(self, known: Recording, number: int) -> torch.Tensor:
        """What `benchmark.step.passes.learn` does on the batch of ``known``, from its recording, which is made if need be."""
        step = self.step(known, number)
        for parameter, gradient in zip(self.parameters, self.gradients, strict=True):
            parameter.grad = gradient
        if known.graph is None:
            known.graph = torch.cuda.CUDAGraph()
            with masks.passes_held(), torch.cuda.graph(known.graph, pool=self.pool, stream=self.stream):
                torch._foreach_zero_(self.gradients)
                known.loss = learn(step, self.methods)
        masks.start_pass(step.stream("shared"))
        known.graph.replay()
        self.played += 1
        assert known.loss is not None
        return known.loss

    def step(self, known: Recording, number: int) -> Step:
        """The step of update ``number`` on the batch of ``known``."""
        step = self.step_on(known.batch.inputs, known.batch.targets, number)
        assert step.packing is not None
        step.packing.expect(known.batch.inputs["attention_mask"], known.batch.layout)
        return step

    def filled_up(self, indices: Sequence[int]) -> Batch | None:
        """The batch of ``indices`` on the host, as long as the longest example; None if it has no padding."""
        inputs = self.task.batch(self.task.training, indices)
        padding = self.length - inputs["input_ids"].shape[1]
        for name, value in inputs.items():
            inputs[name] = functional.pad(value, (0, padding), value=self.task.padding(name))
        layout = layout_of(inputs["attention_mask"]).filled_up()
        if layout is None:
            return None
        targets = self.task.targets(self.task.training, indices)
        return Batch(inputs, self.task.kind.filled_up(targets, len(layout.tokens)), layout)
