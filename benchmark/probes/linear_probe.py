"""Scores of linear heads on every layer of a fine-tuned model, on other tasks.

Yuan et al. (HyPe), ACL 2023, Figure 3, section 5.4 and appendix C.2. The paper trains each head by 3 epochs of
gradient steps at rate 1e-3 in batches of 16, and names no optimiser: here Adam, from weights of 0. A ridge regression on
standardised features is the other solver: it has a closed form and involves no chance.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
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
from benchmark.training.course import batches

POOLINGS, SOLVERS = ("first", "mean"), ("steps", "ridge")
SEED = 0  # seed of the choice of examples and of their order
WHOLE = DataConfig(name="whole")


@dataclass
class LinearProbe(Probe):
    """A linear head per layer and per task of ``tasks``.

    It is learnt on at most ``examples`` training examples (None: all). ``TASK/SET/METRIC`` (layers + 1,)
    float64 are scores in fractions on all of an evaluation set, the first layer's input first. ``pooling``: a
    head sees the ``first`` token of an example, by which the model classifies (XLNet's is its last), or the
    ``mean`` over its tokens. ``solver``: ``steps`` are ``epochs`` of Adam at ``learning_rate`` in batches of
    ``batch_size`` on the task's own loss; ``ridge`` has a ``penalty`` on the squared weights beside a mean squared error.
    """

    paper: ClassVar[str] = "Yuan et al., ACL 2023, Figure 3"

    tasks: dict[str, TaskConfig] = field(default_factory=dict)
    examples: int | None = None
    pooling: str = "first"
    solver: str = "steps"
    learning_rate: float = 1e-3
    epochs: int = 3
    batch_size: int = 16
    penalty: float = 0.1

    def __post_init__(self) -> None:
        at_least_one("examples", self.examples)
        if not self.tasks:
            raise BenchmarkError("tasks={}: name at least one task for the linear heads")
        for name, task in self.tasks.items():
            if task.kind != "classification":
                raise BenchmarkError(f"tasks.{name}: its kind is {task.kind!r}; valid: 'classification'")
        if self.pooling not in POOLINGS:
            raise unknown("pooling", self.pooling, POOLINGS)
        if self.solver not in SOLVERS:
            raise unknown("solver", self.solver, SOLVERS)
        at_least_one("epochs", self.epochs)
        at_least_one("batch_size", self.batch_size)
        for key in ("learning_rate", "penalty"):
            if not 0 < getattr(self, key) < float("inf"):
                raise BenchmarkError(f"{key}={getattr(self, key)}: must be above 0")

    def begin(self, subject: Subject) -> None:
        for name in self.tasks:  # refuse missing data before anything is trained
            self.load(name, subject)

    def end(self, subject: Subject) -> dict[str, np.ndarray]:
        scores: dict[str, list[float]] = {}
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
            for key, predicted in self.predictions(task, learnt, wanted, asked).items():
                for of_layer in predicted.numpy():
                    for metric, score in task.score(of_layer, sets[key]).items():
                        scores.setdefault(f"{name}/{key}/{metric}", []).append(score)
        return {key: np.array(by_layer) for key, by_layer in scores.items()}

    def predictions(
        self, task: Task, learnt: torch.Tensor, wanted: torch.Tensor, asked: dict[str, torch.Tensor]
    ) -> dict[str, torch.Tensor]:
        """The outputs of all heads, (layers + 1, n, outputs), by the keys of ``asked``.

        They learn the targets ``wanted`` (examples,) from ``learnt`` (layers + 1, examples, hidden), and
        predict for the states (layers + 1, n, hidden) in ``asked``.
        """
        if self.solver == "steps":
            heads = by_steps(learnt, wanted, task, self.learning_rate, self.epochs, self.batch_size)
            return {key: heads(states) for key, states in asked.items()}
        wanted = functional.one_hot(wanted, len(task.labels)) if task.labels else wanted[:, None]
        outputs: dict[str, list[torch.Tensor]] = {key: [] for key in asked}
        for layer, states in enumerate(learnt):
            of_layer = {key: states_of[layer].double() for key, states_of in asked.items()}
            for key, values in ridge(states.double(), wanted.double(), of_layer, self.penalty).items():
                outputs[key].append(values)
        return {key: torch.stack(by_layer) for key, by_layer in outputs.items()}

    def load(self, name: str, subject: Subject) -> Task:
        """The whole task ``name``, tokenised for the model."""
        config = replace(subject.config, task=self.tasks[name], data=WHOLE)
        return tasks.load(config, pretrained.tokenizer(config.model, Path(config.cache)))

    def drawn(self, task: Task) -> np.ndarray:
        """The training examples of the heads, the same for every run."""
        total = len(task.training)
        data = replace(WHOLE, count=min(self.examples or total, total))
        return tasks.draw_subset(task.training.targets, data, SEED, bool(task.labels))

    def features(
        self, subject: Subject, task: Task, examples: Examples, indices: Sequence[int] | np.ndarray
    ) -> torch.Tensor:
        """The inputs of the heads from the examples at ``indices``.

        float32 (layers + 1, examples, hidden) on the CPU.
        """
        features = []
        for inputs, _ in subject.batches(examples, [int(index) for index in indices], task):
            states = torch.stack(subject.states(inputs))
            if self.pooling == "mean":
                states = states.sum(2) / inputs["attention_mask"].sum(1)[:, None]
            else:
                states = states[:, :, -1 if task.pad_left else 0]
            features.append(states.cpu())
        return torch.cat(features, dim=1)


def by_steps(
    states: torch.Tensor, wanted: torch.Tensor, task: Task, rate: float, epochs: int, size: int
) -> Callable[[torch.Tensor], torch.Tensor]:
    """Learn a head per layer of ``states`` (layers, n, hidden) by Adam; return the heads as one function.

    The heads learn at once and do not know of each other: their losses are added. The order of the examples is that of
    the stream ``order``, the same for all layers.
    """
    layers, count, width = states.shape
    with torch.enable_grad():
        weights = torch.zeros(layers, width, task.units, requires_grad=True)
        offsets = torch.zeros(layers, 1, task.units, requires_grad=True)
        adam = torch.optim.Adam([weights, offsets], rate)
        for indices in batches(count, size, epochs * math.ceil(count / size), SEED):
            logits = torch.baddbmm(offsets, states[:, indices], weights)
            loss = torch.stack([task.loss(of_layer, wanted[indices]) for of_layer in logits]).sum()
            adam.zero_grad()
            loss.backward()
            adam.step()
    return lambda asked: torch.baddbmm(offsets.detach(), asked, weights.detach())


def ridge(
    states: torch.Tensor, wanted: torch.Tensor, asked: dict[str, torch.Tensor], penalty: float
) -> dict[str, torch.Tensor]:
    """Predict outputs (n, outputs) for ``asked`` (n, hidden) by a ridge regression.

    It regresses ``wanted`` on ``states``. Features are standardised by ``states``; the offset is not
    penalised.
    """
    centre, size = states.mean(0), states.std(0, correction=0)
    size = torch.where(size > 0, size, 1.0)
    x, offset = (states - centre) / size, wanted.mean(0)
    gram = x.T @ x / len(x) + penalty * torch.eye(x.shape[1], dtype=x.dtype)
    weights = torch.linalg.solve(gram, x.T @ (wanted - offset) / len(x))
    return {key: ((features - centre) / size) @ weights + offset for key, features in asked.items()}
