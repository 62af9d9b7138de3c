"""Flooding: keep the training loss at a level above 0.

Ishida et al., "Do We Need Zero Training Loss After Achieving Zero Training Error?", ICML 2020, Eq. 3. The loss L of a batch
becomes

    |L - b| + b,

whose gradient changes its sign below the level b. Only the task's loss is flooded, not the terms of other
methods.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from benchmark.config.schema import ProtocolConfig, TaskConfig
from benchmark.errors import BenchmarkError
from benchmark.methods.base import Method
from benchmark.methods.common.suits import check_whole_batches
from benchmark.step.passes import Step


@dataclass
class Flooding(Method):
    """Descend the loss of a batch above ``level``, and climb it below."""

    paper: ClassVar[str] = "Ishida et al., ICML 2020"
    cost: ClassVar[str] = "none"
    neutral: ClassVar[dict[str, Any] | None] = {"level": 0.0}
    not_captured = ""
    leaves_words_alone = True

    level: float = 0.1

    def __post_init__(self) -> None:
        if not 0 <= self.level < float("inf"):
            raise BenchmarkError(f"level={self.level}: must be at least 0")

    @property
    def exempt(self) -> dict[str, str]:
        return {
            "accumulation": "a batch is above or below the level as a whole, so micro-batches are refused"
        }

    def check(self, protocol: ProtocolConfig, task: TaskConfig) -> None:
        if self.level:
            check_whole_batches(protocol, "flooding needs the loss of a whole batch")

    def task_loss(self, step: Step) -> torch.Tensor | None:
        return (step.task_loss() - self.level).abs() + self.level if self.level else None
