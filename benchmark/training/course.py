"""Course of a fine-tuning: examples and learning rate of every update, and times of evaluation."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import torch

from benchmark.config.ranges import MOST_UPDATES
from benchmark.config.schema import ProtocolConfig
from benchmark.errors import BenchmarkError
from benchmark.models.packing import Packing, layout_of
from benchmark.randomness import Seeds, stream
from benchmark.step.schedule import rate_at
from benchmark.tasks import Examples, Task


@dataclass(frozen=True)
class Course:
    """Plan of a run's updates, determined by data size, protocol and seeds.

    ``batches`` numbers updates from 0; ``rate`` numbers them from 1 to ``total``.
    """

    examples: int
    protocol: ProtocolConfig
    seeds: Seeds

    @property
    def per_epoch(self) -> int:
        """Number of updates in an epoch; the last batch may be smaller."""
        return math.ceil(self.examples / self.protocol.batch_size)

    @property
    def total(self) -> int:
        """Number of updates in the run."""
        return self.protocol.steps or max(1, round((self.protocol.epochs or 0) * self.per_epoch))

    @property
    def evaluate_at(self) -> set[int]:
        """The numbers of completed updates at which to evaluate."""
        return evaluation_steps(self.total, self.per_epoch, self.protocol.evaluations_per_epoch)

    def check_ends(self) -> None:
        """Raises: BenchmarkError for a run with an unreasonable number of updates."""
        if self.total > MOST_UPDATES:
            raise BenchmarkError(
                f"protocol.epochs={self.protocol.epochs}, protocol.steps={self.protocol.steps}: {self.total} updates "
                f"of {self.examples} examples (at most {MOST_UPDATES})"
            )

    def batches(self, done: int = 0) -> Iterator[tuple[int, list[int]]]:
        """Pairs (number of the update, indices of its examples), without the first ``done`` updates."""
        order = batches(self.examples, self.protocol.batch_size, self.total, self.seeds.order)
        return islice(enumerate(order), done, None)

    def parts(self, batch: list[int]) -> Iterator[list[int]]:
        """Micro-batches of ``batch``, computed one after another."""
        return micro_batches(batch, self.protocol.micro_batch_size)

    def rate(self, number: int) -> float:
        """The learning rate of update ``number``, from 1 on."""
        protocol = self.protocol
        return rate_at(number - 1, self.total, protocol.learning_rate, protocol.schedule, protocol.warmup)


def evaluation_steps(total: int, per_epoch: int, times_per_epoch: int) -> set[int]:
    """Updates to evaluate after: ``times_per_epoch`` evenly in each epoch, and the last.

    With 0 only the last.
    """
    if times_per_epoch == 0:
        return {total}
    every = per_epoch / min(times_per_epoch, per_epoch)  # more often than after every update is not possible
    return {round(i * every) for i in range(1, int(total / every) + 1) if round(i * every) >= 1} | {total}


def batches(examples: int, size: int, updates: int, seed: int) -> Iterator[list[int]]:
    """Indices of ``updates`` batches; seed and epoch number alone determine an epoch's order."""
    made, epoch = 0, 0
    while True:
        order = torch.randperm(examples, generator=stream(seed, "order", epoch)).tolist()
        for start in range(0, examples, size):
            if made == updates:
                return
            yield order[start : start + size]
            made += 1
        epoch += 1


def micro_batches(batch: list[int], size: int | None) -> Iterator[list[int]]:
    """``batch`` in parts of at most ``size``, whose gradients accumulate; None keeps it whole."""
    size = size or len(batch)
    for start in range(0, len(batch), size):
        yield batch[start : start + size]


def to_device(
    task: Task,
    examples: Examples,
    indices: Sequence[int],
    device: torch.device,
    packing: Packing | None = None,
) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """Inputs and targets of ``indices`` on ``device``, laid out for ``packing``, copied without blocking."""
    inputs = sent(task.batch(examples, indices), device, packing)
    return inputs, task.targets(examples, indices).to(device, non_blocking=True)


def sent(
    on_host: dict[str, torch.Tensor], device: torch.device, packing: Packing | None
) -> dict[str, torch.Tensor]:
    """The model's inputs on ``device``.

    The host computes the layout for ``packing`` from its own mask: reading it back from a GPU would block.
    """
    inputs = {key: value.to(device, non_blocking=True) for key, value in on_host.items()}
    if packing is not None and device.type != "cpu":
        packing.expect(inputs["attention_mask"], layout_of(on_host["attention_mask"], device))
    return inputs
