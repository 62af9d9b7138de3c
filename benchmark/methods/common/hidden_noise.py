"""Noise on hidden states, shared by HyPe, FT+Noise, LNSR, R3F and SMART."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from benchmark.errors import BenchmarkError
from benchmark.methods.common.pass_noise import PassNoise
from benchmark.models.architecture import Change, Encoder

log = logging.getLogger(__name__)

NEEDS_FLOAT32 = 1e-3  # noise up to this size mostly rounds away in types shorter than float32


@dataclass
class HiddenNoise(PassNoise):
    """Noise of strength ``sigma`` from one stream, in the order of the hidden states."""

    sigma: float = 1e-5  # 0 adds none

    def __post_init__(self) -> None:
        if not 0 <= self.sigma < float("inf"):
            raise BenchmarkError(
                f"sigma={self.sigma}: the strength of the noise must be a number of at least 0"
            )

    def draw(self, state: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
        """Unit noise of the shape of ``state``, float32 on its device."""
        return torch.randn(state.shape, generator=rng, device=state.device)

    def noised(self, state: torch.Tensor) -> torch.Tensor:
        """``state`` plus fresh noise, in its own precision."""
        if self.rng is None:
            self.warn_if_lost(state)
        return state + (self.sigma * self.draw(state, self.stream_on(state.device))).to(state.dtype)

    def perturb_in_training(self, module: nn.Module, hang: Callable[[nn.Module, Change], Any]) -> None:
        """Add noise at ``module`` whenever it is in training mode.

        ``hang`` is `on_input` or `on_output`.
        """
        hang(module, lambda state: self.noised(state) if module.training else state)

    def warn_if_lost(self, state: torch.Tensor) -> None:
        """Warn if most of the noise cannot reach a matrix product."""
        device = state.device.type
        short = None
        if state.dtype in (torch.float16, torch.bfloat16):
            short = str(state.dtype).removeprefix("torch.")
        elif torch.is_autocast_enabled(device):
            short = str(torch.get_autocast_dtype(device)).removeprefix("torch.")
        elif device == "cuda" and torch.backends.cuda.matmul.allow_tf32:
            short = "tf32"
        if short and 0 < self.sigma <= NEEDS_FLOAT32:
            log.warning(
                "method.%s.sigma=%g: most of this noise rounds away in %s; set protocol.precision=float32",
                self.context.name,
                self.sigma,
                short,
            )


def check_layer(key: str, number: int, encoder: Encoder) -> None:
    """Raises: BenchmarkError if the encoder has no layer ``number`` (the first is 1)."""
    if not 1 <= number <= len(encoder.layers):
        raise BenchmarkError(f"{key}={number}: the encoder's layers are numbered 1 to {len(encoder.layers)}")
