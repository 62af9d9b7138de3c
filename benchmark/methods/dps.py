"""DPS: alternate between updates of everything and updates of a part, chosen by recent gradients.

Zhang et al., "Fine-Tuning Pre-Trained Language Models Effectively by Optimizing Subnetworks Adaptively",
NeurIPS 2022: DPS Dense. A run consists of cycles of two stages; each stage takes the share ``part`` of the
updates. In stage I all weights are updated and

    G = sum of g_t^2

is collected, anew in every cycle. In stage II the gradient becomes g * M, where M is 1 on the share ``fraction`` of every
matrix with the largest G, ties included. The matrices are those of the encoder layers; all else trains in full.

Details follow the released code, with these differences. Its 0.3 is the share that is left out, although it
calls this the reserved share. It masks and sums gradients before clipping; here both come after clipping, as
in Child-Tuning. It switches all dropout off in runs of less than 2000 updates (``dropout``). It masks the
pooler as well. `dps_mix` is the paper's other form.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from transformers import PreTrainedModel

from benchmark.errors import BenchmarkError
from benchmark.methods.base import Context, Method
from benchmark.methods.common.tensors import in_layers, is_matrix, places, selected
from benchmark.methods.no_dropout import switch_off_dropout
from benchmark.step.update import Tensors, Update


@dataclass
class DPS(Method):
    """Alternate between updating all weights and the ``fraction`` with the largest gradients.

    ``part`` is the length of a stage as a share of the run's updates.
    """

    paper: ClassVar[str] = "Zhang et al., NeurIPS 2022"
    cost: ClassVar[str] = "a running sum and a mask per weight, and a rank per weight and cycle"
    neutral: ClassVar[dict[str, Any] | None] = {"fraction": 1.0, "dropout": True}
    not_captured = "its stages are other updates"

    fraction: float = 0.7
    part: float = 0.05
    dropout: bool = False  # True keeps it on

    def __post_init__(self) -> None:
        if not 0 < self.fraction <= 1:
            raise BenchmarkError(f"fraction={self.fraction}: must be above 0 and at most 1")
        if not 0 < self.part <= 0.5:
            raise BenchmarkError(
                f"part={self.part}: must be above 0 and at most 0.5, for a cycle has two stages"
            )

    def attach(self, model: PreTrainedModel, context: Context) -> None:
        if not self.dropout:
            switch_off_dropout(model, attention=True)
        layers = in_layers(context.encoder, norms=False)
        self.names = {n for n, weight in model.named_parameters() if n in layers and is_matrix(n, weight)}
        self.sums: dict[str, torch.Tensor] = {}
        self.masks: dict[str, torch.Tensor] = {}

    def gradient(self, update: Update) -> None:
        indices = [] if self.fraction == 1 else places(update, self.names)
        if not indices:
            return
        names, gradients = [update.names[index] for index in indices], selected(update.gradients, indices)
        length, place = self.place(update.number, update.total)
        if place < length:
            self.collect(names, gradients, begins=place == 0)
            return
        if place == length:
            self.masks |= {name: self.largest(self.sums[name]) for name in names}
        torch._foreach_mul_(gradients, [self.masks[name] for name in names])

    def place(self, number: int, total: int) -> tuple[int, int]:
        """The length of a stage, and an update's place in its cycle.

        ``number`` counts updates from 1, and places count from 0.
        """
        length = max(1, int(total * self.part))
        return length, (number - 1) % (2 * length)

    def collect(self, names: list[str], gradients: Tensors, begins: bool) -> None:
        """Add the squares of ``gradients`` to the sums, which start at 0 in every cycle."""
        for name, gradient in zip(names, gradients, strict=True):
            if begins or name not in self.sums:
                self.sums[name] = gradient.square()
            else:
                self.sums[name].addcmul_(gradient, gradient)

    def largest(self, sums: torch.Tensor) -> torch.Tensor:
        """A mask of the shape of ``sums``: True at the largest, ``fraction`` of all."""
        kept = math.ceil(sums.numel() * self.fraction)
        return sums >= sums.flatten().kthvalue(sums.numel() - kept + 1).values
