"""Label smoothing: learn targets that are a little uniform.

Szegedy et al., "Rethinking the Inception Architecture for Computer Vision", CVPR 2016, section 7. With K classes and
share e, the target of an item is (1 - e) for its label plus e / K for every class, so that the loss is

    (1 - e) CE(p, y) + e mean_c(-log p_c).

Only training uses this loss. Evaluations report the plain cross-entropy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from benchmark.config.schema import ProtocolConfig, TaskConfig
from benchmark.errors import BenchmarkError
from benchmark.methods.base import Method
from benchmark.methods.common.divergences import at_least_float32
from benchmark.methods.common.suits import check_classes
from benchmark.step.passes import Step


@dataclass
class LabelSmoothing(Method):
    """Move the share ``smoothing`` of every target from its label to all classes."""

    paper: ClassVar[str] = "Szegedy et al., CVPR 2016"
    cost: ClassVar[str] = "none"
    neutral: ClassVar[dict[str, Any] | None] = {"smoothing": 0.0}
    not_captured = ""
    leaves_words_alone = True

    smoothing: float = 0.1

    def __post_init__(self) -> None:
        if not 0 <= self.smoothing <= 1:
            raise BenchmarkError(f"smoothing={self.smoothing}: must be between 0 and 1")

    def check(self, protocol: ProtocolConfig, task: TaskConfig) -> None:
        if self.smoothing:
            check_classes(task, ("classification", "tagging"), "label smoothing needs classes")

    def task_loss(self, step: Step) -> torch.Tensor | None:
        if not self.smoothing:
            return None
        uniform = -at_least_float32(step.logits).log_softmax(-1).mean()
        return (1 - self.smoothing) * step.task_loss() + self.smoothing * uniform
