"""What a claim or a figure can be about beside the score of a run: losses, memory, and what probes found."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from benchmark.config.schema import RunConfig
from benchmark.records.record import Record
from benchmark.report.numbers import predictions

Stored = Mapping[str, np.ndarray]
Point = tuple[
    dict[str, Any], float
]  # where a value stands on axes that a run has within itself, and the value


def names_read(quantity: str) -> tuple[str, ...]:
    """The beginnings of the names of the arrays that a quantity is read from; none for scores and memory."""
    if quantity == "loss":
        return ("logits/", "targets/")
    if quantity.startswith("probe/"):
        return (f"probe/{quantity.split('/')[1]}/",)
    return ()


def points(quantity: str, record: Record, config: RunConfig, stored: Stored) -> list[Point]:
    """The values of a quantity in a finished run; empty where the record has none.

    ``probe/NAME`` is what the probe's figure shows, and ``probe/NAME/ARRAY`` the mean of one of its arrays.
    """
    if quantity == "memory":
        peak = record.memory.peak
        return [({}, peak * 1e-6)] if peak else []
    if quantity == "loss":
        return _losses(record, config, stored)
    name, _, one = quantity.removeprefix("probe/").partition("/")
    place = f"probe/{name}/"
    found = {key.removeprefix(place): array for key, array in stored.items() if key.startswith(place)}
    if one:
        return [({}, float(np.nanmean(found[one])))] if one in found else []
    return PROBES[name](found) if name in PROBES and found else []


def summary(quantity: str, found: list[Point]) -> float:
    """One number of a run for a claim: the last loss, else the mean over what the claim is about."""
    if not found:
        return np.nan
    if quantity == "loss":
        return found[-1][1]
    if quantity == "probe/token_similarity":  # "on the top layers": the upper half
        found = found[len(found) // 2 :]
    if quantity == "probe/norm_change":  # how far, whichever way
        return float(np.nanmean([abs(value) for _, value in found]))
    return float(np.nanmean([value for _, value in found]))


def _losses(record: Record, config: RunConfig, stored: Stored) -> list[Point]:
    part = next(iter(config.task.evaluate))
    if f"logits/{part}" not in stored:
        return []
    losses = predictions.loss(stored[f"logits/{part}"], stored[f"targets/{part}"], config)
    evaluated = record.curve[-len(losses) :]  # a set may be scored after the last update alone
    return [({"step": entry.step}, float(x)) for entry, x in zip(evaluated, losses, strict=True)]


def _norm_change(found: Stored) -> list[Point]:
    kinds, change = found["kinds"], found["change"]
    return [({"parameter": str(kind)}, float(value)) for kind, value in zip(kinds, change, strict=True)]


def _token_similarity(found: Stored) -> list[Point]:
    return [({"layer": layer}, float(value)) for layer, value in enumerate(found["similarity"])]


def _linear_probe(found: Stored) -> list[Point]:
    """The first metric of every task on its first evaluation set, in percent."""
    tasks: dict[str, np.ndarray] = {}
    for key, scores in found.items():
        tasks.setdefault(key.split("/")[0], scores)
    return [
        ({"probed": task, "layer": layer}, 100 * float(score))
        for task, scores in tasks.items()
        for layer, score in enumerate(scores)
    ]


def _noise_attenuation(found: Stored) -> list[Point]:
    far = found["relative"]
    return [
        ({"injection": begin + 1, "layer": reached + 1}, float(far[begin, reached]))
        for begin in range(len(far))
        for reached in range(begin, len(far))
    ]


def _sensitivity(found: Stored) -> list[Point]:
    """The share of weights by the middle of their bin; what lies outside the bins is left out."""
    edges, counts = found["edges"], found["counts"]
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
