"""WiSE-FT: evaluate weights between the checkpoint's and the fine-tuned ones.

Wortsman et al., "Robust Fine-tuning of Zero-shot Models", CVPR 2022, Eq. 1:

    (1 - alpha) w0 + alpha w,    0 <= alpha <= 1.

There w0 is a whole zero-shot classifier. Here a random head has no w0, nor has a pooler that the checkpoint
lacks, so only weights from the checkpoint are interpolated. Training is plain. The paper's gain is out of
domain; alpha is given, or searched by a table's `search`, which chooses without the reported set.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import nn

from benchmark.errors import BenchmarkError
from benchmark.methods.base import Method
from benchmark.methods.common.anchored import Anchored
from benchmark.methods.common.evaluated import replaced
from benchmark.methods.common.tensors import of_checkpoint
from benchmark.methods.reinit import ReInit
from benchmark.models.architecture import Encoder


@dataclass
class WiSEFT(Anchored):
    """Evaluate the checkpoint's weights at the share ``alpha`` of the way from the start.

    The start is the ``anchor``.
    """

    paper: ClassVar[str] = "Wortsman et al., CVPR 2022"
    cost: ClassVar[str] = "a copy of the start; an interpolation per evaluation"
    neutral: ClassVar[dict[str, Any] | None] = {"alpha": 1.0}
    not_captured = ""

    alpha: float = 0.5  # 1 is plain fine-tuning

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.alpha <= 1:
            raise BenchmarkError(f"alpha={self.alpha}: must be between 0 and 1")

    @property
    def exempt(self) -> dict[str, str]:
        return {"evaluation": "it evaluates other weights than it trains"}

    def conflict(self, other: Method) -> str | None:
        if isinstance(other, ReInit):
            return "blocks drawn anew have no weights of the checkpoint to interpolate with"
        return super().conflict(other)

    def pulled(self, encoder: Encoder) -> set[str]:
        return set() if self.idle else of_checkpoint(encoder)

    def evaluated(self, model: nn.Module) -> AbstractContextManager[None]:
        parameters = dict(model.named_parameters())
        between = {
            name: start.lerp(parameters[name].detach(), self.alpha) for name, start in self.anchors.items()
        }
        return replaced(model, between)
