"""Quantities of a run besides its score: losses, memory, and results of probes.

Claims and figures use them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from benchmark.config.schema import RunConfig
from benchmark.records.record import Record
from benchmark.report.numbers import predictions

Stored = Mapping[str, np.ndarray]
Point = tuple[dict[str, Any], float]  # a place on the axes within a run, and the value there


def names_read(quantity: str) -> tuple[str, ...]:
    """Prefixes of the names of the arrays behind a quantity; none for scores and memory."""
    if quantity == "loss":
        return ("logits/", "targets/")
    if quantity.startswith("probe/"):
        return (f"probe/{quantity.split('/')[1]}/",)
    return ()


def points(quantity: str, record: Record, config: RunConfig, stored: Stored) -> list[Point]:
    """The values of a quantity in a finished run; empty if the record has none.

    ``probe/NAME`` is the quantity of the probe's figure. ``probe/NAME/ARRAY`` is the mean of one of its
    arrays.
    """
    if quantity == "memory":
        peak = record.memory.peak
        return [({}, peak * 1e-6)] if peak else []
    if quantity == "time":
        return [({}, record.seconds.per_update)] if record.seconds.per_update else []
    if quantity == "training":
        seconds = training_seconds(record)
        return [({}, seconds)] if seconds > 0 else []
    if quantity == "loss":
        return _losses(record, config, stored)
    name, _, array = quantity.removeprefix("probe/").partition("/")
    prefix = f"probe/{name}/"
    probed = {key.removeprefix(prefix): values for key, values in stored.items() if key.startswith(prefix)}
    if array:
        return [({}, float(np.nanmean(probed[array])))] if array in probed else []
    return PROBES[name](probed) if name in PROBES and probed else []


def at_depth(values: list[Point], depth: Sequence[float]) -> list[Point]:
    """The points whose layer is between two shares of the depth, ends included; all without a ``depth``.

    The share of layer 0, if there is one, is 0, and that of the last layer 1.
    """
    if not depth or not values:
        return values
    layers = [place["layer"] for place, _ in values]
    deepest = max(layers)
    shares = [layer / deepest if deepest else 1.0 for layer in layers]
    return [point for point, share in zip(values, shares, strict=True) if depth[0] <= share <= depth[1]]


def summary(quantity: str, values: list[Point]) -> float:
    """One number of a run for a claim: the last loss, or the mean over the points of another quantity."""
    if not values:
        return np.nan
    if quantity == "loss":
        return values[-1][1]
    if quantity == "probe/norm_change":  # the size of a change, in either direction
        return float(np.nanmean([abs(value) for _, value in values]))
    return float(np.nanmean([value for _, value in values]))


def training_seconds(record: Record) -> float:
    """Seconds of all updates and of surveys before them, without evaluations; NaN if unknown."""
    seconds, curve = record.seconds, record.curve
    return seconds.survey + seconds.per_update * curve[-1].step if curve else np.nan


def _losses(record: Record, config: RunConfig, stored: Stored) -> list[Point]:
    set_name = next(iter(config.task.evaluate))
    of_set = predictions.of_set(stored, set_name, config)
    if of_set is None or not predictions.has_gold(of_set[1]).any():
        return []
    losses = predictions.loss(*of_set, config)
    evaluated = record.curve[-len(losses) :]  # a set may have been scored only after the last update
    return [({"step": entry.step}, float(loss)) for entry, loss in zip(evaluated, losses, strict=True)]


def _norm_change(probed: Stored) -> list[Point]:
    kinds, change = probed["kinds"], probed["change"]
    return [({"parameter": str(kind)}, float(value)) for kind, value in zip(kinds, change, strict=True)]


def _token_similarity(probed: Stored) -> list[Point]:
    return [({"layer": layer}, float(value)) for layer, value in enumerate(probed["similarity"])]


def _linear_probe(probed: Stored) -> list[Point]:
    """The first metric of every task on its first evaluation set, in percent."""
    tasks: dict[str, np.ndarray] = {}
    for key, scores in probed.items():
        tasks.setdefault(key.split("/")[0], scores)
    return [
        ({"probed": task, "layer": layer}, 100 * float(score))
        for task, scores in tasks.items()
        for layer, score in enumerate(scores)
    ]


def _noise_attenuation(probed: Stored) -> list[Point]:
    change = probed["relative"]
    return [
        ({"injection": begin + 1, "layer": reached + 1}, float(change[begin, reached]))
        for begin in range(len(change))
        for reached in range(begin, len(change))
    ]


def _sensitivity(probed: Stored) -> list[Point]:
    """The share of weights by the middle of their bin, without weights outside the bins."""
    edges, counts = probed["edges"], probed["counts"]
    middles = np.sqrt(edges[:-1] * edges[1:])
    shares = counts[1:-1] / max(counts.sum(), 1)
    return [
        ({"sensitivity": float(x)}, float(share)) for x, share in zip(middles, shares, strict=True) if share
    ]


PROBES: dict[str, Callable[[Stored], list[Point]]] = {
    "norm_change": _norm_change,
    "token_similarity": _token_similarity,
    "linear_probe": _linear_probe,
    "noise_attenuation": _noise_attenuation,
    "sensitivity": _sensitivity,
}
