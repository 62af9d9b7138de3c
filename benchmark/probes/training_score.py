"""The score on the examples a run learnt from, beside which the development score shows the gap.

Hua et al. (LNSR), NAACL 2021, Table 3.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from benchmark.errors import BenchmarkError
from benchmark.finetune import evaluate, losses_of
from benchmark.probes.base import Probe, Subject
from benchmark.tasks import Classification


@dataclass
class TrainingScore(Probe):
    """Every metric of the task, and the ``loss``, of the trained model on the run's training examples.

    Each a float64 scalar, scores in fractions. The task is a classification or a regression.
    """

    paper: ClassVar[str] = "Hua et al., NAACL 2021, Table 3"

    def begin(self, subject: Subject) -> None:
        if not isinstance(subject.task.kind, Classification):
            raise BenchmarkError(
                f"probe training_score: task {subject.task.name!r} is neither a classification nor a regression"
            )

    def end(self, subject: Subject) -> dict[str, np.ndarray]:
        task = replace(subject.task, evaluation={"train": subject.task.training})
        with subject.quiet():
            answers, scores = evaluate(subject.model, task, subject.precision, subject.device)
        found = scores["train"] | {"loss": losses_of(task, answers)["train"]}
        return {name: np.array(value) for name, value in found.items()}
