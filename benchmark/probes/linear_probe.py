"""What a linear classifier can read off every layer of a fine-tuned model, on other tasks.

Yuan et al. (HyPe), ACL 2023, Figure 3 and section 5.4. The paper trains each head by 3 epochs of gradient
steps; here a head is the ridge regression on standardised features, which has a closed form and needs no
chance, on a fixed draw of examples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from torch.nn import functional

from benchmark import tasks
from benchmark.config.schema import DataConfig, TaskConfig
from benchmark.errors import BenchmarkError, unknown
from benchmark.models import pretrained
from benchmark.probes.base import Probe, Subject, at_least_one
from benchmark.tasks import Examples, Task

POOLINGS = ("first", "mean")
SEED = 0  # of the draw of examples
WHOLE = DataConfig(name="whole")


@dataclass
class LinearProbe(Probe):
    """A linear head per layer and per task of ``tasks``, learnt on at most ``examples`` training examples (None: all).

    ``TASK/SET/METRIC`` (layers + 1,) float64 are scores in fractions, the first layer's input first, on all of
    an evaluation set. ``pooling`` is what a head sees of an example: its ``first`` token, which the model
    classifies by (XLNet's is its last), or the ``mean`` over its tokens. ``penalty`` is on the squared
    weights beside a mean squared error.
    """

    paper: ClassVar[str] = "Yuan et al., ACL 2023, Figure 3"

    tasks: dict[str, TaskConfig] = field(default_factory=dict)
    examples: int | None = 2000
    pooling: str = "first"
    penalty: float = 0.1

    def __post_init__(self) -> None:
        at_least_one("examples", self.examples)
        if not self.tasks:
            raise BenchmarkError("tasks={}: name at least one task to learn from the hidden states")
        for name, task in self.tasks.items():
            if task.kind != "classification":
                raise BenchmarkError(f"tasks.{name}: its kind is {task.kind!r}; valid: 'classification'")
        if self.pooling not in POOLINGS:
            raise unknown("pooling", self.pooling, POOLINGS)
        if not 0 < self.penalty < float("inf"):
            raise BenchmarkError(f"penalty={self.penalty}: must be above 0")

    def begin(self, subject: Subject) -> None:
        for name in self.tasks:  # what is not there is missed before anything is trained
            self.load(name, subject)

    def end(self, subject: Subject) -> dict[str, np.ndarray]:
        found: dict[str, list[float]] = {}
        for name in self.tasks:
            task = self.load(name, subject)
            drawn = self.drawn(task)
            sets = {key: examples for key, examples in task.evaluation.items() if examples.labelled}
            with subject.quiet():
                learnt = self.features(subject, task, task.training, drawn)
                asked = {
                    key: self.features(subject, task, examples, range(len(examples)))
                    for key, examples in sets.items()
                }
            wanted = task.training.targets[torch.from_numpy(drawn)]
            wanted = functional.one_hot(wanted, len(task.labels)) if task.labels else wanted[:, None]
            for layer, states in enumerate(learnt):
                of_layer = {key: states_of[layer].double() for key, states_of in asked.items()}
                answers = ridge(states.double(), wanted.double(), of_layer, self.penalty)
                for key, values in answers.items():
                    for metric, score in task.score(values.numpy(), sets[key]).items():
                        found.setdefault(f"{name}/{key}/{metric}", []).append(score)
        return {key: np.array(scores) for key, scores in found.items()}

    def load(self, name: str, subject: Subject) -> Task:
        """The whole task ``name``, tokenised for the model."""
        config = replace(subject.config, task=self.tasks[name], data=WHOLE)
        return tasks.load(config, pretrained.tokenizer(config.model, Path(config.cache)))

    def drawn(self, task: Task) -> np.ndarray:
        """Which training examples heads learn from, the same for every run."""
        total = len(task.training)
        data = replace(WHOLE, count=min(self.examples or total, total))
        return tasks.draw_subset(task.training.targets, data, SEED, bool(task.labels))

    def features(
        self, subject: Subject, task: Task, examples: Examples, indices: Sequence[int] | np.ndarray
    ) -> torch.Tensor:
        """What heads see of the examples at ``indices``: float32 (layers + 1, examples, hidden) on the CPU."""
        found = []
        for inputs, _ in subject.batches(examples, [int(index) for index in indices], task):
            states = torch.stack(subject.states(inputs))
            if self.pooling == "mean":
                states = states.sum(2) / inputs["attention_mask"].sum(1)[:, None]
            else:
                states = states[:, :, -1 if task.pad_left else 0]
            found.append(states.cpu())
        return torch.cat(found, dim=1)


def ridge(
    states: torch.Tensor, wanted: torch.Tensor, asked: dict[str, torch.Tensor], penalty: float
) -> dict[str, torch.Tensor]:
    """Answers (n, outputs) to ``asked`` (n, hidden) of a regression of ``wanted`` on ``states``.

    Features are standardised by ``states``; the offset is not penalised.
    """
    centre, size = states.mean(0), states.std(0, correction=0)
    size = torch.where(size > 0, size, 1.0)
    x, offset = (states - centre) / size, wanted.mean(0)
    gram = x.T @ x / len(x) + penalty * torch.eye(x.shape[1], dtype=x.dtype)
    weights = torch.linalg.solve(gram, x.T @ (wanted - offset) / len(x))
    return {key: ((one - centre) / size) @ weights + offset for key, one in asked.items()}
