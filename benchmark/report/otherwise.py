"""Notes on runs that differ from their configuration: capped sizes, and scores on training examples."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping

from benchmark.config.schema import RunConfig
from benchmark.config.splits import evaluation_splits, training_splits
from benchmark.grids.grid import Grid
from benchmark.records.record import Record


def otherwise(grid: Grid, records: Mapping[str, Record]) -> list[str]:
    """One sentence per deviation, with the number of finished runs that have it."""
    configs = {run.run_id: run.config for run in grid.runs}
    changed = "protocol.max_length" in grid.changed
    counts = Counter(
        said
        for run_id, config in configs.items()
        if (record := records.get(run_id)) is not None and record.curve
        for said in (*_capped(config, record, changed), *_seen(config))
    )
    return [f"{said} ({count} of {len(configs)} runs)." for said, count in counts.items()]


def _capped(config: RunConfig, record: Record, changed: bool) -> Iterator[str]:
    """The sizes of a run that its data or model did not allow; a length counts if the user ``changed`` it."""
    protocol, examples, updates = config.protocol, record.examples["train"], record.curve[-1].step
    per_epoch = math.ceil(examples / protocol.batch_size)
    longest = record.data.max_length
    if changed and longest < protocol.max_length:
        yield f"Texts are cut at {longest} tokens, the model's most, not at protocol.max_length={protocol.max_length}"
    if examples < protocol.batch_size:
        yield f"A batch is all {examples} training examples, not protocol.batch_size={protocol.batch_size}"
    if protocol.evaluations_per_epoch > per_epoch:
        yield (
            f"Evaluated after every update: an epoch has {per_epoch}, fewer than "
            f"protocol.evaluations_per_epoch={protocol.evaluations_per_epoch}"
        )
    if protocol.warmup > 1 and updates <= protocol.warmup:
        yield f"The warm-up never ended: {updates} updates of protocol.warmup={protocol.warmup:g}"
    if updates == 1 and protocol.steps != 1:
        yield f"There was one update in all: protocol.epochs={protocol.epochs} of {per_epoch} updates"


def _seen(config: RunConfig) -> Iterator[str]:
    """The evaluation sets of a run that are one of its training splits."""
    learnt = [(split.repo, split.config, split.split, split.rows) for split in training_splits(config.task)]
    for name, split in evaluation_splits(config.task).items():
        if (split.repo, split.config, split.split, split.rows) in learnt:
            yield f"Scores on {name} of {config.task.name} are of its training split {split.split}, which the run has seen"
