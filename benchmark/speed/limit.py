"""What a machine's matrix products allow: the floating-point operations of an update, and the rate for them."""

from __future__ import annotations

import time

import torch
from torch import nn
from transformers import PreTrainedModel

from benchmark.architecture import encoder_of
from benchmark.tasks import Task


def operations(model: PreTrainedModel, task: Task) -> float:
    """The operations of one pass over the training set, forward and backward, for its real tokens alone.

    Two per weight of the layers' linear modules and token, and those of attention's two products, all
    three times over: the backward pass multiplies twice for every product of the forward pass.
    """
    lengths = torch.tensor([len(ids) for ids in task.training.ids], dtype=torch.float64)
    layers = encoder_of(model).layers
    weights = sum(m.weight.numel() for layer in layers for m in layer.modules() if isinstance(m, nn.Linear))
    attended = 2 * len(layers) * model.config.hidden_size * float(lengths.square().sum())
    return 3 * 2 * (weights * float(lengths.sum()) + attended)


def rate(model: PreTrainedModel, task: Task, batch: int, repeats: int = 5) -> float:
    """Operations a second of the layers' widest product at the mean number of tokens of a batch."""
    tokens = round(batch * sum(map(len, task.training.ids)) / len(task.training))
    width, wide = model.config.hidden_size, model.config.intermediate_size
    left, right = torch.randn(tokens, width), torch.randn(width, wide)
    best = float("inf")
    for _ in range(repeats):
        started = time.perf_counter()
        torch.mm(left, right)
        best = min(best, time.perf_counter() - started)
    return 2 * tokens * width * wide / best
