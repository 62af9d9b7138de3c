"""Losses and evaluations of a fine-tuning, collected into its outcome."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field

import numpy as np
import torch

from benchmark.progress import Tell
from benchmark.records.record import Evaluation, Scores, Seconds
from benchmark.training import best_weights
from benchmark.training.assemble import Training
from benchmark.training.clock import Clock
from benchmark.training.evaluation import NotFiniteError, evaluate, losses_of, together
from benchmark.training.onlooker import Onlooker
from benchmark.training.snapshot import Progress

Outputs = dict[str, np.ndarray]  # by evaluation set

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
    continuation. ``terms``: by method, its term of the loss over the task's at the first update.
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
    terms: dict[str, float] = field(default_factory=dict)


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
        if self.done == 1:
            self.training.learner.terms.warn(list(self.training.methods))
        if self.done % NAN_CHECK_EVERY and not self.evaluates:
            return
        if not torch.stack(self.progress.losses[-NAN_CHECK_EVERY:]).isfinite().all():  # waits for the device
            raise NotFiniteError

    def evaluate(self, tell: Tell) -> None:
        """Evaluate the current model. Raises: NotFiniteError if an output is not finite."""
        training, task = self.training, self.training.task
        late = self.ends and training.chosen_by is not None
        names = [name for name in task.evaluation if name not in task.last_only or (self.ends and not late)]
        with ExitStack() as stack:
            for method in training.methods.values():
                stack.enter_context(method.evaluated(training.model))
            outputs, scores = self._measured(names, tell)
            self._note(outputs, scores)
            if training.chosen_by is not None and best_weights.is_best(
                self.progress.curve, training.chosen_by
            ):
                self.progress.best = best_weights.copied(training.model)
        if late:
            with best_weights.replaced(training.model, self.progress.best):
                further, scored = self._measured(
                    [name for name in task.evaluation if name in task.last_only], tell
                )
            outputs |= further
            self.progress.curve[-1].scores = together(task, scores | scored)
        training.model.train()

    def _measured(self, names: list[str], tell: Tell) -> tuple[Outputs, Scores]:
        training = self.training
        model, task, packing = training.model, training.task, training.packing
        return evaluate(model, task, training.precision, training.device, names, tell, packing)

    def _note(self, outputs: Outputs, scores: Scores) -> None:
        """Note an evaluation after the last update made."""
        per_epoch = self.training.course.per_epoch
        self.progress.kept.append(outputs)
        self.progress.curve.append(
            Evaluation(
                step=self.done,
                epoch=self.done / per_epoch,
                loss=torch.stack(self.progress.losses[-min(self.done, per_epoch) :]).mean().item(),
                losses=losses_of(self.training.task, outputs),
                scores=scores,
            )
        )

    def outcome(self, clock: Clock, watch: Onlooker) -> Outcome:
        """The outcome of the run, with the results of ``watch`` and the seconds of ``clock``."""
        every, losses = self.progress.kept, torch.stack(self.progress.losses).float().cpu().numpy()
        names = every[-1] if every else {}
        return Outcome(
            curve=self.progress.curve,
            losses=losses,
            outputs={
                name: np.stack([outputs[name] for outputs in every if name in outputs]) for name in names
            },
            probed={} if self.diverged is not None else watch.end(),
            diverged=self.diverged,
            padded=self.training.packing is None,
            attention=self.training.attention,
            replayed=self.training.learner.replayed,
            resumed=self.progress.resumed,
            earlier=self.earlier,
            terms=self.training.learner.terms.ratios(list(self.training.methods)),
            seconds=clock.seconds(watch.seconds, len(losses)),
        )
