"""Records whose scores may share a mean: all from the same data, weights, tokenizer and own code."""

from __future__ import annotations

from collections.abc import Mapping

from benchmark.config.schema import RunConfig
from benchmark.grids.grid import Grid
from benchmark.records.record import CODE, DATA, Record

Origins = dict[tuple[str, ...], str]


def of_one_origin(grid: Grid, records: Mapping[str, Record]) -> tuple[dict[str, Record], list[str]]:
    """The records with the same origins as the newest ones; a note counts the others."""
    configs = {run.run_id: run.config for run in grid.runs}
    agreed: Origins = {}
    kept, others = set(), set[str]()
    for run_id, record in sorted(records.items(), key=lambda item: item[1].finished, reverse=True):
        origins = _origins(configs[run_id], record)
        different = {key for key, digest in origins.items() if agreed.get(key, digest) != digest}
        if different:
            others |= {f"{key[-1]} of {key[0]}" if len(key) > 1 else key[0] for key in different}
            continue
        agreed |= origins
        kept.add(run_id)
    if not others:
        return dict(records), []
    note = (
        f"{len(records) - len(kept)} runs have another origin than the newest ({', '.join(sorted(others))}): "
        f"they are left out, since no mean may mix them."
    )
    return {run_id: record for run_id, record in records.items() if run_id in kept}, [note]


def _origins(config: RunConfig, record: Record) -> Origins:
    """A record's origins, by the names in its configuration."""
    model = (config.model.name, str(config.model.id or config.model.builder), str(config.model.revision))
    task = (str(config.task.repo or config.task.builder), str(config.task.revision))
    return {
        (name,) if name.startswith(CODE) else (*(task if name.startswith(DATA) else model), name): digest
        for name, digest in record.origins().items()
    }
