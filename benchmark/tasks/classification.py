"""Classification of sentences and pairs, and regression: one item per example."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch.nn import functional

from benchmark.tasks.base import Examples, Inputs, Kind, Measure, scored


@dataclass(frozen=True)
class Classification(Kind):
    """An example has one of ``labels``, or a value if there are none."""

    head: ClassVar[str] = "AutoModelForSequenceClassification"
    keeps: ClassVar[str] = "logits"

    labels: list[str]

    @property
    def regression(self) -> bool:  # type: ignore[override]
        return not self.labels

    @property
    def outputs(self) -> int:
        return max(len(self.labels), 1)

    def items(self, raw: torch.Tensor, inputs: Inputs, targets: torch.Tensor) -> torch.Tensor:
        return raw

    def loss(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Mean cross-entropy, or mean squared error for a regression."""
        if self.labels:
            return functional.cross_entropy(logits.float(), targets)
        return functional.mse_loss(logits.float().squeeze(-1), targets)

    def place(self, targets: torch.Tensor, example: int) -> slice:
        return slice(example, example + 1)

    def answers(self, examples: Examples, rows: Sequence[np.ndarray]) -> np.ndarray:
        """Logits (examples, outputs) in float32."""
        return np.stack(rows)

    def predictions(self, logits: np.ndarray) -> np.ndarray:
        """The predicted class, or value, of each row of ``logits``."""
        return logits.argmax(-1) if self.labels else logits[:, 0]

    def score(self, answers: np.ndarray, examples: Examples, measure: Measure) -> dict[str, float]:
        said = self.predictions(answers)
        if examples.counts_as is not None:
            said = examples.counts_as[said]
        return scored(measure, said, examples.targets.numpy())

    def mean_loss(self, answers: np.ndarray, examples: Examples) -> float | None:
        return self.loss(torch.from_numpy(answers), examples.targets).item() if examples.labelled else None

    def collapsed(self, answers: np.ndarray) -> bool:
        return len(set(self.predictions(answers).tolist())) == 1

    def references(self, examples: Examples) -> dict[str, np.ndarray]:
        return {"targets": examples.targets.numpy()}
