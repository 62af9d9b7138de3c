"""Which examples an update learns from and when a run is evaluated; and how a batch gets to the device."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from benchmark.models.packed_layout import layout_of
from benchmark.models.packing import Packing
from benchmark.randomness import stream
from benchmark.tasks import Examples, Task


def evaluation_steps(total: int, per_epoch: int, times_per_epoch: int) -> set[int]:
    """After which updates to evaluate: ``times_per_epoch`` evenly through each epoch, and at the end."""
    every = per_epoch / times_per_epoch
    return {round(i * every) for i in range(1, int(total / every) + 1) if round(i * every) >= 1} | {total}


def batches(examples: int, size: int, updates: int, seed: int) -> Iterator[list[int]]:
    """Indices of ``updates`` batches; the order of an epoch depends on the seed and the epoch alone."""
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
    indices: list[int],
    device: torch.device,
    hooks: Packing | None = None,
) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """The inputs and targets of ``indices`` on ``device``, laid out for ``hooks`` without waiting for it."""
    on_host = task.batch(examples, indices)
    inputs = {key: value.to(device, non_blocking=True) for key, value in on_host.items()}
    if hooks is not None and device.type != "cpu":
        hooks.expect(inputs["attention_mask"], layout_of(on_host["attention_mask"], device))
    return inputs, task.targets(examples, indices).to(device, non_blocking=True)
