"""On a GPU: attention by the packed kernels is padded attention, and its dropout can be repeated."""

from __future__ import annotations

import pytest
import torch
from helpers.models import LENGTHS, inputs
from torch.nn import functional
from transformers import BertConfig, BertForSequenceClassification

from benchmark.models import packing
from benchmark.models.architecture import encoder_of
from benchmark.models.attention import by_kernel
from benchmark.models.lined_up_layout import LinedUpLayout, lined_up
from benchmark.models.packing import layout_of
from benchmark.runs.memory import PeakMemory
from benchmark.runs.run import make_reproducible
from benchmark.testing.fixtures import SHAPE

CUDA = torch.device("cuda")
WITHIN = {torch.float32: 1e-4, torch.bfloat16: 2e-2}
MEBIBYTES = 64


def packed(dtype: torch.dtype, size: int, heads: int = 2) -> tuple[LinedUpLayout, list[torch.Tensor]]:
    """A layout on the GPU, and states (1, tokens, heads, size) that learn."""
    layout = lined_up(inputs()["attention_mask"].numpy().astype(bool)).on(CUDA)
    rng = torch.Generator(CUDA).manual_seed(size)
    shape = (1, len(layout.tokens), heads, size)
    states = [torch.randn(shape, generator=rng, device=CUDA).to(dtype).requires_grad_() for _ in range(3)]
    return layout, states


@pytest.mark.parametrize("size", [4, 32, 64])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_attention_by_kernel_is_padded_attention(dtype: torch.dtype, size: int) -> None:
    make_reproducible(1, "float32")
    layout, states = packed(dtype, size)
    found = by_kernel(*states, layout, 0.0, 0.3)
    gradient = torch.randn_like(found)
    gradients = torch.autograd.grad(found, states, gradient)
    alone = [state.detach().float().requires_grad_() for state in states]
    parts = zip(*(state.split(LENGTHS, dim=1) for state in alone), strict=True)
    expected = torch.cat(
        [
            functional.scaled_dot_product_attention(*(s.transpose(1, 2) for s in part), scale=0.3).transpose(
                1, 2
            )
            for part in parts
        ],
        dim=1,
    )
    expected_gradients = torch.autograd.grad(expected, alone, gradient.float())
    near = {"rtol": WITHIN[dtype], "atol": WITHIN[dtype]}
    torch.testing.assert_close(found.float(), expected, **near)
    for one, other in zip(gradients, expected_gradients, strict=True):
        torch.testing.assert_close(one.float(), other, rtol=5 * WITHIN[dtype], atol=5 * WITHIN[dtype])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_dropout_of_a_kernel_is_repeated_with_its_seed(dtype: torch.dtype) -> None:
    make_reproducible(1, "float32")
    layout, states = packed(dtype, 32)

    def once(seed: int, rate: float) -> list[torch.Tensor]:
        torch.manual_seed(seed)
        found = by_kernel(*states, layout, rate, 0.3)
        return [found, *torch.autograd.grad(found.sum(), states)]

    first, again, other, none = once(1, 0.5), once(1, 0.5), once(2, 0.5), once(1, 0.0)
    assert all(torch.equal(one, two) for one, two in zip(first, again, strict=True))
    assert not torch.equal(first[0], other[0])
    assert not torch.equal(first[0], none[0])


def test_a_gpu_computes_what_a_cpu_computes_without_waiting_for_it() -> None:
    make_reproducible(1, "float32")
    model = BertForSequenceClassification(BertConfig(**SHAPE)).eval()
    hooks = packing.install(encoder_of(model))
    assert hooks is not None
    expected = model(**inputs()).logits
    there = model.to(CUDA)
    batch = {name: value.to(CUDA) for name, value in inputs().items()}
    hooks.expect(batch["attention_mask"], layout_of(inputs()["attention_mask"], CUDA))
    torch.cuda.set_sync_debug_mode("error")
    try:
        found = there(**batch).logits
    finally:
        torch.cuda.set_sync_debug_mode("default")
    torch.testing.assert_close(found.cpu(), expected, rtol=1e-4, atol=1e-5)


def test_a_gpu_counts_tensors() -> None:
    watch = PeakMemory(CUDA)
    torch.ones(1, device=CUDA)  # where a model would be loaded
    watch.forget()
    torch.ones(MEBIBYTES << 18, device=CUDA)
    assert MEBIBYTES << 20 <= (watch.peak() or 0) < MEBIBYTES << 21
