"""The score on the examples a run learnt from, beside which the development score shows the gap.

Hua et al. (LNSR), NAACL 2021, Table 3.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from benchmark.finetune import evaluate, losses_of, scores_of
from benchmark.probes.base import Probe, Subject


@dataclass
class TrainingScore(Probe):
    """Every metric of the task, and the ``loss``, of the trained model on the run's training examples.

    Each a float64 scalar, scores in fractions.
    """

    paper: ClassVar[str] = "Hua et al., NAACL 2021, Table 3"

    def end(self, subject: Subject) -> dict[str, np.ndarray]:
        task = replace(subject.task, evaluation={"train": subject.task.training})
        with subject.quiet():
            logits = evaluate(subject.model, task, subject.precision, subject.device)
        found = scores_of(task, logits)["train"] | {"loss": losses_of(task, logits)["train"]}
        return {name: np.array(value) for name, value in found.items()}
