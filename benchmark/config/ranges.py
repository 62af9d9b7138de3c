"""Ranges of the numbers of a configuration.

A run outside of them computes nothing, never ends, or was mistyped.
"""

from __future__ import annotations

import math
from typing import Any

from benchmark.config.schema import DataConfig, ProtocolConfig, RunConfig
from benchmark.errors import BenchmarkError

MOST_EPOCHS, MOST_UPDATES = 1_000_000, 100_000_000
LEAST_LENGTH = 3  # tokens: a text has two special ones around it
MOST_SEED = (1 << 32) - 1  # NumPy's generators take no larger one
# The lowest and the highest value by key of a protocol; a lower learning rate is 0 in single precision.
COUNTS: dict[str, tuple[int, int]] = {
    "steps": (1, MOST_UPDATES),
    "batch_size": (1, 1_000_000),
    "micro_batch_size": (1, 1_000_000),
    "evaluations_per_epoch": (0, 10_000),
    "max_length": (LEAST_LENGTH, 65_536),
}
NUMBERS: dict[str, tuple[float, float]] = {
    "learning_rate": (1e-37, 10),
    "epochs": (1e-6, MOST_EPOCHS),
    "epsilon": (1e-16, 1),
}
OR_ZERO: dict[str, tuple[float, float]] = {
    "weight_decay": (1e-12, 10),
    "max_grad_norm": (1e-9, 1e9),
    "warmup": (1e-9, MOST_UPDATES),
}
BETAS = (1e-6, 0.999999)
SHARES = (1e-9, 1)
SETTINGS = (1e-20, 1e6)  # range of the absolute value of a method's or probe's setting


def check_protocol(protocol: ProtocolConfig) -> None:
    """Raises: BenchmarkError naming the number of a protocol that is out of range, and the range."""
    epochs, steps = protocol.epochs, protocol.steps
    if (epochs is None) == (steps is None):
        raise BenchmarkError(
            f"protocol.epochs={epochs} and protocol.steps={steps}: give one of them, and null for the other"
        )
    for key, (least, most) in COUNTS.items():
        if (value := getattr(protocol, key)) is not None:
            at_least(f"protocol.{key}", value, least)
            _within(f"protocol.{key}", value, least, most)
    for key, (low, high) in NUMBERS.items():
        if (value := getattr(protocol, key)) is not None:
            at_least(f"protocol.{key}", value, 0, strict=True)
            _within(f"protocol.{key}", value, low, high)
    for key, (low, high) in OR_ZERO.items():
        value = getattr(protocol, key)
        at_least(f"protocol.{key}", value, 0)
        if value:
            _within(f"protocol.{key}", value, low, high, "0, or ")
    if 1 < protocol.warmup != int(protocol.warmup):
        raise BenchmarkError(f"protocol.warmup={protocol.warmup}: a share below 1, or whole steps")
    _check_betas(protocol.betas)
    _check_parts(protocol)


def _check_betas(betas: list[float]) -> None:
    if len(betas) != 2 or not all(0 <= beta < 1 for beta in betas):
        raise BenchmarkError(f"protocol.betas={betas}: two numbers from 0 up to below 1")
    for number, beta in enumerate(betas):
        if beta:
            _within(f"protocol.betas[{number}]", beta, *BETAS, "0, or ")


def _check_parts(protocol: ProtocolConfig) -> None:
    """Refuse a `micro_batch_size` that does not divide a batch into equal parts."""
    batch, part = protocol.batch_size, protocol.micro_batch_size
    if part is not None and batch % part:
        fitting = [size for size in range(1, min(part, batch) + 1) if batch % size == 0]
        raise BenchmarkError(
            f"protocol.micro_batch_size={part}: no divisor of protocol.batch_size={batch} (the next lower one "
            f"is {fitting[-1]}); null computes a batch as a whole"
        )


def check_data(data: DataConfig) -> None:
    """Raises: BenchmarkError for a count or share that names no part of the training set."""
    if data.count is not None and data.share is not None:
        raise BenchmarkError(f"data.count={data.count} and data.share={data.share}: give one of them")
    if data.count is not None:
        at_least("data.count", data.count, 0, strict=True)
        at_least("data.count", data.count, 2)
    if data.share is not None:
        if not 0 < data.share <= 1:
            raise BenchmarkError(f"data.share={data.share}: a share lies above 0 and up to 1")
        _within("data.share", data.share, *SHARES)
    if data.subset_seed is not None:
        check_seed("data.subset_seed", data.subset_seed)


def check_seeds(config: RunConfig) -> None:
    """Raises: BenchmarkError for a seed of a run, or a separate one, that not every generator takes."""
    check_seed("seed", config.seed)
    for name, seed in config.seeds.apart(config.seed).items():
        check_seed(f"seeds.{name}", seed)


def check_seed(key: str, seed: int) -> None:
    """Raises: BenchmarkError for a seed that not every generator takes."""
    if not 0 <= seed <= MOST_SEED:
        raise BenchmarkError(f"{key}={seed}: a seed is a whole number from 0 to {MOST_SEED}")


def check_settings(settings: dict[str, Any]) -> None:
    """Refuse a setting of a method or probe that is too large or too small.

    Raises: BenchmarkError naming the setting.
    """
    for key, value in settings.items():
        for number in value if isinstance(value, list | tuple) else [value]:
            if isinstance(number, int | float) and not isinstance(number, bool) and number:
                low, high = SETTINGS
                if not low <= abs(number) <= high and math.isfinite(number):
                    raise BenchmarkError(f"{key}={value}: must be 0, or from {low:g} to {high:g} in size")


def at_least(key: str, value: float, bound: float, strict: bool = False) -> None:
    """Raises: BenchmarkError for a value below ``bound``, equal to it if ``strict``, or not finite."""
    if not math.isfinite(value) or value < bound or (strict and value == bound):
        raise BenchmarkError(f"{key}={value}: must be {'above' if strict else 'at least'} {bound}")


def _within(key: str, value: float, low: float, high: float, other: str = "") -> None:
    if not low <= value <= high:
        raise BenchmarkError(f"{key}={value}: must be {other}from {low:g} to {_shown(high)}")


def _shown(bound: float) -> str:
    return str(bound) if isinstance(bound, int) else f"{bound:.6g}"
