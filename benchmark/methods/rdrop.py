"""R-Drop: make two passes with different dropout agree.

Liang et al., "R-Drop: Regularized Dropout for Neural Networks", NeurIPS 2021 (arXiv 2106.14448). Section 2.1:
per example CE_1 + CE_2 + alpha (KL(p_1 || p_2) + KL(p_2 || p_1)) / 2; for a regression MSE_1 + MSE_2 + alpha
MSE(1, 2) (section 3.3). The paper doubles the batch, which equals a second pass with masks of its own. Here
the batch is doubled only if each half can keep its own dropout.

The released code (dropreg/R-Drop) disagrees with the paper and with itself. In all its forms the KLs are
summed over the batch while cross-entropies are averaged, so that the strength grows with the batch. The
README averages the two cross-entropies. The transformers fork sums them for BERT (alpha fixed to 0.5; 1 for a
regression) and keeps half of the first one for RoBERTa (0.7; 0.8); its training loop is lost.

In tagging, the classes of every labelled word are compared; in question answering, the distributions of
starts and of ends over a window's real tokens. Means and sums are then over these in place of examples.
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
# Shares of the two passes' task losses to add; the first pass's loss is already in the sum.
CE_REDUCTIONS = {"sum": (0.0, 1.0), "mean": (-0.5, 0.5), "first": (-0.5, 0.0)}


@dataclass
class RDrop(Method):
    """Add the second pass's task loss and ``alpha`` times the disagreement of both passes.

    ``kl_reduction`` is over the examples of a batch: ``mean`` (the paper) or ``sum`` (all released forms).
    ``ce_reduction`` is over the two passes: ``sum`` (the paper), ``mean`` (README) or ``first`` (half of the
    first pass's alone, as the released RoBERTa). ``regression_alpha`` is the alpha of regression tasks; null
    is the same alpha.

    With alpha 0 two passes remain: the loss is CE_1 + CE_2, not plain fine-tuning's CE_1. Batches, head and
    the dropout of the first pass are those of plain fine-tuning at any alpha.
    """

    paper: ClassVar[str] = "Liang et al., NeurIPS 2021"
    cost: ClassVar[str] = "+1 pass"
    not_captured = ""
    leaves_words_alone = True

    alpha: float = 1.0
    kl_reduction: str = "mean"
    ce_reduction: str = "sum"
    regression_alpha: float | None = None

    def conflict(self, other: Method) -> str | None:
        if overrides(other, "task_loss"):
            return (
                f"R-Drop's loss holds the task loss of the clean pass, which {type(other).__name__} replaces"
            )
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
        return {"neutral": "two passes are trained on at any alpha"}

    def beside(self, step: Step) -> FurtherPass:
        return FurtherPass("independent", "rdrop")

    def loss(self, step: Step) -> torch.Tensor:
        second, _ = step.further(self.beside(step))
        of_first, of_second = CE_REDUCTIONS[self.ce_reduction]
        passes = of_first * step.task_loss() + of_second * step.task_loss(second)
        return passes + self.disagreement(step, second)

    def disagreement(self, step: Step, second: torch.Tensor) -> torch.Tensor:
        """alpha times the disagreement of the two passes."""
        if step.task.regression:
            alpha = self.alpha if self.regression_alpha is None else self.regression_alpha
            return alpha * squared_error(step.logits, second).mean()
        halves = symmetric_kl(step.logits, second) / 2
        if self.kl_reduction == "sum":
            # The caller weights a part by its share; a sum over the batch must not be weighted.
            return self.alpha * halves.sum() / step.share
        return self.alpha * halves.mean()
