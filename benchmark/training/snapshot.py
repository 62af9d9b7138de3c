"""The snapshot of an unfinished run, from which it continues to the same bits.

    STORE/unfinished/RUN_ID.pt      the last one; gone when the record is written

What is random in an update is derived from the seed and the update's number, so that a snapshot holds no
batch order and no dropout: only weights, moments, what methods keep, and what the record will say. It
belongs to one run on one kind of machine with one version of the code; another is not continued.
"""

from __future__ import annotations

import json
import logging
import os
import time
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch

from benchmark.records.record import Evaluation
from benchmark.records.store import Store
from benchmark.training.assemble import Training
from benchmark.training.clock import Clock
from benchmark.training.onlooker import Onlooker

log = logging.getLogger(__name__)

VERSION = 2


class UnusableError(Exception):
    """A snapshot turned out not to fit its run; it has been set aside, and the run can begin anew."""


@dataclass
class Progress:
    """How far a fine-tuning is: updates ``done``, their losses, and the evaluations so far.

    ``seconds`` is what it took in this process and those before it, ``evaluating`` the part of it that
    was no training; ``resumed`` counts how often it was continued, ``replayed`` the updates that were replayed.
    """

    done: int = 0
    losses: list[torch.Tensor] = field(default_factory=list)
    kept: list[dict[str, np.ndarray]] = field(default_factory=list)
    curve: list[Evaluation] = field(default_factory=list)
    seconds: float = 0.0
    evaluating: float = 0.0
    resumed: int = 0
    replayed: int = 0


class Keeping:
    """Whoever keeps a run's progress; this one never does."""

    def restored(self, training: Training, watch: Onlooker) -> Progress | None:
        """The progress that was kept, with ``training`` and ``watch`` as they were then; None to begin anew."""
        return None

    def due(self) -> bool:
        """Whether it is time to keep it again."""
        return False

    def take(self, progress: Progress, training: Training, watch: Onlooker, clock: Clock) -> None:
        """Keep ``progress``, and all that a run needs to go on from it."""


NEVER = Keeping()


@dataclass
class Snapshot(Keeping):
    """The snapshot of the run ``run_id`` in ``store``, renewed every ``minutes``; never if that is None.

    ``stamp`` says what code and machine it is of, as the record will.
    """

    store: Store
    run_id: str
    minutes: float | None
    stamp: dict[str, Any]

    def __post_init__(self) -> None:
        self.path = self.store.snapshot(self.run_id)
        self.taken = time.monotonic()

    def restored(self, training: Training, watch: Onlooker) -> Progress | None:
        """As `Keeping` says. Raises: UnusableError if the snapshot does not fit, half of it put back."""
        saved = self.load()
        if saved is None:
            return None
        try:
            return put_back(saved, training, watch)
        except Exception as error:
            self.set_aside(_line(error))
            raise UnusableError from error

    def due(self) -> bool:
        return self.minutes is not None and time.monotonic() - self.taken >= 60 * self.minutes

    def take(self, progress: Progress, training: Training, watch: Onlooker, clock: Clock) -> None:
        """Replace the snapshot by one of now; a full disk costs the snapshot, not the run."""
        progress.seconds, progress.evaluating = clock.elapsed, clock.evaluating
        progress.replayed = training.learner.replayed
        partial = self.path.with_name(f"{self.run_id}.{os.getpid()}.partial")
        try:
            self.path.parent.mkdir(exist_ok=True)
            torch.save(self.head() | state_of(progress, training, watch), partial)
            os.replace(partial, self.path)
        except (OSError, RuntimeError) as error:
            log.warning("%s: no snapshot could be written (%s)", self.path, _line(error))
            partial.unlink(missing_ok=True)
        self.taken = time.monotonic()

    def load(self) -> dict[str, Any] | None:
        """The last snapshot, or None; one that is damaged, or of something else, is set aside."""
        if not self.path.exists():
            return None
        try:
            saved = torch.load(self.path, weights_only=True)
            wrong = [key for key, value in self.head().items() if saved.get(key) != value]
        except Exception as error:  # torch, zipfile and pickle raise half a dozen kinds
            self.set_aside(_line(error))
            return None
        if wrong:
            self.set_aside(f"its {wrong[0]} is another")
            return None
        return saved

    def head(self) -> dict[str, Any]:
        """What a snapshot must say to be continued here."""
        return {"version": VERSION, "run_id": self.run_id, "stamp": json.dumps(self.stamp, sort_keys=True)}

    def set_aside(self, why: str) -> None:
        """Move the snapshot away; it is never deleted."""
        self.store.set_aside(self.path, f"not a snapshot to continue from ({why})")


def state_of(progress: Progress, training: Training, watch: Onlooker) -> dict[str, Any]:
    """All there is to save, in what weights-only loading can read; tensors are not copied."""
    model = training.model
    frozen = {name for name, parameter in model.named_parameters() if not parameter.requires_grad}
    return {
        "weights": {name: value for name, value in model.state_dict().items() if name not in frozen},
        "optimizer": training.optimizer.state(),
        "methods": [method.state() for method in training.methods.values()],
        "watch": watch.state(),
        "done": progress.done,
        "losses": torch.stack(progress.losses),
        "kept": [{name: torch.from_numpy(logits) for name, logits in one.items()} for one in progress.kept],
        "curve": json.dumps([asdict(entry) for entry in progress.curve]),
        "seconds": progress.seconds,
        "evaluating": progress.evaluating,
        "resumed": progress.resumed,
        "replayed": progress.replayed,
    }


def put_back(saved: dict[str, Any], training: Training, watch: Onlooker) -> Progress:
    """Make all as it was when ``saved`` was taken."""
    model = training.model
    wanted = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    if missing := sorted(wanted - set(saved["weights"])):
        raise KeyError(missing[0])
    if extra := model.load_state_dict(saved["weights"], strict=False).unexpected_keys:
        raise KeyError(extra[0])
    training.optimizer.restore(saved["optimizer"])
    for method, state in zip(training.methods.values(), saved["methods"], strict=True):
        method.restore(state)
    watch.restore(saved["watch"])
    training.learner.replayed = saved["replayed"]
    return Progress(
        done=saved["done"],
        losses=list(saved["losses"].unbind()),
        kept=[{name: logits.numpy() for name, logits in one.items()} for one in saved["kept"]],
        curve=[Evaluation(**entry) for entry in json.loads(saved["curve"])],
        seconds=saved["seconds"],
        evaluating=saved["evaluating"],
        resumed=saved["resumed"] + 1,
    )


def _line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".split("\n")[0]
