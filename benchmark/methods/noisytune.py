"""NoisyTune: a little noise in every pretrained weight, once, before fine-tuning.

Wu et al., "NoisyTune: A Little Noise Can Help You Finetune Pretrained Language Models Better",
ACL 2022. Section 2: W <- W + U(-lambda/2, lambda/2) * std(W), matrix by matrix, so that large and
small weights are disturbed alike. Figure 2 compares it with Gaussian noise and with one scale for all.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from transformers import PreTrainedModel

from benchmark.errors import BenchmarkError, unknown
from benchmark.methods.base import Context, Method

NOISES = ("uniform", "gaussian", "gaussian_matched")
SCALES = ("matrix", "global")
UNIFORM_STD = 12**-0.5  # the standard deviation of U(-1/2, 1/2)


@dataclass
class NoisyTune(Method):
    """Add noise to every weight of the model.

    ``noise`` is ``uniform`` (the method), ``gaussian`` (N(0, 1) in place of U(-1/2, 1/2), as the paper
    may mean) or ``gaussian_matched`` (N(0, 1/12), which has the uniform noise's variance). ``scale`` is
    ``matrix`` (each tensor's own standard deviation) or ``global`` (that of all perturbed weights
    pooled; the paper gives no formula). The paper's snippet perturbs every named parameter, the new
    head included; its multilingual runs leave token embeddings alone (section 3.1).
    """

    paper: ClassVar[str] = "Wu et al., ACL 2022"
    cost: ClassVar[str] = "one draw per weight, before training"
    neutral: ClassVar[dict[str, Any] | None] = {"intensity": 0.0}
    not_captured = ""
    leaves_words_alone = True

    intensity: float = 0.15  # lambda; 0 is plain fine-tuning
    noise: str = "uniform"
    scale: str = "matrix"
    perturb_head: bool = True
    perturb_word_embeddings: bool = True

    def __post_init__(self) -> None:
        if not 0 <= self.intensity < math.inf:
            raise BenchmarkError(f"intensity={self.intensity}: lambda must be at least 0")
        if self.noise not in NOISES:
            raise unknown("noise", self.noise, NOISES)
        if self.scale not in SCALES:
            raise unknown("scale", self.scale, SCALES)

    def perturb(self, model: PreTrainedModel, context: Context) -> None:
        if self.intensity == 0:
            return
        rng = context.stream()
        weights = list(self.weights(model))
        self.add_noise(weights, [self.draw(weight, rng) for weight in weights])

    def weights(self, model: PreTrainedModel) -> Iterator[torch.Tensor]:
        """The weights to perturb; tied ones come once."""
        words = model.get_input_embeddings().weight
        for name, weight in model.named_parameters():
            in_encoder = name.startswith(model.base_model_prefix + ".")
            if (in_encoder or self.perturb_head) and (weight is not words or self.perturb_word_embeddings):
                yield weight

    def draw(self, weight: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
        """Unit noise of the shape of ``weight``: float32 on the CPU for every device."""
        if self.noise == "uniform":
            return torch.rand(weight.shape, generator=rng) - 0.5
        return torch.randn(weight.shape, generator=rng)

    @torch.no_grad()
    def add_noise(self, weights: list[torch.Tensor], unit_noise: list[torch.Tensor]) -> None:
        """Add ``unit_noise`` to ``weights`` in place, scaled as in section 2."""
        scales = [sample_std(weight) for weight in weights]
        if self.scale == "global":
            # A constant tensor stays untouched, as the matrix-wise rule leaves it.
            pooled = pooled_std(weights)
            scales = [pooled if scale > 0 else scale for scale in scales]
        shrink = UNIFORM_STD if self.noise == "gaussian_matched" else 1.0
        for weight, noise, scale in zip(weights, unit_noise, scales, strict=True):
            weight.add_(noise.to(weight) * (self.intensity * shrink * scale))


def sample_std(weight: torch.Tensor) -> float:
    """The n-1 standard deviation of a tensor.

    0, not NaN, for a single element (the bias of STS-B's head).
    """
    return weight.std().item() if weight.numel() > 1 else 0.0


def pooled_std(weights: Iterable[torch.Tensor]) -> float:
    """The n-1 standard deviation of all ``weights`` taken as one vector."""
    return sample_std(torch.cat([weight.flatten() for weight in weights]))
