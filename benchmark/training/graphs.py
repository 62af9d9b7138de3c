"""CUDA graphs of whole updates, one per batch size: a GPU never waits for Python.

With a small encoder, most of an update's time on a GPU is Python starting one short operation after another.
A CUDA graph holds all operations of an update (forward, backward, clipping, the optimiser's step) together
with the memory that they read and write. Its replay is one call. So a batch is filled up with padding to one
of a few sizes (`LinedUpLayout.filled_up`) and copied into the memory of the captured batch. Computed updates
are filled up in the same way, so that replayed and computed updates have the same bits. All batches are as
long as the longest training example. This costs nothing between embeddings and head.

Before every replay the host sets the batch and the seeds of the random streams. Numbers that change with the
update are in schedules on the device (`benchmark.step.update.Schedules`). A method whose updates differ in
anything else declares it (`Method.not_captured`), and its updates are computed.
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
from benchmark.randomness import generator
from benchmark.step.passes import Name, Step
from benchmark.step.state import Stateful
from benchmark.tasks import Task
from benchmark.training.captures import NotCapturedError, captured
from benchmark.training.learner import Learner

log = logging.getLogger(__name__)


def moved(value: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Copy ``value`` to ``device`` without blocking."""
    return value.to(device, copy=True, non_blocking=True)


@dataclass
class Batch:
    """A batch filled up to a size: the model's inputs, targets and layout of tokens."""

    inputs: dict[str, torch.Tensor]
    targets: torch.Tensor
    layout: LinedUpLayout

    @property
    def size(self) -> tuple[int, int]:
        """Number of examples, and number of computed tokens."""
        return len(self.targets), len(self.layout.tokens)

    def on(self, device: torch.device) -> Batch:
        """Copy the batch to ``device``."""
        inputs = {name: moved(value, device) for name, value in self.inputs.items()}
        return Batch(inputs, moved(self.targets, device), self.layout.on(device))

    def become(self, other: Batch) -> None:
        """Copy ``other``, of the same size, into this batch's memory: a graph reads fixed addresses."""
        for name, value in self.inputs.items():
            value.copy_(other.inputs[name], non_blocking=True)
        self.targets.copy_(other.targets, non_blocking=True)
        self.layout.become(other.layout)


@dataclass
class Captured:
    """The memory for batches of one size, and the graph of their update once captured.

    ``passes`` and ``named`` are the random streams of the update, noted while it was computed.
    """

    batch: Batch
    passes: list[Name] = field(default_factory=list)
    named: list[tuple[int, masks.SeedOf]] = field(default_factory=list)
    streams: masks.PassStreams | None = None
    graph: Any = None
    loss: torch.Tensor | None = None


class GraphedLearner:
    """A `Learner` that computes a size's first update, captures the second, and replays.

    The second update is replayed as well, from the new graph. ``replayed`` counts replays, including replays
    before an interruption. ``obstacle`` is the reason for computing all updates; empty: none. Batches are
    filled up in any case, so that both ways give the same bits. If a capture fails, updates are computed; with
    ``insist`` the run is refused.
    """

    def __init__(self, learner: Learner, obstacle: str = "", insist: bool = False) -> None:
        self.learner, self.obstacle, self.insist, self.replayed = learner, obstacle, insist, 0
        self.task, self.device, self.terms = learner.task, learner.device, learner.terms
        self.length = max(len(ids) for ids in self.task.training.ids)
        self.pool, self.stream = torch.cuda.graph_pool_handle(), torch.cuda.Stream(self.device)
        self.captured: dict[tuple[int, int], Captured] = {}

    def survey(self) -> None:
        """Survey the training data as `Learner.survey` does."""
        self.learner.survey()

    def update(self, number: int, indices: list[int]) -> torch.Tensor:
        """Make update ``number`` on the examples at ``indices``; return their loss ()."""
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
        """Compute the update on the batch of ``known``, and note its random streams."""
        step = self.step(known, number)
        with masks.noted() as named:
            loss = self.learner.learn([step])
        known.passes, known.named = step.passes, named
        return loss

    def capture(self, known: Captured, number: int) -> bool:
        """Capture the update on the batch of ``known`` without computing it; False if that fails.

        Raises: BenchmarkError if it fails and the run insists.
        """
        optimizer, steps = self.learner.optimizer, self.learner.optimizer.steps
        streams = masks.PassStreams(self.device, len(known.passes), known.named)
        graph, drawn = torch.cuda.CUDAGraph(), [*streams.generators, *self.own_streams()]
        try:
            with masks.captured(streams), captured(graph, self.pool, self.stream, drawn):
                known.loss = self.learner.learn([self.step(known, number)])
        except NotCapturedError as error:
            self.give_up(error)
            return False
        finally:
            optimizer.steps = steps  # capturing counted a step that was not taken
        known.graph, known.streams = graph, streams
        return True

    def give_up(self, error: NotCapturedError) -> None:
        """Compute all updates from now on, and give back the memory of the graphs.

        A capture changes no number, so the bits are the same. Raises: BenchmarkError if the run insists.
        """
        self.obstacle = f"an update could not be captured ({error})"
        if self.insist:
            raise BenchmarkError(
                f"replay=true: {self.obstacle}; use replay=null, which computes updates then"
            ) from (error.reason if error.full else None)  # a full GPU is tried again alone
        log.warning("%s; updates are computed%s", self.obstacle, ", as with replay=false" * error.full)
        for known in self.captured.values():
            known.graph = known.streams = known.loss = None
        for parameter in self.learner.parameters:
            parameter.grad = None

    def replay(self, known: Captured, number: int) -> torch.Tensor:
        """Make the update from the graph of ``known``, with the result of `compute`."""
        assert known.streams is not None
        assert known.loss is not None
        step = self.step(known, number)
        known.streams.seed(
            [step.stream(*name) for name in known.passes], [step.stream_name(*name) for name in known.passes]
        )
        known.graph.replay()
        self.learner.optimizer.steps += 1
        self.replayed += 1
        return known.loss.clone()  # the next replay overwrites it

    def step(self, known: Captured, number: int) -> Step:
        """The step of update ``number`` on the batch of ``known``."""
        packing = self.learner.packing
        assert packing is not None
        packing.expect(known.batch.inputs["attention_mask"], known.batch.layout)
        return self.learner.step_on(known.batch.inputs, known.batch.targets, number)

    def own_streams(self) -> Iterator[torch.Generator]:
        """Random streams that methods keep on the device."""
        kind = generator(self.device).device.type
        for method in self.learner.methods:
            yield from (stream for stream in streams_of(method) if stream.device.type == kind)

    def filled_up(self, indices: list[int]) -> Batch | None:
        """The filled-up batch of ``indices`` on the host; None if it has no padding.

        It is as long as the longest training example.
        """
        inputs = self.task.batch(self.task.training, indices, self.length)
        layout = lined_up(inputs["attention_mask"].numpy().astype(bool)).filled_up()
        if layout is None:
            return None
        targets = self.task.targets(self.task.training, indices)
        return Batch(inputs, self.task.kind.filled_up(targets, len(layout.tokens)), layout)


def streams_of(owner: Stateful) -> Iterator[torch.Generator]:
    """Random streams among the attributes of ``owner``, nested ones included."""
    for value in vars(owner).values():
        if isinstance(value, torch.Generator):
            yield value
        elif isinstance(value, Stateful):
            yield from streams_of(value)


def obstacle(
    methods: Mapping[str, Method],
    task: Task,
    padded: str,
    protocol: ProtocolConfig,
    watched: bool,
) -> str:
    """The reason for not capturing a run's updates on a GPU; empty if none.

    ``padded`` is the reason for computing padding; empty if none is computed.
    """
    if padded:
        return padded
    if task.pad_left:
        return f"{task.name} is padded on the left for this tokenizer"
    if watched:
        return "probes look on"
    if protocol.micro_batch_size not in (None, protocol.batch_size):
        return f"protocol.micro_batch_size={protocol.micro_batch_size} takes batches apart"
    return next((f"method.{name}: {m.not_captured}" for name, m in methods.items() if m.not_captured), "")


def check(asked: bool | None, reason: str) -> None:
    """Refuse a requested replay that ``reason`` forbids.

    Raises: BenchmarkError if ``asked`` is True and ``reason`` is not empty.
    """
    if asked and reason:
        raise BenchmarkError(f"replay=true: updates cannot be captured ({reason}); leave it null")
