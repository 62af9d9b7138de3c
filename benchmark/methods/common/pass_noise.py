"""Noise in every training pass from one stream, for NEFTune and hidden states."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from transformers import PreTrainedModel

from benchmark.methods.base import Context, Method


@dataclass
class PassNoise(Method):
    """A method whose noise is drawn anew in every training pass."""

    @property
    def exempt(self) -> dict[str, str]:
        return {"accumulation": "every pass of every part of a batch has noise of its own"}

    def attach(self, model: PreTrainedModel, context: Context) -> None:
        self.context = context
        self.rng: torch.Generator | None = None

    def stream_on(self, device: torch.device) -> torch.Generator:
        """The stream of the noise, made on ``device`` with the first draw."""
        if self.rng is None:
            self.rng = self.context.stream(device=device)
        return self.rng
