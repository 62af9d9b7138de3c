"""RIFLE: draw the head anew several times during a run, so that the encoder goes on learning.

Li et al., "RIFLE: Backpropagation in Depth for Deep Transfer Learning through Re-Initializing the
Fully-connected LayEr", ICML 2020. A trained head passes only small gradients down, so the layers below hardly
change. A run of n cycles of equal length has a new head at the beginning of each,

    W ~ N(0, std^2),    biases 0,

drawn as the first one was. The schedule does not restart. The optimiser's state of the head does restart
(moments and bias correction), since the old head's moments do not fit the new head. The released code draws
weights and biases with std sqrt(2 / inputs), keeps the momentum, and draws no head in the last eighth of a
run. With at most eight cycles, no cycle begins there. The paper is about images; the best of 2, 3 and 4
cycles is reported.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from transformers import PreTrainedModel

from benchmark.errors import BenchmarkError
from benchmark.methods.base import Context, Method
from benchmark.methods.common.weight_average import WeightAverage
from benchmark.methods.mixout import Mixout
from benchmark.methods.prior_wd import PriorWD
from benchmark.methods.r3f import R3F
from benchmark.methods.smart import SMART


@dataclass
class RIFLE(Method):
    """Draw the head anew at the beginning of each of ``cycles`` except the first."""

    paper: ClassVar[str] = "Li et al., ICML 2020"
    cost: ClassVar[str] = "none"
    neutral: ClassVar[dict[str, Any] | None] = {"cycles": 1}
    not_captured = "its head is drawn anew between updates"

    cycles: int = 3
    std: float = 0.02

    def __post_init__(self) -> None:
        if self.cycles < 1:
            raise BenchmarkError(f"cycles={self.cycles}: must be at least 1, which draws no head anew")
        if not 0 <= self.std < float("inf"):
            raise BenchmarkError(f"std={self.std}: a standard deviation must be at least 0")

    def conflict(self, other: Method) -> str | None:
        if isinstance(other, WeightAverage):
            return "a mean over updates would be of heads that were drawn apart"
        if isinstance(other, Mixout) and other.modules == "all_linear":
            return "a new head would be mixed with the first; set Mixout's modules=encoder"
        if isinstance(other, SMART) and other.mu:
            return "SMART's average would be of heads that were drawn apart; set SMART's mu=0"
        if isinstance(other, PriorWD) and other.fidelity == "released":
            return "a new head would be pulled to the first; set PriorWD's fidelity=paper"
        if isinstance(other, R3F) and other.spectral_head:
            return "R4F's largest singular value follows a head by small steps, and a new head is far from the last"
        return None

    def attach(self, model: PreTrainedModel, context: Context) -> None:
        self.context = context
        self.norms = context.encoder.layer_norms()

    def restarts(self, name: str, total: int) -> tuple[int, ...]:
        if not self.context.encoder.in_head(name):
            return ()
        firsts = {round(total * cycle / self.cycles) + 1 for cycle in range(1, self.cycles)}
        return tuple(sorted(firsts - {1, total + 1}))

    @torch.no_grad()
    def begin(self, number: int, total: int) -> None:
        rng = self.context.stream("head", number)
        for name, weight in self.context.encoder.model.named_parameters():
            if number not in self.restarts(name, total):
                continue
            if weight.ndim >= 2:
                weight.copy_(self.draw(weight, rng), non_blocking=True)
            else:
                weight.fill_(1.0 if name in self.norms and name.endswith("weight") else 0.0)

    def draw(self, weight: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
        """N(0, std^2) of the shape of ``weight``, float32 on the CPU for every device."""
        return self.std * torch.randn(weight.shape, generator=rng)
