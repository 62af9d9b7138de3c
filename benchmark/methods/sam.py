"""SAM and ASAM: the gradient at the worst point near the weights.

Foret et al., "Sharpness-Aware Minimization for Efficiently Improving Generalization", ICLR 2021, Eq. 2-3; for text
Bahri et al., ACL 2022, who choose rho 0.15. With g the gradient of the batch at the weights w, over all tensors,

    e = rho * g / ||g||,    update with the gradient of the same batch at w + e.

Kwon et al., "ASAM", ICML 2021, Eq. 4, scale the neighbourhood by the size of each weight (``adaptive``):

    e = rho * T^2 g / ||T g||,    T = |w| + eta for weights, 1 for biases (the authors' code).

Both passes have the same dropout masks: the masks of a batch are drawn from its own stream. The whole loss of
an update is computed twice, including the terms of other methods; a method that draws noise in every pass
draws again. e comes from the gradient before clipping, of the whole batch (not of its micro-batches).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from benchmark.errors import BenchmarkError
from benchmark.methods.base import Method
from benchmark.step.ascent import Ascent
from benchmark.step.update import Tensors

NEVER_ZERO = 1e-12  # added to the norm, as in the authors' code


@dataclass
class SAM(Method):
    """Take every batch's gradient ``rho`` uphill of the weights.

    Only the ``adaptive`` form uses ``eta``.
    """

    paper: ClassVar[str] = "Foret et al., ICLR 2021; Kwon et al., ICML 2021 (adaptive)"
    cost: ClassVar[str] = "every pass of an update twice"
    neutral: ClassVar[dict[str, Any] | None] = {"rho": 0.0}
    not_captured = ""

    rho: float = 0.15
    adaptive: bool = False
    eta: float = 0.01

    def __post_init__(self) -> None:
        for key in ("rho", "eta"):
            value = getattr(self, key)
            if not 0 <= value < float("inf"):
                raise BenchmarkError(f"{key}={value}: must be a number of at least 0")

    def climb(self, ascent: Ascent) -> None:
        scaled = self.scaled(ascent, ascent.gradients)
        norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(scaled)))
        steps = torch._foreach_mul(self.scaled(ascent, scaled), self.rho / (norm + NEVER_ZERO))
        torch._foreach_add_(ascent.weights, steps)

    def scaled(self, ascent: Ascent, tensors: Tensors) -> Tensors:
        """T times ``tensors``."""
        if not self.adaptive:
            return tensors
        return [
            tensor * (weight.abs() + self.eta) if name.rpartition(".")[2] == "weight" else tensor
            for name, weight, tensor in zip(ascent.names, ascent.weights, tensors, strict=True)
        ]
