"""Small tables with claims of a test's own, and a record per run by hand."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from omegaconf import OmegaConf

from benchmark.config.identity import run_id
from benchmark.config.schema import RunConfig
from benchmark.config.table import Table
from benchmark.grids import recipe
from benchmark.grids.declaration import check
from benchmark.grids.grid import Grid, PlannedRun
from benchmark.report.build import Report, build
from benchmark.report.evidence import gathered, no_arrays
from benchmark.report.judge import Verdict
from helpers.grids import composed

METRICS = ("accuracy", "f1", "matthews_correlation", "pearson", "spearman")


@functools.cache
def minilm(*overrides: str) -> RunConfig:
    return composed(("model=minilm", *overrides))


def table(
    claims: Sequence[Mapping[str, Any]],
    methods: Sequence[str] = ("[]", "[noisytune]"),
    tasks: Sequence[str] = ("mrpc",),
    seeds: int = 5,
    shares: Sequence[str] = (),
    intensities: Sequence[str] = (),
    **declared: Any,
) -> Grid:
    """A table with ``claims`` over methods, tasks, shares of the data and NoisyTune's intensities."""
    stated = OmegaConf.merge(
        OmegaConf.structured(Table),
        {"title": "T", "claims": [{"says": "it is so"} | dict(claim) for claim in claims]},
        declared,
    )
    content: Any = OmegaConf.to_container(stated)
    shared = {"task": list(tasks), "seed": [str(seed) for seed in range(1, seeds + 1)]}
    shared |= {"data.share": list(shares)} if shares else {}
    rectangles = [{"method": list(methods)} | shared]
    if intensities:
        rectangles = [
            {"method": ["[]"]} | shared,
            {"method": ["[noisytune]"], "method.noisytune.intensity": list(intensities)} | shared,
        ]
    check("paper/table", content, rectangles)
    runs = [run for rectangle in rectangles for run in _runs(rectangle)]
    axes = {
        key: list(dict.fromkeys(value for rectangle in rectangles for value in rectangle.get(key, [])))
        for key in dict.fromkeys(key for rectangle in rectangles for key in rectangle)
    }
    axes["model"] = ["minilm"]
    return Grid("paper/table", content, axes, {}, runs, axes)


def _runs(rectangle: Mapping[str, Sequence[str]]) -> list[PlannedRun]:
    runs = []
    for values in itertools.product(*rectangle.values()):
        place = dict(zip(rectangle, values, strict=True))
        config = minilm(f"task={place['task']}", f"method={place['method']}")
        share = place.get("data.share", "null")
        config = replace(
            config,
            seed=int(place["seed"]),
            data=replace(config.data, share=None if share == "null" else float(share)),
        )
        if strength := place.get("method.noisytune.intensity"):
            noisy = config.method["noisytune"] | {"intensity": float(strength)}
            config = replace(config, method={"noisytune": noisy})
        runs.append(PlannedRun(config, tuple(f"{k}={v}" for k, v in place.items()), run_id(config)))
    return runs


def reported(
    planned: Grid,
    record_of: Callable[..., Any],
    score: Callable[[RunConfig], float],
    end: Callable[[RunConfig], str] = lambda config: "finished",
    changes: Callable[[RunConfig], dict[str, Any]] = lambda config: {},
    arrays: Any = no_arrays,
) -> Report:
    """The report of records by hand; see `recorded`."""
    records, failed = recorded(planned, record_of, score, end, changes)
    return build(planned, records, arrays, failed)


def verdicts_on(
    planned: Grid, records: Mapping[str, Any], arrays: Any = no_arrays, failed: Collection[str] = ()
) -> list[Verdict]:
    """The verdicts of the report of ``records``: the rest of it takes longer to make, and they do not need it."""
    changed = bool(planned.table["claims"] and recipe.changed(planned))
    return gathered(planned, records, arrays, failed).verdicts(changed)


def verdicts_of(planned: Grid, *by_hand: Any, arrays: Any = no_arrays, **more: Any) -> list[Verdict]:
    """The verdicts of `reported`."""
    records, failed = recorded(planned, *by_hand, **more)
    return verdicts_on(planned, records, arrays, failed)


def recorded(
    planned: Grid,
    record_of: Callable[..., Any],
    score: Callable[[RunConfig], float],
    end: Callable[[RunConfig], str] = lambda config: "finished",
    changes: Callable[[RunConfig], dict[str, Any]] = lambda config: {},
) -> tuple[dict[str, Any], set[str]]:
    """Records with the ``score`` of each run in percent, and the ids of the runs that failed.

    ``end`` gives each run's end: finished, diverged, failed, missing or collapsed. ``changes`` are of its record.
    """
    records, failed = {}, set()
    for run in planned.runs:
        ended = end(run.config)
        if ended == "failed":
            failed.add(run.run_id)
        if ended in ("failed", "missing"):
            continue
        scores = {name: dict.fromkeys(METRICS, score(run.config) / 100) for name in run.config.task.evaluate}
        own = {"diverged": {"status": "diverged", "curve": []}, "collapsed": {"collapsed": ["validation"]}}
        records[run.run_id] = record_of(run.config, scores, **(own.get(ended, {}) | changes(run.config)))
    return records, failed


def noise(config: RunConfig, size: float = 1.0, shift: int = 0) -> float:
    """The same for the same run, and not to be told from chance."""
    text = f"{config.task.name} {config.method} {config.data.share} {config.seed} {shift}"
    return size * float(np.random.default_rng(list(text.encode())).normal())
