"""PATS's noise without its sensitivities: the control that PATS's tables lack.

Zhang et al., EMNLP 2022, compare PATS with plain fine-tuning, which has no noise at all. Here all weights of
a tensor get noise of one size: the mean over the tensor of PATS's sizes in the same update. Amount, places,
times and the share p of the noise stay PATS's. If PATS gains over this control, the gain comes from the
sensitivities.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from benchmark.methods.common.unit_noise import UnitNoise
from benchmark.methods.pats import PATS
from benchmark.step.update import Tensors


@dataclass
class EvenNoise(PATS):
    """Add PATS's noise with one size for all weights of a tensor.

    The hyper-parameters are PATS's. The mean standard deviation of the noise is kept, not the mean variance,
    which comes mostly from few weights.
    """

    paper: ClassVar[str] = "control for Zhang et al., EMNLP 2022"
    cost: ClassVar[str] = "a running mean per weight and update, and a draw per weight with noise"
    neutral: ClassVar[dict[str, Any] | None] = {"intensity": 0.0}
    leaves_words_alone = True

    def sizes(self, means: Tensors, noise: UnitNoise) -> Tensors:
        everywhere = super().sizes(means, UnitNoise(means))
        return [
            torch.zeros_like(unit).add_(sizes.mean())
            for unit, sizes in zip(noise.unit, everywhere, strict=True)
        ]
