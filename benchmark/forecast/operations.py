"""Operations, bytes and memory of updates and evaluations, and their time on a device.

Padding is not computed, so tokens are real ones; the last layer of a classifier computes its first tokens
alone. An update costs three forwards (one forward, and a backward of two), the optimiser's pass over all
weights, and the starts of operations; for a tiny encoder only the starts matter.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from benchmark.forecast.devices import Rates
from benchmark.forecast.lengths import Lengths
from benchmark.forecast.shapes import Shape

OPTIMISER = 44  # bytes moved per weight: gradient, two moments and weight, clipping
OPERATIONS = 90  # operations in a layer's forward
OF_OPTIMISER = 8  # operations per tensor
DIRECTIONS = 3  # a forward, and a backward that costs twice as much
# Time of an operation in a run, as a multiple of the probe's: fitted on runs of the embedded encoder
ON_CPU = 0.58
AROUND = 8.0  # a layer's activation, norms and dropout together, in activations: fitted on runs of MiniLM
# Products of layers that oneDNN computes: as in `benchmark.models.linear`, which imports torch
WIDE = 1 << 17  # weights of a layer
LARGE_IN_WIDE, LARGE = 1 << 25, 1 << 28  # multiplications
EVALUATION_TOKENS = 8192  # tokens of an evaluation's batch
STATE = 16  # bytes of a weight, its gradient and two moments
ACTIVATIONS = 68  # bytes of float32 that the backward keeps per token, unit and layer


@dataclass(frozen=True)
class Cost:
    """The cost of methods beyond plain fine-tuning: further ``passes``, and ``bytes`` moved per weight and update.

    ``starts`` counts operations started for the further passes, as a share of a forward's: a pass in a
    doubled batch starts hardly any. ``survey`` is 1 if a method learns from the training data once before the
    first update, and ``every_token`` is true if it reads the last layer's states of all tokens.
    """

    passes: float = 0.0
    starts: float = 0.0
    bytes: float = 0.0
    survey: float = 0.0
    every_token: bool = False

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.passes + other.passes,
            self.starts + other.starts,
            self.bytes + other.bytes,
            max(self.survey, other.survey),
            self.every_token or other.every_token,
        )


@dataclass(frozen=True)
class BatchTokens:
    """A batch of ``examples`` examples with ``tokens`` tokens; ``squares`` is the sum of the squared lengths."""

    examples: float
    tokens: float
    squares: float


def batch_of(lengths: Lengths, size: int, padded: bool) -> BatchTokens:
    """The usual batch of ``size`` examples; with padding, all have the length of the longest."""
    size = min(size, lengths.examples)
    if padded:
        longest = lengths.longest_of(size)
        return BatchTokens(size, size * longest, size * longest**2)
    return BatchTokens(size, size * lengths.mean, size * lengths.square)


def forward(shape: Shape, batch: BatchTokens, every_token: bool) -> float:
    """Floating-point operations of a forward; ``every_token`` if the head reads all of them."""
    return sum(operations for operations, _ in _products(shape, batch, every_token))


def _products(shape: Shape, batch: BatchTokens, every_token: bool) -> list[tuple[float, bool]]:
    """The products of a forward by size: operations of all products of a size, and if they are large."""
    h, f = shape.hidden, shape.inner
    whole = shape.layers if every_token else shape.layers - 1

    def alike(count: float, rows: float, inner: int) -> tuple[float, bool]:
        large = LARGE_IN_WIDE if h * inner >= WIDE else LARGE
        return 2 * count * rows * h * inner, rows * h * inner >= large

    products = [alike(4 * whole, batch.tokens, h), alike(2 * whole, batch.tokens, f)]
    products.append((4 * h * batch.squares * whole, False))  # attention: each product is small
    if not every_token:
        products += [alike(2, batch.tokens, h), alike(2, batch.examples, h), alike(2, batch.examples, f)]
        products.append((4 * h * batch.tokens, False))
    return products


def _computing(
    shape: Shape, batch: BatchTokens, every_token: bool, rates: Rates, precision: str, learning: bool
) -> float | None:
    """Seconds of a forward, with its backward if ``learning``; None if the device lacks the precision.

    The rate of a named GPU is already that of whole forwards.
    """
    if (usual := rates.of(precision)) is None:
        return None
    directions, seconds = DIRECTIONS if learning else 1, 0.0
    for operations, large in _products(shape, batch, every_token):
        rate = (rates.large or usual) if large and precision == "float32" else usual
        seconds += directions * operations / rate
    layers = batch.tokens * (shape.layers - (not every_token)) + batch.examples * (not every_token)
    return seconds + AROUND * layers * shape.inner * rates.activation * directions / DIRECTIONS


def update_seconds(
    shape: Shape,
    batch: BatchTokens,
    every_token: bool,
    cost: Cost,
    rates: Rates,
    precision: str,
    parts: int = 1,
) -> float | None:
    """Seconds of an update in ``parts`` parts; None if the device lacks the precision."""
    computed = _computing(shape, batch, every_token or cost.every_token, rates, precision, learning=True)
    if computed is None:
        return None
    moved = (OPTIMISER + cost.bytes) * shape.parameters / rates.bytes
    operations = OPERATIONS * shape.layers * (1 + cost.starts) * parts
    operations += 0 if rates.on_gpu else OF_OPTIMISER * shape.tensors  # fused in one on a GPU
    started = (1 if rates.on_gpu else ON_CPU) * operations * DIRECTIONS * rates.dispatch
    return computed * (1 + cost.passes) + moved + started


def evaluation_seconds(
    shape: Shape, lengths: Lengths, every_token: bool, rates: Rates, precision: str, of_example: float
) -> float | None:
    """Seconds of an evaluation of one set; ``of_example`` is what the host does for every example."""
    whole = batch_of(lengths, lengths.examples, padded=False)  # sorted by length: little padding in any case
    batches = math.ceil(whole.tokens / EVALUATION_TOKENS) + 1
    computed = _computing(shape, whole, every_token, rates, precision, learning=False)
    if computed is None:
        return None
    operations = OPERATIONS * shape.layers * batches * (1 if rates.on_gpu else ON_CPU)
    return computed + operations * rates.dispatch + of_example * lengths.examples


def memory(shape: Shape, lengths: Lengths, size: int, cost: Cost, precision: str) -> float:
    """Bytes at the peak of training: weights with their state, and activations of a long batch."""
    longest = lengths.longest_of(size) if shape.padded else (lengths.mean + lengths.quantiles[-1]) / 2
    tokens, halved = size * longest, 0.5 if precision == "bfloat16" else 1.0
    kept = ACTIVATIONS * tokens * shape.hidden * shape.layers
    squares = 4 * shape.heads * tokens * longest * shape.layers
    return STATE * shape.parameters + (1 + round(cost.passes)) * halved * (kept + squares)


def of_methods(methods: Mapping[str, Mapping[str, object]]) -> Cost:
    """The cost of the methods of a run, by name with their values."""
    total = Cost()
    for name, values in methods.items():
        total = total + _of_method(name, values)
    return total


# Bytes per weight express the time beyond plain fine-tuning in results/reference/speed.md, in the unit of the
# optimiser's 44.
PER_WEIGHT = {
    "pats": 230.0,
    "pats_linear": 260.0,
    "pats_even": 230.0,
    "pats_global": 230.0,
    "sage": 130.0,
    "sage_released": 140.0,
    "sage_released_adamw": 180.0,
    "recadam": 125.0,
    "recadam_random_start": 150.0,
    "prior_wd": 125.0,
    "prior_wd_released": 145.0,
    "l2sp": 50.0,
    "l2sp_unsquared": 80.0,
    "mixout": 70.0,
    "mixout_released": 60.0,
    "child_tuning_f": 35.0,
    "child_tuning_d": 10.0,
    "child_tuning_d_fisher": 50.0,
    "layer_decay": 20.0,
    "dps": 30.0,
    "dps_mix": 100.0,  # Mixout's and that of `dps`
    "weight_noise": 60.0,
    "anti_pgd": 130.0,
    "ema": 25.0,
    "swa": 25.0,
}
PASSES = {
    **{"rdrop": 1.0, "r3f": 1.0, "r4f": 1.0, "lnsr": 1.0, "smart": 2.1, "hype": 0.05, "smart_mtdnn": 1.5},
    **{"sam": 1.0, "asam": 1.0},
    # Frozen weights have no gradients and no update: measured on four layers of 256 units.
    **{"lora": -0.26, "dora": -0.21, "bitfit": -0.26, "layer_norm_tuning": -0.27},
}
IN_DOUBLED_BATCH, DOUBLED = ("rdrop", "r3f", "r4f", "lnsr", "hype"), 0.3
SURVEYED = {"child_tuning_d": 1.0, "child_tuning_d_fisher": 1.0, "lp_ft": 1 / DIRECTIONS}  # per epoch of it


def _of_method(name: str, values: Mapping[str, object]) -> Cost:
    family = next((known for known in sorted(PASSES, key=len, reverse=True) if name.startswith(known)), "")
    passes = PASSES.get(name, PASSES.get(family, 0.0))
    if name.startswith("freelb"):
        passes = float(values.get("steps", 3)) - 1 + (values.get("fidelity") == "fairseq")  # type: ignore[arg-type]
    starts = DOUBLED * passes if family in IN_DOUBLED_BATCH else passes
    survey = SURVEYED.get(name, 0.0) * float(values.get("epochs", 1))  # type: ignore[arg-type]
    return Cost(passes, starts, PER_WEIGHT.get(name, 0.0), survey, family == "lnsr")
