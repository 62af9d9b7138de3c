"""run(configuration) -> record: assemble, fine-tune, evaluate, write."""

from __future__ import annotations

import logging
import os
import time
import traceback
from datetime import UTC, datetime
from typing import Any

from benchmark.config.identity import run_id
from benchmark.config.validation import validate
from benchmark.errors import BenchmarkError, one_line
from benchmark.places import PACKAGE
from benchmark.progress import Tell, silence
from benchmark.randomness import derive
from benchmark.records.store import Record, Store, make_writable
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
from benchmark.runs.plugins import check_plugins

log = logging.getLogger(__name__)

REFUSED, OUT_OF_MEMORY, GPU_FAULT, CRASHED, ERROR = (
    "refused",
    "out of memory",
    "GPU fault",
    "crashed",
    "error",
)
NOT_IN_RECORD = ("store", "cache", "table", "tracker", "snapshot_minutes")


def run(config: dict[str, Any], command: str = "", table: str | None = None, tell: Tell = silence) -> Record:
    """The record of a plain run configuration: from the store if it is there, else made now.

    ``command`` is how to run it again, ``table`` what it is run for; ``tell`` is told how far it is. Raises:
    BenchmarkError for what the user can mend; any other error is one of ours. Either leaves a failure in
    the store.
    """
    store = Store(config["store"])
    name = run_id(config)
    found = store.find(name)
    if found is not None:
        store.drop_snapshot(name)
        track(config, found, table, new=False)
        return found
    validate(config)
    check_plugins(config)
    make_writable("store", config["store"])
    make_writable("cache", config["cache"])
    started = time.perf_counter()
    try:
        record, arrays = train(config, tell)
    except Exception as error:
        store.add_failure(failure(config, command, error))
        raise
    record = {
        "run_id": name,
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": command,
        **record,
    }
    record["seconds"]["total"] += time.perf_counter() - started
    record = store.add(record, arrays)
    store.drop_snapshot(name)
    track(config, record, table, new=True)
    return record


def track(config: dict[str, Any], record: Record, table: str | None, new: bool) -> None:
    """Let the configuration's tracker, if it has one, know of a record in the store."""
    if config["tracker"]:
        from benchmark.runs import tracking

        arrays = Store(config["store"]).arrays(record["run_id"])
        tracking.track(config["tracker"], record, arrays, table, new)


def failure(config: dict[str, Any], command: str, error: BaseException | str) -> Record:
    """What the store keeps of a run that did not finish: what failed, where, how to try again."""
    return {
        "run_id": run_id(config),
        "status": "failed",
        "class": class_of(error),
        "error": error if isinstance(error, str) else one_line(error) or f"{type(error).__name__}: {error}",
        "traceback": "" if isinstance(error, str) else frames(error),
        "config": portable(config),
        "command": command,
        "failed": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def class_of(error: BaseException | str) -> str:
    """The class of a failure; ``error`` is a text if its process died without raising any."""
    if isinstance(error, str):
        return CRASHED
    causes = {type(link).__name__ for link in (error, error.__cause__)}
    if isinstance(error, BenchmarkError) and error.__cause__ and out_of_memory(error.__cause__):
        return OUT_OF_MEMORY
    if "AcceleratorError" in causes:  # the process has lost the GPU; another process may have been the reason
        return GPU_FAULT
    return ERROR if one_line(error) is None else REFUSED


def portable(config: dict[str, Any]) -> dict[str, Any]:
    """What a configuration says of a run, without where its files lie on this machine."""
    return {key: value for key, value in config.items() if key not in NOT_IN_RECORD}


def frames(error: BaseException) -> str:
    """The traceback of ``error``, with files of the project named from its folder on."""
    return "".join(traceback.format_exception(error)).replace(f"{PACKAGE.parent}{os.sep}", "")


def train(config: dict[str, Any], tell: Tell = silence) -> tuple[Record, dict[str, Any]]:
    """Fine-tune and evaluate; the parts of the record that do not depend on who asked, and its arrays.

    A run that was interrupted continues from its snapshot. If an operation has no deterministic
    implementation, the run is made again without asking for one, and its record says so.
    """
    from benchmark.training.snapshot import UnusableError

    strict, anew = True, False
    while True:
        try:
            return _train(config, strict, tell)
        except UnusableError:  # the snapshot is set aside
            if anew:
                raise
            anew = True
            continue
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


def _train(config: dict[str, Any], strict: bool, tell: Tell) -> tuple[Record, dict[str, Any]]:
    from pathlib import Path

    from benchmark import methods, probes, tasks
    from benchmark.models import pretrained
    from benchmark.runs import environment, memory
    from benchmark.training.assemble import assembled
    from benchmark.training.loop import fine_tune
    from benchmark.training.onlooker import NOBODY
    from benchmark.training.snapshot import Snapshot

    protocol, seed, cache = config["protocol"], config["seed"], Path(config["cache"])
    device = choose_device(config["device"])
    if config["replay"] and device.type != "cuda":
        raise BenchmarkError(
            f"replay=true needs a GPU, and this run is on {device} (device={config['device']}): leave it null"
        )
    check_precision(protocol["precision"], device)
    make_reproducible(config["threads"], protocol["precision"], strict)
    seed_shared_streams(derive(seed, "shared"))
    keep_quiet()
    task = tasks.load(config, pretrained.tokenizer(config["model"], cache))
    memory.keep()
    used = memory.PeakMemory(device)
    model = pretrained.load(config["model"], task.units, seed, cache, task.kind.head)
    chosen = methods.build(config["method"])
    watch = probes.Probes(config) if config["probe"] else NOBODY
    check_room(model, config["model"]["name"], device)
    model.to(device)
    methods.prepare(chosen, model, seed)
    stamp = environment.stamp(device, config["threads"], protocol["precision"])
    here = stamp | {"on": str(device)}  # tensors come back to where they were
    snapshot = Snapshot(Store(config["store"]), run_id(config), config["snapshot_minutes"], here)
    used.forget()
    training = assembled(
        model,
        task,
        chosen,
        protocol,
        seed,
        device,
        packed=config["packed"],
        replay=config["replay"],
        watched=watch is not NOBODY,
    )
    outcome = fine_tune(training, snapshot, watch, tell)
    took = {"peak": used.peak(), "reserved": used.reserved()}

    final = outcome.curve[-1]["scores"] if outcome.curve and outcome.diverged is None else {}
    record = {
        "status": "diverged" if outcome.diverged is not None else "finished",
        "diverged_at": outcome.diverged,
        "padding": "computed" if outcome.padded else "left out",
        "replayed": outcome.replayed,
        "attention": outcome.attention,
        "collapsed": collapsed(task, outcome.outputs),
        "resumed": outcome.resumed,
        "config": portable(config),
        "scores": final,
        "curve": outcome.curve,
        "seconds": outcome.seconds | {"total": outcome.earlier},
        "memory": took,
        "examples": {
            "train": len(task.training),
            **{key: task.about(key).size for key in task.evaluation},
        },
        "model": pretrained.stamp(config["model"], cache),
        "data": task.stamp,
        "environment": stamp | {"deterministic": strict},
    }
    arrays = {"losses": outcome.losses, "subset": task.subset.astype("int32"), **outcome.probed}
    for key, answers in outcome.outputs.items():
        about = task.about(key)
        arrays[f"{about.kind.keeps}/{key}"] = answers
        arrays |= {f"{name}/{key}": values for name, values in about.references.items()}
    return record, arrays


def collapsed(task: Any, answers: dict[str, Any]) -> list[str]:
    """The evaluation sets on which the final model gives one and the same answer to everything."""
    return [key for key, values in answers.items() if task.about(key).kind.collapsed(values[-1])]
