"""What a fine-tuning leaves behind: losses, evaluations, and whether it diverged."""

from __future__ import annotations

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

NAN_CHECK_EVERY = 20  # updates; looking at every loss would wait for the device at every step


@dataclass
class Outcome:
    """What a fine-tuning left behind.

    ``curve`` has one entry per evaluation, ``losses`` (updates,) float32 the training loss of every update,
    and ``outputs`` per evaluation set what its kind keeps of every evaluation (evaluations, …): of a
    classification logits (evaluations, examples, outputs) in float32. ``probed`` is what probes have found,
    by the name in the record's arrays. ``diverged`` says after how many updates the loss was found not
    finite; ``padded`` whether padding was computed, ``attention`` which kernel computed attention,
    ``replayed`` how many updates were replayed from a graph; ``resumed`` how often it was interrupted and
    continued, and ``earlier`` how many of the seconds were spent before the last time. ``seconds`` are
    those of the fine-tuning alone.
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
    """The losses and evaluations of a run so far, written into its ``progress``."""

    def __init__(self, training: Training, progress: Progress) -> None:
        self.training, self.progress = training, progress
        self.earlier = progress.seconds
        self.diverged: int | None = None

    @property
    def done(self) -> int:
        """How many updates were made."""
        return self.progress.done

    @property
    def ends(self) -> bool:
        """Whether that was the last one."""
        return self.done == self.training.course.total

    @property
    def evaluates(self) -> bool:
        """Whether it is time to evaluate."""
        return self.done in self.training.course.evaluate_at

    def learnt(self, loss: torch.Tensor) -> None:
        """Note the ``loss`` () of one more update; now and then look whether the last ones are numbers.

        Raises: NotFiniteError if they are not.
        """
        self.progress.losses.append(loss)
        self.progress.done += 1
        if self.done % NAN_CHECK_EVERY and not self.evaluates:
            return
        if not torch.stack(self.progress.losses[-NAN_CHECK_EVERY:]).isfinite().all():  # waits for the device
            raise NotFiniteError

    def evaluate(self, tell: Tell) -> None:
        """Evaluate the model as it is now. Raises: NotFiniteError."""
        training, task = self.training, self.training.task
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
        """All of it, with what ``watch`` has found and the time it took."""
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
