"""LNSR: keep the outputs of all layers stable under noise on an early layer's input.

Hua et al., "Noise Stability Regularization for Improving BERT Fine-tuning", NAACL 2021, Eq. 1-2 and Algorithm
1: with eps ~ N(0, sigma^2) on the input x_b of layer b,

    R = sum over r = b..L of lambda_r || f_r(x_b + eps) - f_r(x_b) ||^2,    loss = task loss (clean pass) + R,

b the first layer and all weights lambda_r 1 in the main table. No code is public. The paper leaves open sigma, the
reduction over tokens and hidden units, padding and dropout; each is a field below. Algorithm 1 accumulates R
inside its loop over examples; here R is the mean over examples, which Algorithm 1 means (but see ``reduction``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import torch
from transformers import PreTrainedModel

from benchmark.errors import BenchmarkError, unknown
from benchmark.methods.base import Context
from benchmark.methods.common.hidden_noise import HiddenNoise, check_layer
from benchmark.methods.common.suits import check_own_layers
from benchmark.models.architecture import Change, captured_states, input_changed, length_first
from benchmark.step.doubling import FurtherPass
from benchmark.step.passes import DROPOUTS, Step

REDUCTIONS = ("sum", "mean")
TOKENS = ("real", "all")


@dataclass
class LNSR(HiddenNoise):
    """Add R times ``scale`` to the loss, with noise on the input of layer ``layer``.

    The first layer is 1. ``weights`` are those of the layers from ``layer`` to the last; None: 1 each.
    ``reduction``: with ``sum``, as the norm is written, R is a sum over the tokens and hidden units of an example and
    a mean over examples; with ``mean`` it is a mean over all tokens and hidden units of the batch, in which a long
    example counts for more than a short one. Parts of a batch add up to R of the whole batch. ``tokens``: padding
    counts (``all``; each part has its own) or not (``real``). ``dropout`` of the noised pass is that of the clean pass
    (``shared``) or ``independent`` of it, which makes R positive even without noise; ``off`` compares two further
    passes, both without dropout. The gradient flows through both passes. Noise of another method (HyPe) is in both
    passes and is drawn anew for the second, on the input of the layer too: both passes start from the clean pass's
    output of the layer below.
    """

    paper: ClassVar[str] = "Hua et al., NAACL 2021"
    cost: ClassVar[str] = "+1 pass; +2 with dropout off"
    neutral: ClassVar[dict[str, Any] | None] = {"scale": 0.0}
    not_captured = ""
    leaves_words_alone = True

    sigma: float = 1e-3
    layer: int = 1
    scale: float = 1.0
    weights: list[float] | None = None
    reduction: str = "sum"
    tokens: str = "real"
    dropout: str = "shared"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.scale < 0:
            raise BenchmarkError(f"scale={self.scale}: the weight of the regulariser must be at least 0")
        if any(not 0 <= weight < float("inf") for weight in self.weights or ()):
            raise BenchmarkError(f"weights={self.weights}: numbers of at least 0")
        for key, value, valid in (
            ("reduction", self.reduction, REDUCTIONS),
            ("tokens", self.tokens, TOKENS),
            ("dropout", self.dropout, DROPOUTS),
        ):
            if value not in valid:
                raise unknown(key, value, valid)

    def attach(self, model: PreTrainedModel, context: Context) -> None:
        super().attach(model, context)
        if not self.idle:
            check_own_layers(context, f"layer={self.layer}")
        check_layer("layer", self.layer, context.encoder)
        count = len(context.encoder.layers) - self.layer + 1
        if self.weights is not None and len(self.weights) != count:
            raise BenchmarkError(
                f"weights={self.weights}: {len(self.weights)} numbers; layers {self.layer} to "
                f"{len(context.encoder.layers)} have {count}"
            )
        self.length_first = length_first(context.encoder)

    @property
    def idle(self) -> bool:
        """True if R is 0 for every batch."""
        weightless = self.weights is not None and not any(self.weights)
        return self.scale == 0 or weightless or (self.sigma == 0 and self.dropout != "independent")

    @property
    def needs_padding(self) -> bool:
        return self.tokens == "all" and not self.idle

    @property
    def needs_last_states(self) -> bool:
        return not self.idle

    def beside(self, step: Step) -> FurtherPass | None:
        if self.idle or self.layer > 1:
            return None  # the second half would pass through the layers below in vain, forward and backward
        return self.disturbed(step, self.noised)

    def loss(self, step: Step) -> torch.Tensor | None:
        if self.idle:
            return None
        mask = step.real_tokens
        if self.tokens == "all":
            mask = torch.ones_like(mask)
        clean = self.clean_states(step)
        noisy = self.noised_states(step, clean[self.layer - 1])
        counted = mask.T if self.length_first else mask
        value = self.instability(clean[self.layer :], noisy[self.layer :], counted, step.examples)
        return self.scale * self.weight(step) * value

    def weight(self, step: Step) -> float:
        """The weight of a part's R in the batch's.

        It takes the place of the share by which a step weighs its terms.
        """
        by_tokens = self.reduction == "mean" and self.tokens == "real"
        return (step.share_of_tokens if by_tokens else step.share_of_examples) / step.share

    def clean_states(self, step: Step) -> list[torch.Tensor]:
        """The hidden states without noise: of the clean pass, or of a pass without dropout."""
        if self.dropout != "off":
            _ = step.logits  # computes the clean pass, unless a method has used it already
            return step.hidden_states
        with captured_states(step.encoder) as states:
            step.forward("off")
        return states

    def noised_states(self, step: Step, start: torch.Tensor) -> list[torch.Tensor]:
        """The hidden states if the layer receives ``start`` and noise."""
        _, states = step.further(self.disturbed(step, lambda _: self.noised(start)))
        return states

    def disturbed(self, step: Step, change: Change) -> FurtherPass:
        """The pass in which ``change`` makes the layer's input of the clean pass's."""
        hang = partial(input_changed, step.encoder.layers[self.layer - 1])
        return FurtherPass(self.dropout, self.context.name, change, hang, of_clean=True)

    def instability(
        self,
        clean: Sequence[torch.Tensor],
        noisy: Sequence[torch.Tensor],
        mask: torch.Tensor,
        examples: int,
    ) -> torch.Tensor:
        """R from the outputs (…, …, hidden) of layers b..L.

        ``mask`` has their leading shape, 1 at tokens that count.
        """
        total = torch.zeros((), device=mask.device)
        weights = [1.0] * len(clean) if self.weights is None else self.weights
        for before, after, weight in zip(clean, noisy, weights, strict=True):
            # The square of a small difference is lost in half precision.
            wide = torch.promote_types(before.dtype, torch.float32)
            squares = (after.to(wide) - before.to(wide)).square().sum(-1) * mask
            count = examples if self.reduction == "sum" else mask.sum() * before.shape[-1]
            total = total + weight * squares.sum() / count
        return total
