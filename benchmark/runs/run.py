"""A run and its record: validated, and found in the store, or else trained and recorded."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmark import stopping
from benchmark.config.targets import no_exit
from benchmark.config.validation import validate
from benchmark.progress import COMPILING, IMPORTING, IN_STORE, LOADING, Tell, heard_by, silence
from benchmark.randomness import derive
from benchmark.records.disk import make_writable
from benchmark.records.lease import Lease
from benchmark.records.record import Memory, Record, Weights
from benchmark.runs import own_code
from benchmark.runs.device import (
    check_precision,
    check_replay,
    choose_device,
    keep_quiet,
    make_reproducible,
    not_deterministic,
    seed_shared_streams,
)
from benchmark.runs.early import check_machine
from benchmark.runs.failures import failures_recorded
from benchmark.runs.gpu_memory import check_training, check_weights, out_of_memory
from benchmark.runs.hits import Hits, keep
from benchmark.runs.leased import leased
from benchmark.runs.noted import noted
from benchmark.runs.plugins import check_plugins, check_trackers
from benchmark.runs.request import Run
from benchmark.runs.result import Trained, arrays_of, record_of
from benchmark.runs.tracking import Tracking, tracked
from benchmark.runs.uncollected import uncollected

if TYPE_CHECKING:  # a run that is already in the store needs no torch
    from benchmark.runs.memory import PeakMemory
    from benchmark.training.assemble import Training
    from benchmark.training.listener import Listener
    from benchmark.training.onlooker import Onlooker
    from benchmark.training.snapshot import Snapshot

log = logging.getLogger(__name__)


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
    own_code: dict[str, str]


def run(this: Run, tell: Tell = silence, wait: bool = True) -> Record:
    """Return the record of a run: from the store, or else from training it now.

    ``tell`` is the progress callback. If another process makes the run now, ``wait`` for it. Raises:
    BenchmarkError for a mistake that the user can correct, ElsewhereError in place of waiting; any other error
    is a bug here. An error during training leaves a failure in the store.
    """
    with tracked(this.config.tracker) as tracking:
        record, new = found_or_made(this, tell, wait, tracking)
        if not new:
            tell(IN_STORE, 0, 0)
        this.store.drop_snapshot(this.id)
        tracking.track(record, lambda: this.store.arrays(record.run_id), this.purpose, new)
    return record


def found_or_made(this: Run, tell: Tell, wait: bool, tracking: Tracking) -> tuple[Record, bool]:
    """The record of a run, and True if it was made now. Raises: see `run`."""
    # In the store or not: what is wrong is said, also where it is no part of the run's id
    validate(this.config)
    check_trackers([this.config])
    check_machine(this.config)
    record = Hits(this.store).find(this.config, this.id)
    if record is not None:
        return record, False
    check_plugins(this.config)
    this.store.open()
    make_writable("cache", this.config.cache)
    with leased(this, wait) as lease:
        hits = Hits(this.store)
        record = hits.find(this.config, this.id)  # another process may have made it meanwhile
        if record is not None:
            return record, False
        say_changed(this, hits)
        tracking.follow(this)
        return train_and_record(this, tell, lease, tracking), True


def train_and_record(this: Run, tell: Tell, lease: Lease, listener: Listener) -> Record:
    """Train a run and add it to its store."""
    started = time.perf_counter()
    with failures_recorded(this), noted(this, tell) as telling, stopping.deferred(), no_exit():
        trained = train(this, telling, listener)
        record = record_of(this.id, this.config, this.command, trained)
        arrays = arrays_of(trained)
        record.seconds.total = trained.outcome.earlier + time.perf_counter() - started
        if lease.lost():
            log.warning("%s: another process began it too, as this one had been silent", this.id)
        record = this.store.add(record, arrays)
        this.store.drop_snapshot(this.id)  # before a pending signal ends this block
        return record


def say_changed(this: Run, hits: Hits) -> None:
    """Say why a run that has a record is made again."""
    for changed in hits.changed.values():
        log.warning(
            "%s changed since the record %s was made: it stays, and the run is made again",
            ", ".join(changed),
            this.id,
        )


def train(this: Run, tell: Tell, listener: Listener) -> Trained:
    """Assemble and fine-tune; a run that was interrupted continues from its snapshot.

    If an operation has no deterministic implementation, the run is made again without asking for one, and its
    record says so. If the GPU is full beside graphs that nobody asked for, it is made again without them.
    """
    with uncollected():
        from benchmark.runs import memory
        from benchmark.training import captures
        from benchmark.training.snapshot import UnusableError  # and with it torch, transformers, datasets

    strict, anew = True, False
    while True:
        try:
            return attempt(this, strict, tell, listener)
        except UnusableError:  # the snapshot is set aside by now: begin anew
            if anew:
                raise
            anew = True
        except RuntimeError as error:
            operation = not_deterministic(error)
            if refusal := out_of_memory(error):
                if this.config.replay is not None or not captures.held():
                    raise refusal from error
                log.warning(
                    "CUDA out of memory: graphs take memory of their own; the run is tried again with replay=false"
                )
                this = replace(this, config=replace(this.config, replay=False))
            elif operation is None or not strict:
                raise
            else:
                log.warning(
                    "%s has no deterministic implementation here; records say deterministic: false", operation
                )
                strict = False
        memory.release()  # graphs and models of the attempt that failed


def attempt(this: Run, strict: bool, tell: Tell, listener: Listener) -> Trained:
    """Assemble and fine-tune once; nothing of an attempt that fails is kept in memory.

    Raises: UnusableError for a snapshot that does not fit, RuntimeError from torch.
    """
    tell(IMPORTING, 0, 0)
    from benchmark.training.loop import fine_tune

    tell(LOADING, 0, 0)
    with heard_by(tell):
        ready = assemble(this, strict)
    stopping.obey()
    if ready.training.device.type == "cuda":
        tell(COMPILING, 0, 0)
    outcome = fine_tune(ready.training, ready.snapshot, ready.watch, tell, listener)
    memory = Memory(ready.memory.peak(), ready.memory.reserved())
    return Trained(ready.training.task, outcome, ready.weights, ready.environment, memory, ready.own_code)


def assemble(this: Run, strict: bool = True) -> Ready:
    """Load data and model, make methods and probes, and put them together for training.

    ``strict`` asks for deterministic algorithms alone.
    """
    from benchmark import methods, probes, tasks
    from benchmark.models import pretrained, special_tokens
    from benchmark.models.vocabulary import check_texts
    from benchmark.runs import environment, memory
    from benchmark.training.assemble import assembled
    from benchmark.training.onlooker import NOBODY
    from benchmark.training.snapshot import Snapshot

    config, protocol, cache = this.config, this.config.protocol, Path(this.config.cache)
    seeds = config.seeds.beside(config.seed)
    device = choose_device(config.device)
    check_replay(config.replay, config.device, device)
    check_precision(protocol.precision, device)
    make_reproducible(config.threads, protocol.precision, strict)
    seed_shared_streams(derive(config.seed, "shared"))
    keep_quiet()
    tokenizer = pretrained.tokenizer(config.model, cache, len(config.task.text) > 1)
    task = tasks.load(config, tokenizer)
    memory.keep()
    used = memory.PeakMemory(device)
    model = pretrained.load(config.model, task.units, seeds.head, cache, task.kind.head)
    special_tokens.note(model, tokenizer)
    check_texts(config.model.name, tokenizer, model, task.token_ids)
    chosen = methods.build(config.method)
    watch = probes.Probes(config) if config.probe else NOBODY
    check_weights(model, config.model.name, device)
    model.to(device)
    methods.prepare(chosen, model, seeds.noise)
    check_training(model, config.model.name, protocol.optimizer, device)  # some weights may be frozen by now
    stamp = environment.stamp(device, config.threads, protocol.precision)
    here = stamp | {"on": str(device)}  # a snapshot's tensors are restored to the device they were on
    weights = keep(config, pretrained.checkpoint(config.model, cache).folder, task.files)
    here |= {"of": [weights.digest or weights.revision, weights.tokenizer, task.stamp["digests"]]}
    code = own_code.loaded(config)
    here |= {"own_code": code} if code else {}  # older snapshots have none
    snapshot = Snapshot(this.store, this.id, config.snapshot_minutes, here)
    weights.drawn = list(model.drawn)  # type: ignore[arg-type]  # by `pretrained.load`
    used.forget()
    training = assembled(
        model,
        task,
        chosen,
        protocol,
        seeds,
        device,
        packed=config.packed,
        replay=config.replay,
        watched=watch is not NOBODY,
        cache=cache,
    )
    return Ready(training, snapshot, watch, used, stamp | {"deterministic": strict}, weights, code)
