"""SWA: evaluate the mean of the weights over the last part of a run, whose rate stays constant.

Izmailov et al., "Averaging Weights Leads to Wider Optima and Better Generalization", UAI 2018; for fine-tuned encoders
Lu et al., Findings of EMNLP 2022. Over the last ``part`` of the updates, rounded up,

    m <- m + (w - m) / n,    n the number of updates averaged with this one.

The mean is taken after every update, where the paper takes it after every epoch. If the rate falls to 0, the
last weights are nearly equal, so that their mean is the final weights: such a schedule is refused.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar

from benchmark.config.schema import ProtocolConfig, TaskConfig
from benchmark.errors import BenchmarkError
from benchmark.methods.common.weight_average import WeightAverage
from benchmark.step.update import Update

log = logging.getLogger(__name__)


@dataclass
class SWA(WeightAverage):
    """Evaluate the mean of the weights over the last ``part`` of the updates.

    A warning says if that is a single update: its mean is plain fine-tuning.
    """

    paper: ClassVar[str] = "Izmailov et al., UAI 2018"
    cost: ClassVar[str] = "a running mean per weight and update"
    neutral: ClassVar[dict[str, Any] | None] = {"part": 0.0}

    part: float = 0.5

    def __post_init__(self) -> None:
        if not 0 <= self.part <= 1:
            raise BenchmarkError(f"part={self.part}: must be between 0 and 1")

    def check(self, protocol: ProtocolConfig, task: TaskConfig) -> None:
        if self.part and protocol.schedule != "constant":
            raise BenchmarkError(
                f"protocol.schedule={protocol.schedule}: the rate ends at 0, so the mean of the last weights "
                "is nearly the last weights; set protocol.schedule=constant, also for the runs that it is compared with"
            )

    def share(self, number: int, total: int) -> float:
        averaged = number - total + self.window(total)
        return 1 / max(averaged, 1)

    def window(self, total: int) -> int:
        """The number of ``total`` updates that are averaged: ``part`` as it is written, rounded up."""
        return math.ceil(total * Fraction(str(self.part)))

    def after(self, update: Update) -> None:
        if not self.total and self.window(update.total) == 1:  # said once, by the first group of weights
            log.warning(
                "SWA: part=%s of %d updates is the last one alone, so its mean is plain fine-tuning; must be above 1/%d",
                self.part,
                update.total,
                update.total,
            )
        super().after(update)
