"""Lengths of data that the table lacks, counted here once in a separate process."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmark.config.schema import RunConfig
from benchmark.config.splits import evaluation_splits, training_splits
from benchmark.forecast.lengths import TaskLengths, kept_at, lengths_of
from benchmark.places import in_home

OFFLINE = "HF_HUB_OFFLINE"
PATIENCE = 120.0  # seconds until counting is given up


def lengths_at_hand(config: RunConfig) -> TaskLengths | None:
    """The lengths of a run's examples, counted now; None if data or tokenizer are not here."""
    if lacking(config):
        return None
    process = multiprocessing.get_context("spawn").Process(target=_count, args=(config,), daemon=True)
    with _offline():
        process.start()
    process.join(PATIENCE)
    process.kill()
    kept_at.cache_clear()
    return lengths_of(config)


def _count(config: RunConfig) -> None:
    from benchmark.forecast.counting import count
    from benchmark.runs.device import keep_quiet

    keep_quiet()
    count(config)


@contextmanager
def _offline() -> Iterator[None]:
    """Keep processes that start in the block from asking the hub."""
    before = os.environ.get(OFFLINE)
    os.environ[OFFLINE] = "1"
    try:
        yield
    finally:
        os.environ.pop(OFFLINE)
        if before is not None:
            os.environ[OFFLINE] = before


def lacking(config: RunConfig) -> list[str]:
    """The names of what is not here: data, tokenizer. A quick look at folders, which the process repeats in full."""
    task, model = config.task, config.model
    splits = [*training_splits(task), *evaluation_splits(task).values()]
    repos = {split.repo or task.repo for split in splits}
    data = all(repo is None or _has("datasets", repo) for repo in repos)
    return [
        *([] if data else ["its data"]),
        *([] if _model_is_here(config) else [f"the tokenizer of {model.name}"]),
    ]


def _model_is_here(config: RunConfig) -> bool:
    model = config.model
    return _has("models", model.id) if model.id else (Path(config.cache) / "embedded").is_dir()


def _has(kind: str, name: str) -> bool:
    """True if a user's folder or file, or a repository in the hub's cache, has this name."""
    home = os.environ.get("HF_HOME") or "~/.cache/huggingface"
    hub = in_home(os.environ.get("HF_HUB_CACHE") or f"{home}/hub")
    return in_home(name).exists() or (hub / f"{kind}--{name.replace('/', '--')}" / "snapshots").is_dir()
