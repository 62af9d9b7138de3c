"""Records that are of what is at hand: the data, weights and tokenizer behind the names have not changed.

A run's id is of its configuration, and names in it can come to mean other files. So a record is compared with
the files here: by `stat` alone as long as nothing was touched, else by digests. What is not here is not compared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmark.config.schema import ModelConfig, RunConfig, TaskConfig
from benchmark.data import task_files as data
from benchmark.digests import again, computed, recalled
from benchmark.models import model_files as models
from benchmark.progress import hearer, silence
from benchmark.records.reading import UnreadableError
from benchmark.records.record import DATA, Record, Weights
from benchmark.records.store import Store


class Hits:
    """The records of ``store`` for configurations, each compared with what is at hand.

    ``changed``: by run id, what changed since the latest record, where none is of what is at hand. ``unknown``:
    the reason by run id, where a record is there and cannot be read now.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self.changed: dict[str, list[str]] = {}
        self.unknown: dict[str, UnreadableError] = {}
        # By the identity of a part, which runs of a grid share; the part is kept so that its id stays its own.
        self.known: dict[int, tuple[Any, Mapping[str, str]]] = {}

    def of_runs(self, configs: Mapping[str, RunConfig]) -> dict[str, Record]:
        """The records of runs by id; a warning counts those that cannot be read now, which are `unknown`."""
        records, before, tell = {}, len(self.unknown), hearer(silence)
        for number, (run_id, config) in enumerate(configs.items()):
            tell("records looked up", number, len(configs))
            try:
                record = self.find(config, run_id)
            except UnreadableError as error:
                self.unknown[run_id] = error
                continue
            self.unknown.pop(run_id, None)
            if record is not None:
                records[run_id] = record
        if len(self.unknown) > before:
            first = next(iter(self.unknown.values()))
            self.store.warn(
                f"{len(self.unknown)} runs are left out, their records are unknown", f"first {first}"
            )
        return records

    def find(self, config: RunConfig, run_id: str) -> Record | None:
        """The record of a run that is of what is at hand, or None.

        Raises: UnreadableError if it cannot be read now.
        """
        latest = self.store.find(run_id)
        if latest is None:
            return None
        now = self.at_hand(config, latest)
        if not latest.changed(now):
            return latest
        record = self.store.find(run_id, now)
        if record is None:
            self.changed[run_id] = latest.changed(now)
        return record

    def at_hand(self, config: RunConfig, record: Record) -> Mapping[str, str]:
        """The digests of what a configuration names and ``record`` has, as far as here."""
        cache = Path(config.cache)
        if id(config.model) not in self.known:
            self.known[id(config.model)] = config.model, model_at_hand(config.model, cache)
        if id(config.task) not in self.known:
            self.known[id(config.task)] = config.task, data_at_hand(config.task, cache, record)
        return {**self.known[id(config.model)][1], **self.known[id(config.task)][1]}


def model_at_hand(model: ModelConfig, cache: Path) -> dict[str, str]:
    """The digests of a model's files; empty if they are not here."""
    kept = models.kept(model, cache)
    digests = recalled(kept)
    if digests is None and model.builder:
        return again(kept)
    if digests is None:
        folder = models.folder_of(model)
        digests = {} if folder is None else models.computed(model, folder, cache)
    return digests


def data_at_hand(task: TaskConfig, cache: Path, record: Record) -> dict[str, str]:
    """The digests of a task's files, named as in a record; without those that are not here."""
    kept = data.kept(task, cache)
    digests = recalled(kept)
    if digests is None:
        digests = again(kept) if task.builder else computed(kept, data.files(task, record.data.digests))
    return {DATA + name: digest for name, digest in digests.items()}


def keep(config: RunConfig, weights: Path | None, files: Mapping[str, Sequence[Path]]) -> Weights:
    """Note the files of a run that begins, for later comparisons; return the origin of its weights."""
    cache, model = Path(config.cache), config.model
    computed(data.kept(config.task, cache), files)
    digests = models.computed(model, weights, cache) if weights else {}
    return Weights(
        id=model.id or model.builder,
        revision=digests.get(models.REVISION),
        digest=digests.get(models.WEIGHTS),
        tokenizer=digests.get(models.TOKENIZER),
    )
