"""Trends and optima over an axis: one number per seed, tested over the seeds.

A claim like "the gain falls with the data" is about the whole axis. A contrast uses the whole axis at once;
with pairs of values, each pair would have to be significant.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmark.errors import BenchmarkError

SCALES = ("linear", "log")


def slopes(values: np.ndarray, axis: Sequence[float], scale: str = "linear") -> np.ndarray:
    """Least-squares slope of every seed: (n,) from values (n, positions) at positions of the ``axis``.

    Per unit of the axis, or per doubling if ``scale`` is ``log``. Seeds without all positions are left out.

    Raises: BenchmarkError for another scale, positions that are all the same, or a logarithm of 0.
    """
    scores = centred(axis, scale)
    return _complete(values) @ scores / float(scores @ scores)


def centred(axis: Sequence[float], scale: str = "linear") -> np.ndarray:
    """Positions (positions,) on their scale, less their mean.

    Raises: BenchmarkError for another scale, positions that are all the same, or a logarithm of 0.
    """
    if scale not in SCALES:
        raise BenchmarkError(f"scale {scale!r} of a trend; valid: {', '.join(SCALES)}")
    positions = np.array(axis, float)
    if scale == "log" and not (positions > 0).all():
        raise BenchmarkError(
            f"a trend over {', '.join(f'{value:g}' for value in positions)} has no log scale: positions must be "
            f"above 0"
        )
    positions = np.log2(positions) if scale == "log" else positions
    if len(positions) < 2 or np.ptp(positions) == 0:
        raise BenchmarkError(f"a trend needs two different positions; got {list(axis)}")
    return np.asarray(positions - positions.mean())


def optimum(
    values: np.ndarray, axis: Sequence[float], best: Sequence[float]
) -> tuple[np.ndarray, np.ndarray]:
    """Advantage of the ``best`` positions over smaller and over larger ones, by seed: (n,) and (n,).

    Each is the mean at ``best`` less the mean at the others; a claim needs both. ``values`` are
    (n, positions). Seeds without all positions are left out.

    Raises: BenchmarkError if ``best`` is not a range of the axis with positions on both sides.
    """
    positions = np.array(axis, float)
    inside = np.isin(positions, best)
    smaller, larger = positions < min(best, default=np.nan), positions > max(best, default=np.nan)
    if not (inside.any() and smaller.any() and larger.any()) or not (inside | smaller | larger).all():
        raise BenchmarkError(
            f"an optimum at {list(best)} needs smaller and larger positions, and none between, on the axis "
            f"{list(axis)}"
        )
    scores = _complete(values)
    middle = scores[:, inside].mean(1)
    return middle - scores[:, smaller].mean(1), middle - scores[:, larger].mean(1)


def _complete(values: np.ndarray) -> np.ndarray:
    return values[~np.isnan(values).any(1)]
