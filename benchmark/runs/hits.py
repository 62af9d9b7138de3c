"""Records that still hold: the data, weights, tokenizer and code behind their names have not changed.

A run's id is a hash of its configuration, but the files behind the names in it can change. So a record is
compared with the files on this machine: by `stat` alone if nothing was touched, else by digests. Files that
are not here are not compared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmark.config.schema import ModelConfig, RunConfig, TaskConfig
from benchmark.data import task_files as data
from benchmark.digests import computed, present_digests, recalled
from benchmark.models import model_files as models
from benchmark.progress import hearer, silence
from benchmark.records.reading import UnreadableError
from benchmark.records.record import CODE, DATA, Record, Weights
from benchmark.records.store import Store
from benchmark.runs import own_code


class Hits:
    """The records of ``store`` for configurations, each compared with the files at hand.

    ``changed`` has, by run id, the origins that changed since the latest record, if no record fits the files
    at hand. ``unknown`` has, by run id, the reason why a record cannot be read now.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self.changed: dict[str, list[str]] = {}
        self.unknown: dict[str, UnreadableError] = {}
        # By the `id()` of a part, which runs of a grid share; the part is stored too, so that its `id()` is
        # not reused.
        self.known: dict[int, tuple[Any, Mapping[str, str]]] = {}
        self.code: dict[str, str | None] = {}  # the present digests of modules of the user's own

    def of_runs(self, configs: Mapping[str, RunConfig]) -> dict[str, Record]:
        """The records of runs by id; a warning counts the records that cannot be read now (`unknown`)."""
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
        """The record of a run that fits the files at hand, or None.

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
        """The present digests of the files that a configuration names and ``record`` has.

        Files not here are left out.
        """
        cache = Path(config.cache)
        if id(config.model) not in self.known:
            self.known[id(config.model)] = config.model, model_at_hand(config.model, cache)
        if id(config.task) not in self.known:
            self.known[id(config.task)] = config.task, data_at_hand(config.task, cache, record)
        for module in record.own_code.keys() - self.code.keys():
            self.code[module] = own_code.present(module)
        code = {CODE + module: digest for module in record.own_code if (digest := self.code[module])}
        return {**self.known[id(config.model)][1], **self.known[id(config.task)][1], **code}


def model_at_hand(model: ModelConfig, cache: Path) -> dict[str, str]:
    """The digests of a model's files; empty if they are not here."""
    kept = models.digests_file(model, cache)
    digests = recalled(kept)
    if digests is None and model.builder:
        return present_digests(kept)
    if digests is None:
        folder = models.folder_of(model)
        digests = {} if folder is None else models.computed(model, folder, cache)
    return digests


def data_at_hand(task: TaskConfig, cache: Path, record: Record) -> dict[str, str]:
    """The digests of a task's files, named as in a record; files that are not here are left out."""
    kept = data.digests_file(task, cache)
    digests = recalled(kept)
    if digests is None:
        digests = (
            present_digests(kept) if task.builder else computed(kept, data.files(task, record.data.digests))
        )
    return {DATA + name: digest for name, digest in digests.items()}


def keep(config: RunConfig, weights: Path | None, files: Mapping[str, Sequence[Path]]) -> Weights:
    """Note the files of a run that begins, for later comparisons; return the origin of its weights."""
    cache, model = Path(config.cache), config.model
    computed(data.digests_file(config.task, cache), files)
    digests = models.computed(model, weights, cache) if weights else {}
    return Weights(
        id=model.id or model.builder,
        revision=digests.get(models.REVISION),
        digest=digests.get(models.WEIGHTS),
        tokenizer=digests.get(models.TOKENIZER),
    )
