"""A run and its record: found in the store, or else validated, trained and recorded."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmark.config.identity import run_id
from benchmark.config.schema import RunConfig, as_json
from benchmark.config.validation import validate
from benchmark.errors import BenchmarkError, one_line
from benchmark.privacy import folders_in, portable_text
from benchmark.progress import Tell, silence
from benchmark.randomness import derive
from benchmark.records.record import Failure, Memory, Record, Weights
from benchmark.records.store import Store, make_writable
from benchmark.runs.device import (
    check_precision,
    check_room,
    choose_device,
    keep_quiet,
    make_reproducible,
    not_deterministic,
    out_of_memory,
    seed_shared_streams,
)
from benchmark.runs.early import check_machine
from benchmark.runs.failures import cause_of, frames
from benchmark.runs.hits import Hits, keep
from benchmark.runs.plugins import check_plugins
from benchmark.runs.result import Trained, arrays_of, now, portable, portable_command, record_of

if TYPE_CHECKING:  # a run that is already in the store needs no torch
    from benchmark.runs.memory import PeakMemory
    from benchmark.training.assemble import Training
    from benchmark.training.onlooker import Onlooker
    from benchmark.training.snapshot import Snapshot

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Run:
    """One fine-tuning: its configuration, the ``command`` to repeat it, and its table (``purpose``)."""

    config: RunConfig
    command: str = ""
    purpose: str | None = None

    @cached_property
    def id(self) -> str:
        """16 hex digits that name the run; see `benchmark.config.identity`."""
        return run_id(self.config)

    @cached_property
    def store(self) -> Store:
        """The store for its record."""
        return Store(self.config.store)


@dataclass(frozen=True)
class Ready:
    """A run ready for its first update.

    ``memory`` measures from before the model was loaded.
    """

    training: Training
    snapshot: Snapshot
    watch: Onlooker
    memory: PeakMemory
    environment: dict[str, Any]
    weights: Weights


def run(this: Run, tell: Tell = silence) -> Record:
    """Return the record of a run: from the store, or else from training it now.

    ``tell`` is the progress callback. Raises: BenchmarkError for a mistake that the user can correct; any
    other error is a bug here. An error during training leaves a failure in the store.
    """
    started, hits = time.perf_counter(), Hits(this.store)
    record = hits.find(this.config, this.id)
    new = record is None
    if record is None:
        validate(this.config)
        check_plugins(this.config)
        check_machine(this.config)
        make_writable("store", this.config.store)
        make_writable("cache", this.config.cache)
        for changed in hits.changed.values():
            log.warning(
                "%s changed since the record %s was made: it stays, and the run is made again",
                ", ".join(changed),
                this.id,
            )
        with failures_recorded(this):
            trained = train(this, tell)
            record = record_of(this.id, this.config, this.command, trained)
            arrays = arrays_of(trained)
            record.seconds.total = trained.outcome.earlier + time.perf_counter() - started
            record = this.store.add(record, arrays)
    this.store.drop_snapshot(this.id)
    track(this, record, new)
    return record


def train(this: Run, tell: Tell) -> Trained:
    """Assemble and fine-tune; a run that was interrupted continues from its snapshot.

    If an operation has no deterministic implementation, the run is made again without asking for one, and its
    record says so.
    """
    from benchmark.training.snapshot import UnusableError

    strict, anew = True, False
    while True:
        try:
            return attempt(this, strict, tell)
        except UnusableError:  # the snapshot is set aside by now: begin anew
            if anew:
                raise
            anew = True
        except RuntimeError as error:
            if refusal := out_of_memory(error):
                raise refusal from error
            operation = not_deterministic(error)
            if operation is None or not strict:
                raise
            log.warning(
                "%s has no deterministic implementation here; records say deterministic: false", operation
            )
            strict = False


def attempt(this: Run, strict: bool, tell: Tell) -> Trained:
    """Assemble and fine-tune once; nothing of an attempt that fails is kept in memory.

    Raises: UnusableError for a snapshot that does not fit, RuntimeError from torch.
    """
    from benchmark.training.loop import fine_tune

    ready = assemble(this, strict)
    outcome = fine_tune(ready.training, ready.snapshot, ready.watch, tell)
    memory = Memory(ready.memory.peak(), ready.memory.reserved())
    return Trained(ready.training.task, outcome, ready.weights, ready.environment, memory)


def assemble(this: Run, strict: bool = True) -> Ready:
    """Load data and model, make methods and probes, and put them together for training.

    ``strict`` asks for deterministic algorithms alone.
    """
    from benchmark import methods, probes, tasks
    from benchmark.models import pretrained
    from benchmark.models.vocabulary import check_texts
    from benchmark.runs import environment, memory
    from benchmark.training.assemble import assembled
    from benchmark.training.onlooker import NOBODY
    from benchmark.training.snapshot import Snapshot

    config, protocol, seed, cache = (
        this.config,
        this.config.protocol,
        this.config.seed,
        Path(this.config.cache),
    )
    device = choose_device(config.device)
    if config.replay and device.type != "cuda":
        raise BenchmarkError(
            f"replay=true needs a GPU, and this run is on {device} (device={config.device}): leave it null"
        )
    check_precision(protocol.precision, device)
    make_reproducible(config.threads, protocol.precision, strict)
    seed_shared_streams(derive(seed, "shared"))
    keep_quiet()
    tokenizer = pretrained.tokenizer(config.model, cache, len(config.task.text) > 1)
    task = tasks.load(config, tokenizer)
    memory.keep()
    used = memory.PeakMemory(device)
    model = pretrained.load(config.model, task.units, seed, cache, task.kind.head)
    check_texts(config.model.name, tokenizer, model, task.token_ids)
    chosen = methods.build(config.method)
    watch = probes.Probes(config) if config.probe else NOBODY
    check_room(model, config.model.name, device)
    model.to(device)
    methods.prepare(chosen, model, seed)
    stamp = environment.stamp(device, config.threads, protocol.precision)
    here = stamp | {"on": str(device)}  # a snapshot's tensors are restored to the device they were on
    weights = keep(config, pretrained.checkpoint(config.model, cache).folder, task.files)
    here |= {"of": [weights.digest or weights.revision, weights.tokenizer, task.stamp["digests"]]}
    snapshot = Snapshot(this.store, this.id, config.snapshot_minutes, here)
    drawn: list[str] = model.drawn  # type: ignore[assignment]  # by `pretrained.load`
    weights.drawn = drawn
    used.forget()
    training = assembled(
        model,
        task,
        chosen,
        protocol,
        seed,
        device,
        packed=config.packed,
        replay=config.replay,
        watched=watch is not NOBODY,
        cache=cache,
    )
    return Ready(training, snapshot, watch, used, stamp | {"deterministic": strict}, weights)


@contextmanager
def failures_recorded(this: Run) -> Iterator[None]:
    """Keep an error raised in the block as the run's failure in the store."""
    try:
        yield
    except Exception as error:
        try:
            this.store.add_failure(failure(this, error))
        except OSError as other:
            log.warning("%s: no failure could be recorded (%s)", this.store.folder, other)
        raise


def failure(this: Run, error: BaseException | str) -> Failure:
    """Describe the failure of a run.

    ``error`` is text for a process that died without an exception.
    """
    if isinstance(error, str):
        line, shown = error, ""
    else:
        line, shown = one_line(error) or f"{type(error).__name__}: {error}", frames(error)
    line, shown = (portable_text(text, folders_in(as_json(this.config))) for text in (line, shown))
    command = portable_command(this.config, this.command)
    return Failure(this.id, cause_of(error), line, shown, portable(this.config), command, now())


def track(this: Run, record: Record, new: bool) -> None:
    """Send a record in the store to the configuration's tracker, if it has one."""
    if this.config.tracker:
        from benchmark.runs import tracking

        arrays = this.store.arrays(record.run_id)
        tracking.track(this.config.tracker, record, arrays, this.purpose, new)
