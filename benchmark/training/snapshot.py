"""The snapshot of an unfinished run, from which it continues to the same bits.

    STORE/unfinished/RUN_ID.pt      the last one; deleted once the record is written

All randomness of an update is derived from the seed and the update's number. So a snapshot holds no batch
order and no dropout masks. It holds the weights, the weights that `best_weights` keeps, Adam's moments, the
state of methods, and content for the record. It belongs to one run on one kind of machine with one version of
the code. Other snapshots are set aside.
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

from benchmark import stopping
from benchmark.records import token
from benchmark.records.record import Evaluation
from benchmark.records.store import Store
from benchmark.training.assemble import Training
from benchmark.training.best_weights import Weights, trained
from benchmark.training.clock import Clock
from benchmark.training.onlooker import Onlooker

log = logging.getLogger(__name__)

VERSION = 3
# Errors of a GPU, which say nothing about a snapshot: its tensors are put on the GPU beside those of the run
OF_THE_GPU = (torch.OutOfMemoryError, torch.AcceleratorError)


class UnusableError(Exception):
    """A snapshot does not fit its run.

    It has been set aside. Assemble the training again and begin anew.
    """


@dataclass
class Progress:
    """State of a fine-tuning: updates ``done``, their losses (), and the evaluations so far.

    ``kept``: by evaluation, the outputs of every evaluation set. ``seconds``: spent in this and earlier
    processes; ``evaluating``: the part of them spent on evaluations. ``resumed``: number of continuations.
    ``replayed``: number of replayed updates. ``best``: the weights kept, by name; see `benchmark.training.best_weights`.
    """

    done: int = 0
    losses: list[torch.Tensor] = field(default_factory=list)
    kept: list[dict[str, np.ndarray]] = field(default_factory=list)
    curve: list[Evaluation] = field(default_factory=list)
    seconds: float = 0.0
    evaluating: float = 0.0
    resumed: int = 0
    replayed: int = 0
    best: Weights = field(default_factory=dict)


class Keeping:
    """Interface for keeping a run's progress; this base class keeps nothing."""

    def restored(self, training: Training, watch: Onlooker) -> Progress | None:
        """The saved progress, with ``training`` and ``watch`` put back; None to begin anew."""
        return None

    def due(self) -> bool:
        """True if it is time to save again."""
        return False

    def take(self, progress: Progress, training: Training, watch: Onlooker, clock: Clock) -> None:
        """Save ``progress`` and everything else that a run needs to continue."""


NEVER = Keeping()


@dataclass
class Snapshot(Keeping):
    """The snapshot of run ``run_id`` in ``store``, renewed every ``minutes``; None: never.

    It is renewed before the process is stopped, too.

    ``stamp`` describes code and machine, as in the record.
    """

    store: Store
    run_id: str
    minutes: float | None
    stamp: dict[str, Any]

    def __post_init__(self) -> None:
        self.path = self.store.snapshot(self.run_id)
        self.taken = time.monotonic()

    def restored(self, training: Training, watch: Onlooker) -> Progress | None:
        """The saved progress; see `Keeping.restored`.

        Raises: UnusableError if the snapshot does not fit its run; ``training`` may then be half restored. An
        error of the GPU is raised as it is, and the snapshot stays.
        """
        saved = self.load()
        if saved is None:
            return None
        try:
            return put_back(saved, training, watch)
        except OF_THE_GPU as error:
            self.say_kept(_line(error))
            raise
        except Exception as error:
            self.set_aside(_line(error))
            raise UnusableError from error

    def due(self) -> bool:
        if stopping.asked():
            return True
        return self.minutes is not None and time.monotonic() - self.taken >= 60 * self.minutes

    def take(self, progress: Progress, training: Training, watch: Onlooker, clock: Clock) -> None:
        """Replace the snapshot; if writing fails, warn and let the run go on, unless it is to stop."""
        if self.minutes is not None:
            self.write(progress, training, watch, clock)
        stopping.obey()

    def write(self, progress: Progress, training: Training, watch: Onlooker, clock: Clock) -> None:
        """Write the snapshot in place of the last one, or warn."""
        progress.seconds, progress.evaluating = clock.elapsed, clock.evaluating
        progress.replayed = training.learner.replayed
        partial = self.path.with_name(f"{self.run_id}.{os.getpid()}.partial")
        try:
            token.opened(self.store.folder)
            self.path.parent.mkdir(exist_ok=True)
            torch.save(self.full_stamp() | state_of(progress, training, watch), partial)
            os.replace(partial, self.path)
        except (OSError, RuntimeError, token.StoreGoneError) as error:
            log.warning("%s: no snapshot could be written (%s)", self.path, _line(error))
            partial.unlink(missing_ok=True)
        self.taken = time.monotonic()

    def load(self) -> dict[str, Any] | None:
        """The last snapshot, or None; a damaged or foreign snapshot is set aside."""
        if not self.path.exists():
            return None
        try:
            saved = torch.load(self.path, weights_only=True)
            wrong = [key for key, value in self.full_stamp().items() if saved.get(key) != value]
        except OF_THE_GPU as error:
            self.say_kept(_line(error))
            raise
        except Exception as error:  # torch, zipfile and pickle raise half a dozen types
            self.set_aside(_line(error))
            return None
        if wrong:
            self.set_aside(f"its {wrong[0]} is another")
            return None
        return saved

    def full_stamp(self) -> dict[str, Any]:
        """The stamp of a snapshot; only a snapshot with an equal stamp is continued."""
        return {"version": VERSION, "run_id": self.run_id, "stamp": json.dumps(self.stamp, sort_keys=True)}

    def say_kept(self, why: str) -> None:
        """Say that the GPU could not take the snapshot, and ``why``; say how to begin anew."""
        log.warning(
            "%s: not continued from (%s); it stays, and if you delete it the run begins anew", self.path, why
        )

    def set_aside(self, why: str) -> None:
        """Move the snapshot away, with the reason ``why``; it is not deleted."""
        self.store.set_aside(self.path, f"not a snapshot to continue from ({why})")


def state_of(progress: Progress, training: Training, watch: Onlooker) -> dict[str, Any]:
    """Everything to save, in types that weights-only loading accepts; tensors are not copied."""
    return {
        "weights": trained(training.model),
        "best": progress.best,
        "optimizer": training.optimizer.state(),
        "methods": [method.state() for method in training.methods.values()],
        "watch": watch.state(),
        "done": progress.done,
        "losses": torch.stack(progress.losses),
        "kept": [
            {name: torch.from_numpy(logits) for name, logits in outputs.items()} for outputs in progress.kept
        ],
        "curve": json.dumps([asdict(entry) for entry in progress.curve]),
        "seconds": progress.seconds,
        "evaluating": progress.evaluating,
        "resumed": progress.resumed,
        "replayed": progress.replayed,
        "terms": training.learner.terms.parts,
    }


def put_back(saved: dict[str, Any], training: Training, watch: Onlooker) -> Progress:
    """Restore ``training`` and ``watch`` from ``saved``; return the progress.

    Raises: KeyError for a weight that is missing or unexpected; other errors for other damage.
    """
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
    training.learner.terms.parts.update(saved["terms"])
    return Progress(
        done=saved["done"],
        losses=list(saved["losses"].unbind()),
        kept=[{name: logits.numpy() for name, logits in outputs.items()} for outputs in saved["kept"]],
        curve=[Evaluation(**entry) for entry in json.loads(saved["curve"])],
        seconds=saved["seconds"],
        evaluating=saved["evaluating"],
        resumed=saved["resumed"] + 1,
        best=saved["best"],
    )


def _line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".split("\n")[0]
