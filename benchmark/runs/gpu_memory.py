"""Memory of a GPU: a worker's share, the room that a run needs, and the refusal when it is full."""

from __future__ import annotations

import re
from typing import Any

from benchmark.errors import BenchmarkError

MOMENTS = {"lion": 1, "adafactor": 0}  # of a matrix's size, by optimiser; all others have two


def share_gpu(number: int, device: str, room: int | None) -> tuple[int, int] | None:
    """Take GPU ``number`` for this process; tensors get at most ``room`` bytes.

    Without ``room`` they get all. ``device`` is the run's, as configured. Returns the free bytes and all bytes
    of the GPU; None if torch finds none. Raises: BenchmarkError if not even CUDA's context fits, or if another
    process has the GPU for itself.
    """
    import torch

    if not torch.cuda.is_available():
        return None
    try:
        torch.cuda.set_device(number)
        free, total = torch.cuda.mem_get_info()
        torch.cuda.set_per_process_memory_fraction(1.0 if room is None else min(1.0, room / total))
    except RuntimeError as error:
        why = str(error).partition("\n")[0]
        raise out_of_memory(error) or BenchmarkError(
            f"device={device}: GPU {number} cannot be used now ({why}); free it, or use another one"
        ) from error
    return free, total


def check_weights(model: Any, name: str, device: Any) -> None:
    """Raises: BenchmarkError if the free memory of a GPU cannot hold the weights of ``model``, called ``name``."""
    _check_room(f"model {name!r}: its weights", sum(weight.nbytes for weight in model.parameters()), device)


def check_training(model: Any, name: str, optimizer: str, device: Any) -> None:
    """Check the room on a GPU for training ``model``, which is there and ready.

    Raises: BenchmarkError if free memory cannot hold what comes with the weights that are not frozen.
    """
    trained = sum(weight.nbytes for weight in model.parameters() if weight.requires_grad)
    what = f"model {name!r}: gradients and moments of its trained weights"
    _check_room(what, trained * (1 + MOMENTS.get(optimizer, 2)), device)


def _check_room(what: str, needed: int, device: Any) -> None:
    import torch

    if device.type != "cuda":
        return
    free, total = torch.cuda.mem_get_info(device)
    free += torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)  # kept for new tensors
    if needed > free:
        raise BenchmarkError(
            f"{what} alone need {gibibytes(needed)}, and {torch.cuda.get_device_name(device)} "
            f"(device={device}) has {gibibytes(free)} free of {gibibytes(total)}; free it, or use a smaller model"
        )


def out_of_memory(error: BaseException) -> BenchmarkError | None:
    """The refusal for a full GPU, with the bytes asked and free; None for another error."""
    import torch

    text = str(error)
    full = "out of memory" in text or "ALLOC_FAILED" in text
    if not (isinstance(error, torch.OutOfMemoryError) or (isinstance(error, RuntimeError) and full)):
        return None
    asked = re.search(r"Tried to allocate ([\d.]+ \w+)", text)
    left = re.search(r"total capacity of ([\d.]+ \w+) of which ([\d.]+ \w+) is free", text)
    numbers = [f"asked for {asked.group(1)}"] if asked else []
    numbers += [f"{left.group(2)} of {left.group(1)} free"] if left else []
    return BenchmarkError(
        f"CUDA out of memory ({', '.join(numbers) or text.splitlines()[0]}); free the GPU, or use a larger one"
    )


def gibibytes(count: float) -> str:
    """``3 << 30`` -> ``3.0 GiB``."""
    return f"{count / (1 << 30):.1f} GiB"
