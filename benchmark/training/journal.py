"""Losses and evaluations of a fine-tuning, collected into its outcome."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field

import numpy as np
import torch

from benchmark.progress import Tell
from benchmark.records.record import Evaluation, Seconds
from benchmark.training.assemble import Training
from benchmark.training.clock import Clock
from benchmark.training.evaluation import NotFiniteError, evaluate, losses_of
from benchmark.training.onlooker import Onlooker
from benchmark.training.snapshot import Progress

NAN_CHECK_EVERY = 20  # updates; looking at every loss would wait for the device at every update


@dataclass
class Outcome:
    """The result of a fine-tuning.

    ``seconds``: of the fine-tuning alone. ``curve``: one entry per evaluation. ``losses``: (updates,)
    float32, the training loss of every update. ``outputs``: by evaluation set, the outputs that its kind of
    task keeps (evaluations, …); for classification logits (evaluations, examples, outputs) in float32.
    ``probed``: results of probes, by their name in the record's arrays. ``diverged``: number of updates
    after which a loss or an output was found not finite; None: never. ``padded``: padding was computed.
    ``attention``: name of the attention kernel. ``replayed``: number of updates replayed from a graph.
    ``resumed``: number of times that the run was continued. ``earlier``: seconds spent before the last
    continuation.
    """

    seconds: Seconds
    curve: list[Evaluation] = field(default_factory=list)
    losses: np.ndarray = field(default_factory=lambda: np.empty(0, np.float32))
    outputs: dict[str, np.ndarray] = field(default_factory=dict)
    probed: dict[str, np.ndarray] = field(default_factory=dict)
    diverged: int | None = None
    padded: bool = True
    attention: str = ""
    replayed: int = 0
    resumed: int = 0
    earlier: float = 0.0


class Journal:
    """Writer of a run's losses and evaluations into its ``progress``."""

    def __init__(self, training: Training, progress: Progress) -> None:
        self.training, self.progress = training, progress
        self.earlier = progress.seconds
        self.diverged: int | None = None

    @property
    def done(self) -> int:
        """Number of updates made."""
        return self.progress.done

    @property
    def ends(self) -> bool:
        """True after the last update of the run."""
        return self.done == self.training.course.total

    @property
    def evaluates(self) -> bool:
        """True if an evaluation is due now."""
        return self.done in self.training.course.evaluate_at

    def learnt(self, loss: torch.Tensor) -> None:
        """Note the ``loss`` () of one more update.

        Recent losses are checked every 20 updates and before an evaluation. Raises: NotFiniteError if one of
        them is not finite.
        """
        self.progress.losses.append(loss)
        self.progress.done += 1
        if self.done % NAN_CHECK_EVERY and not self.evaluates:
            return
        if not torch.stack(self.progress.losses[-NAN_CHECK_EVERY:]).isfinite().all():  # waits for the device
            raise NotFiniteError

    def evaluate(self, tell: Tell) -> None:
        """Evaluate the current model. Raises: NotFiniteError if an output is not finite."""
        training, task = self.training, self.training.task
        with ExitStack() as stack:
            for method in training.methods.values():
                stack.enter_context(method.evaluated(training.model))
            outputs, scores = evaluate(
                training.model,
                task,
                training.precision,
                training.device,
                self.ends,
                tell,
                training.packing,
            )
        self.progress.kept.append(outputs)
        recent = self.progress.losses[-min(self.done, training.course.per_epoch) :]
        self.progress.curve.append(
            Evaluation(
                step=self.done,
                epoch=self.done / training.course.per_epoch,
                loss=torch.stack(recent).mean().item(),
                losses=losses_of(task, outputs),
                scores=scores,
            )
        )
        training.model.train()

    def outcome(self, clock: Clock, watch: Onlooker) -> Outcome:
        """The outcome of the run, with the results of ``watch`` and the seconds of ``clock``."""
        kept, losses = self.progress.kept, torch.stack(self.progress.losses).float().cpu().numpy()
        names = kept[-1] if kept else {}
        return Outcome(
            curve=self.progress.curve,
            losses=losses,
            outputs={
                name: np.stack([outputs[name] for outputs in kept if name in outputs]) for name in names
            },
            probed={} if self.diverged is not None else watch.end(),
            diverged=self.diverged,
            padded=self.training.packing is None,
            attention=self.training.attention,
            replayed=self.training.learner.replayed,
            resumed=self.progress.resumed,
            earlier=self.earlier,
            seconds=clock.seconds(watch.seconds, len(losses)),
        )
