"""Limit of the machine's matrix products: floating-point operations per update, and per second."""

from __future__ import annotations

import torch
from torch import nn
from transformers import PreTrainedModel

from benchmark.models.architecture import encoder_of
from benchmark.models.linear import FasterLinear
from benchmark.speed.conditions import Conditions
from benchmark.tasks import Task

SQUARE = 8192  # rows and columns: a product large enough to fill any card


def operations(model: PreTrainedModel, task: Task, batches: list[list[int]]) -> float:
    """Floating-point operations of a mean update on ``batches``, counting real tokens only.

    Forward: 2 per token and weight of the layers' linear modules, plus attention's two products. The sum is
    multiplied by 3, because the backward pass has two products for each product of the forward pass.
    """
    token_counts = [len(task.training.ids[index]) for batch in batches for index in batch]
    lengths = torch.tensor(token_counts, dtype=torch.float64)
    layers = encoder_of(model).layers
    weights = sum(m.weight.numel() for layer in layers for m in layer.modules() if isinstance(m, nn.Linear))
    attended = 2 * len(layers) * model.config.hidden_size * float(lengths.square().sum())
    return 3 * 2 * (weights * float(lengths.sum()) + attended) / len(batches)


def rate(model: PreTrainedModel, task: Task, batch: int, here: Conditions, repeats: int = 5) -> float:
    """Operations per second of the layers' widest product, at a batch's mean tokens."""
    tokens = round(batch * sum(map(len, task.training.ids)) / len(task.training))
    width, wide = model.config.hidden_size, model.config.intermediate_size
    return of_products(tokens, width, wide, here, repeats)


def of_products(tokens: int, width: int, wide: int, here: Conditions, repeats: int = 5) -> float:
    """Operations per second of the product (tokens, width) x (width, wide).

    The precision is the run's; the best of ``repeats`` counts, on a CPU by the faster of PyTorch's libraries.
    """
    kind = torch.bfloat16 if here.precision == "bfloat16" else torch.float32
    left = torch.randn(tokens, width, dtype=kind, device=here.device)
    right = torch.randn(width, wide, dtype=kind, device=here.device)
    products = 100 if here.on_gpu else 1  # on a GPU one product is shorter than the wait for it
    best = float("inf")
    for by in (torch.mm,) if here.on_gpu else (torch.mm, _by_layer):
        for _ in range(repeats):
            started = here.now()
            for _ in range(products):
                by(left, right)
            best = min(best, (here.now() - started) / products)
    return 2 * tokens * width * wide / best


@torch.no_grad()
def _by_layer(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """The product as a layer of a run computes it."""
    inputs, outputs = right.shape
    layer = FasterLinear(inputs, outputs, bias=False, device="meta")
    layer.weight = nn.Parameter(right.t())
    return layer(left)
