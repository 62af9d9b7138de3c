"""Rates of devices: of this machine as measured, and of named GPUs from runs or from data sheets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from benchmark.errors import unknown

MEASURED, DATASHEET = "measured", "data sheet"
HERE = "here"


@dataclass(frozen=True)
class Rates:
    """The rates of a device for one run.

    ``products``: floating-point operations a second by precision, in products of an update's usual sizes. ``bytes``:
    moved a second. ``dispatch``: seconds of one operation on almost nothing. ``memory``: bytes of a GPU; None on a CPU.
    ``origin`` is `MEASURED` or `DATASHEET`, ``device`` its name in records, or the beginning of it. Of a CPU alone:
    ``large``, operations a second in the float32 products that `benchmark.models.linear` gives to another library,
    and ``activation``, seconds of an activation of the encoder with its gradient.
    """

    name: str
    products: Mapping[str, float]
    bytes: float
    dispatch: float
    memory: float | None
    origin: str
    device: str = ""
    large: float = 0.0
    activation: float = 0.0

    @property
    def on_gpu(self) -> bool:
        """True for a GPU."""
        return self.memory is not None

    def of(self, precision: str) -> float | None:
        """Operations a second in a precision; None if the device lacks the precision."""
        return self.products.get(precision)


# Replayed updates of MiniLM and of a base-size encoder on two tasks each give three numbers: what products reach, and
# what a layer takes however few tokens it has (results/reference/gpu.md). Data sheets are scaled as these two are to theirs.
SHARE = {"float32": 0.43, "tf32": 0.25, "bfloat16": 0.25}
LAUNCH = 1.4e-6
SHARE_OF_BYTES = 0.75


def _of_sheet(
    name: str, device: str, float32: float, tf32: float, bfloat16: float, bandwidth: float, memory: float
) -> Rates:
    """Rates from a data sheet, in TFLOP/s, TB/s and GiB.

    0 TFLOP/s means that the device lacks the precision.
    """
    sheet = {"float32": float32, "tf32": tf32, "bfloat16": bfloat16}
    products = {key: SHARE[key] * value * 1e12 for key, value in sheet.items() if value}
    return Rates(name, products, SHARE_OF_BYTES * bandwidth * 1e12, LAUNCH, memory * 2**30, DATASHEET, device)


NAMED = {
    rates.name: rates
    for rates in (
        Rates(
            "h100",
            {"float32": 28.7e12, "tf32": 115e12, "bfloat16": 255e12},
            2.4e12,
            LAUNCH,
            79 * 2**30,
            MEASURED,
            "NVIDIA H100",
        ),
        Rates(
            "h200",
            {"float32": 26.5e12, "tf32": 115e12, "bfloat16": 270e12},
            3.4e12,
            LAUNCH,
            140 * 2**30,
            MEASURED,
            "NVIDIA H200",
        ),
        _of_sheet("a100", "NVIDIA A100", 19.5, 156, 312, 2.0, 79),
        _of_sheet("a10", "NVIDIA A10", 31.2, 62.5, 125, 0.6, 22),
        _of_sheet("l4", "NVIDIA L4", 30.3, 60, 121, 0.3, 22),
        _of_sheet("l40s", "NVIDIA L40S", 91.6, 183, 362, 0.864, 44),
        _of_sheet("rtx3090", "NVIDIA GeForce RTX 3090", 35.6, 35.6, 71, 0.936, 23),
        _of_sheet("rtx4090", "NVIDIA GeForce RTX 4090", 82.6, 82.6, 165, 1.008, 23),
        _of_sheet("v100", "Tesla V100", 15.7, 0, 0, 0.9, 31),
        _of_sheet("t4", "Tesla T4", 8.1, 0, 0, 0.32, 14),
    )
}


def named(name: str) -> Rates:
    """The rates of a device of the table. Raises: BenchmarkError for an unknown one, with the nearest."""
    if name.lower() not in NAMED:
        raise unknown("device", name, [HERE, *NAMED], "ON")
    return NAMED[name.lower()]
