"""Whole updates captured once per size of batch as CUDA graphs, so that a GPU waits for no Python.

A small encoder's update on a GPU is mostly Python that starts one short operation after the other. A CUDA
graph holds them all, forward, backward, clipping and the optimiser's step, with the memory they read and
write: replayed it takes one call. So a batch is filled up with padding to one of a few sizes
(`LinedUpLayout.filled_up`) and copied to where the captured one was. Filled up alike, an update has the same
bits replayed or computed. All batches are as long as the longest training example, which costs nothing
between embeddings and head.

What the host says anew before every replay is the batch and the seeds of the random streams; numbers that
change are in schedules on the device (`benchmark.step.update.Schedules`). A method whose updates differ in
anything else says so (`Method.not_captured`), and its updates are computed.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from benchmark.config.schema import ProtocolConfig
from benchmark.errors import BenchmarkError
from benchmark.methods.base import Method
from benchmark.models import masks
from benchmark.models.lined_up_layout import LinedUpLayout, lined_up
from benchmark.models.packing import Packing
from benchmark.randomness import generator
from benchmark.step.passes import Name, Step
from benchmark.step.state import Stateful
from benchmark.tasks import Task
from benchmark.training.learner import Learner

log = logging.getLogger(__name__)


def moved(value: torch.Tensor, device: torch.device) -> torch.Tensor:
    """A copy of ``value`` on ``device``, for which nobody waits."""
    return value.to(device, copy=True, non_blocking=True)


@dataclass
class Batch:
    """A batch filled up to a size: the model's inputs, the targets, and where the tokens are."""

    inputs: dict[str, torch.Tensor]
    targets: torch.Tensor
    layout: LinedUpLayout

    @property
    def size(self) -> tuple[int, int]:
        """Examples, and tokens that are computed."""
        return len(self.targets), len(self.layout.tokens)

    def on(self, device: torch.device) -> Batch:
        """A copy on ``device``."""
        inputs = {name: moved(value, device) for name, value in self.inputs.items()}
        return Batch(inputs, moved(self.targets, device), self.layout.on(device))

    def become(self, other: Batch) -> None:
        """Take what ``other``, of the same size, has, into the memory of this one."""
        for name, value in self.inputs.items():
            value.copy_(other.inputs[name], non_blocking=True)
        self.targets.copy_(other.targets, non_blocking=True)
        self.layout.become(other.layout)


@dataclass
class Captured:
    """Where batches of one size are, and the graph of an update once it was captured there.

    ``passes`` and ``named`` are what the update draws from, noted while it was computed.
    """

    batch: Batch
    passes: list[Name] = field(default_factory=list)
    named: list[tuple[int, masks.SeedOf]] = field(default_factory=list)
    streams: masks.PassStreams | None = None
    graph: Any = None
    loss: torch.Tensor | None = None


class GraphedLearner:
    """A `Learner` whose updates are computed the first time of a size, captured the second, then replayed.

    ``replayed`` counts them, those before an interruption included. ``obstacle`` says why they are all computed;
    filled up they are in any case, so that both give the same bits.
    """

    def __init__(self, learner: Learner, obstacle: str = "") -> None:
        self.learner, self.obstacle, self.replayed = learner, obstacle, 0
        self.task, self.device = learner.task, learner.device
        self.length = max(len(ids) for ids in self.task.training.ids)
        self.pool, self.stream = torch.cuda.graph_pool_handle(), torch.cuda.Stream(self.device)
        self.captured: dict[tuple[int, int], Captured] = {}

    def survey(self) -> None:
        """As a `Learner` does."""
        self.learner.survey()

    def update(self, number: int, indices: list[int]) -> torch.Tensor:
        """The loss () of the examples at ``indices``, after the update ``number`` that they lead to."""
        parts = list(self.learner.course.parts(indices))
        batch = self.filled_up(indices) if len(parts) == 1 else None
        if batch is None:
            return self.learner.update(number, indices)
        known = self.captured.get(batch.size)
        if known is None:
            self.captured[batch.size] = known = Captured(batch.on(self.device))
        else:
            known.batch.become(batch)
            if not self.obstacle and (known.graph is not None or self.capture(known, number)):
                return self.replay(known, number)
        return self.compute(known, number)

    def compute(self, known: Captured, number: int) -> torch.Tensor:
        """The update on the batch of ``known``, computed; what it draws from is noted."""
        step = self.step(known, number)
        with masks.noted() as named:
            loss = self.learner.learn([step])
        known.passes, known.named = step.passes, named
        return loss

    def capture(self, known: Captured, number: int) -> bool:
        """Whether the update on the batch of ``known`` could be captured; nothing of it is computed yet."""
        optimizer, steps = self.learner.optimizer, self.learner.optimizer.steps
        streams = masks.PassStreams(self.device, len(known.passes), known.named)
        graph = torch.cuda.CUDAGraph()
        for stream in [*streams.generators, *self.own_streams()]:
            graph.register_generator_state(stream)
        try:
            with masks.captured(streams), torch.cuda.graph(graph, pool=self.pool, stream=self.stream):
                known.loss = self.learner.learn([self.step(known, number)])
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            self.obstacle = f"an update could not be captured ({str(error).splitlines()[0]})"
            log.warning("%s; updates are computed", self.obstacle)
            for parameter in self.learner.parameters:
                parameter.grad = None
            return False
        finally:
            optimizer.steps = steps  # the host has counted one that was not taken
        known.graph, known.streams = graph, streams
        return True

    def replay(self, known: Captured, number: int) -> torch.Tensor:
        """What `compute` does, from the graph of ``known``."""
        assert known.streams is not None
        assert known.loss is not None
        step = self.step(known, number)
        known.streams.seed([step.stream(*name) for name in known.passes])
        known.graph.replay()
        self.learner.optimizer.steps += 1
        self.replayed += 1
        return known.loss.clone()  # the next replay writes where it is

    def step(self, known: Captured, number: int) -> Step:
        """The step of update ``number`` on the batch of ``known``."""
        packing = self.learner.packing
        assert packing is not None
        packing.expect(known.batch.inputs["attention_mask"], known.batch.layout)
        return self.learner.step_on(known.batch.inputs, known.batch.targets, number)

    def own_streams(self) -> Iterator[torch.Generator]:
        """The random streams that methods keep on the device."""
        kind = generator(self.device).device.type
        for method in self.learner.methods:
            yield from (stream for stream in streams_of(method) if stream.device.type == kind)

    def filled_up(self, indices: list[int]) -> Batch | None:
        """The batch of ``indices`` on the host, as long as the longest example; None if it has no padding."""
        inputs = self.task.batch(self.task.training, indices, self.length)
        layout = lined_up(inputs["attention_mask"].numpy().astype(bool)).filled_up()
        if layout is None:
            return None
        targets = self.task.targets(self.task.training, indices)
        return Batch(inputs, self.task.kind.filled_up(targets, len(layout.tokens)), layout)


def streams_of(owner: Stateful) -> Iterator[torch.Generator]:
    """The random streams among the attributes of ``owner``."""
    for value in vars(owner).values():
        if isinstance(value, torch.Generator):
            yield value
        elif isinstance(value, Stateful):
            yield from streams_of(value)


def obstacle(
    methods: Mapping[str, Method],
    task: Task,
    packing: Packing | None,
    protocol: ProtocolConfig,
    watched: bool,
) -> str:
    """Why the updates of a run on a GPU cannot be captured; empty if they can."""
    if packing is None:
        return "its padding is computed"
    if task.pad_left:
        return f"{task.name} is padded on the left for this tokenizer"
    if watched:
        return "probes look on"
    if protocol.micro_batch_size not in (None, protocol.batch_size):
        return f"protocol.micro_batch_size={protocol.micro_batch_size} takes batches apart"
    return next((f"method.{name}: {m.not_captured}" for name, m in methods.items() if m.not_captured), "")


def check(asked: bool | None, reason: str) -> None:
    """Raises: BenchmarkError if ``replay`` is asked for where ``reason`` forbids it."""
    if asked and reason:
        raise BenchmarkError(f"replay=true: updates cannot be captured ({reason}); leave it null")
