"""R-Drop: two passes with different dropout shall agree.

Liang et al., "R-Drop: Regularized Dropout for Neural Networks", NeurIPS 2021 (arXiv 2106.14448).
Section 2.1: per example CE_1 + CE_2 + alpha (KL(p_1 || p_2) + KL(p_2 || p_1)) / 2; for a regression
MSE_1 + MSE_2 + alpha MSE(1, 2) (section 3.3). The paper doubles the batch, which is the same as a
second pass with masks of its own, and so is done here where the dropout of either stays its own.

The released code (dropreg/R-Drop) disagrees with the paper and with itself: everywhere the KLs are
summed over the batch while cross-entropies are averaged, so that the strength grows with the batch; the
README averages the two cross-entropies; the transformers fork sums them for BERT (alpha fixed to 0.5;
1 for a regression) and keeps half of the first one for RoBERTa (0.7; 0.8), its loop being lost.

Of a tagging the classes of every labelled word are compared, of answers the distributions of their starts
and of their ends over a window's real tokens; means and sums are then over these in place of examples.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from benchmark.errors import BenchmarkError, unknown
from benchmark.methods.base import Method, overrides
from benchmark.methods.common.divergences import squared_error, symmetric_kl
from benchmark.step.doubling import FurtherPass
from benchmark.step.passes import Step

KL_REDUCTIONS = ("mean", "sum")
# How much of the first and second pass's task loss is added to the first's, which is there already.
CE_REDUCTIONS = {"sum": (0.0, 1.0), "mean": (-0.5, 0.5), "first": (-0.5, 0.0)}


@dataclass
class RDrop(Method):
    """Add the task loss of a second pass and ``alpha`` times the disagreement of the two.

    ``kl_reduction`` is over the examples of a batch: ``mean`` (the paper) or ``sum`` (all released forms).
    ``ce_reduction`` is over the two passes: ``sum`` (the paper), ``mean`` (README) or ``first`` (half of
    the first pass's alone, as the released RoBERTa). ``regression_alpha`` is alpha where the task is a
    regression; null is the same alpha.

    With alpha 0 two passes remain: the loss is CE_1 + CE_2, not plain fine-tuning's CE_1. Batches, head
    and the dropout of the first pass are those of plain fine-tuning at any alpha.
    """

    paper: ClassVar[str] = "Liang et al., NeurIPS 2021"
    cost: ClassVar[str] = "+1 pass"
    not_captured = ""

    alpha: float = 1.0
    kl_reduction: str = "mean"
    ce_reduction: str = "sum"
    regression_alpha: float | None = None

    def conflict(self, other: Method) -> str | None:
        if overrides(other, "task_loss"):
            return f"R-Drop's loss holds the task loss of the clean pass, which {type(other).__name__} does away with"
        return None

    def __post_init__(self) -> None:
        for name in ("alpha", "regression_alpha"):
            if (value := getattr(self, name)) is not None and value < 0:
                raise BenchmarkError(f"{name}={value}: must be at least 0")
        if self.kl_reduction not in KL_REDUCTIONS:
            raise unknown("kl_reduction", self.kl_reduction, KL_REDUCTIONS)
        if self.ce_reduction not in CE_REDUCTIONS:
            raise unknown("ce_reduction", self.ce_reduction, CE_REDUCTIONS)

    @property
    def exempt(self) -> dict[str, str]:
        return {"neutral": "two passes are trained on, whatever alpha is"}

    def beside(self, step: Step) -> FurtherPass:
        return FurtherPass("independent", "rdrop")

    def loss(self, step: Step) -> torch.Tensor:
        second, _ = step.further(self.beside(step))
        of_first, of_second = CE_REDUCTIONS[self.ce_reduction]
        passes = of_first * step.task_loss() + of_second * step.task_loss(second)
        return passes + self.disagreement(step, second)

    def disagreement(self, step: Step, second: torch.Tensor) -> torch.Tensor:
        """alpha times how far the two passes are apart."""
        if step.task.regression:
            alpha = self.alpha if self.regression_alpha is None else self.regression_alpha
            return alpha * squared_error(step.logits, second).mean()
        halves = symmetric_kl(step.logits, second) / 2
        if self.kl_reduction == "sum":
            # A part counts by its share, which a sum over the whole batch must not.
            return self.alpha * halves.sum() / step.share
        return self.alpha * halves.mean()
