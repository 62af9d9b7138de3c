"""run(configuration) -> record: assemble, fine-tune, evaluate, write."""

from __future__ import annotations

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
from benchmark.records.store import Record, Store, make_writable
from benchmark.runs.plugins import check_plugins

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
        "error": error if isinstance(error, str) else one_line(error) or f"{type(error).__name__}: {error}",
        "traceback": "" if isinstance(error, str) else frames(error),
        "config": portable(config),
        "command": command,
        "failed": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def portable(config: dict[str, Any]) -> dict[str, Any]:
    """What a configuration says of a run, without where its files lie on this machine."""
    return {key: value for key, value in config.items() if key not in NOT_IN_RECORD}


def frames(error: BaseException) -> str:
    """The traceback of ``error``, with files of the project named from its folder on."""
    return "".join(traceback.format_exception(error)).replace(f"{PACKAGE.parent}{os.sep}", "")


def train(config: dict[str, Any], tell: Tell = silence) -> tuple[Record, dict[str, Any]]:
    """Fine-tune and evaluate; the parts of the record that do not depend on who asked, and its arrays.

    A run that was interrupted continues from its snapshot.
    """
    from benchmark.training.snapshot import UnusableError

    try:
        return _train(config, tell)
    except UnusableError:
        return _train(config, tell)


def _train(config: dict[str, Any], tell: Tell) -> tuple[Record, dict[str, Any]]:
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
    make_reproducible(config["threads"], protocol["precision"])
    keep_quiet()
    task = tasks.load(config, pretrained.tokenizer(config["model"], cache))
    memory.keep()
    used = memory.PeakMemory(device)
    model = pretrained.load(config["model"], task.units, seed, cache, task.kind.head)
    chosen = methods.build(config["method"])
    watch = probes.Probes(config) if config["probe"] else NOBODY
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
    peak = used.peak()

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
        "memory": {"peak": peak},
        "examples": {
            "train": len(task.training),
            **{key: task.about(key).size for key in task.evaluation},
        },
        "model": pretrained.stamp(config["model"], cache),
        "data": task.stamp,
        "environment": stamp,
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


def choose_device(name: str) -> Any:
    """``auto`` is the GPU when there is one. Raises: BenchmarkError for a device that is not there."""
    import torch

    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise BenchmarkError(f"device={name}: not available here ({str(error).splitlines()[0]})") from error
    if device.type == "cuda" and device.index is not None:
        torch.cuda.set_device(device)  # what names no device, as a recording does, means this one
    return device


def keep_quiet() -> None:
    """Leave progress to the launcher: the libraries' own bars and load reports say nothing about a run."""
    import datasets
    import transformers

    datasets.disable_progress_bars()
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    os.environ["DISABLE_SAFETENSORS_CONVERSION"] = "1"  # a request to the hub that nobody asked for


def make_reproducible(threads: int, precision: str) -> None:
    """Fix whatever else could change the bits of a result: threads, algorithms, TF32."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    import torch

    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True, warn_only=True)
    # Filling memory that is about to be written costs a tenth of an update; nothing here reads it before.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = precision == "tf32"
