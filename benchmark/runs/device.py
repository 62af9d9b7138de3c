"""The device of a run: its choice, its checks, and the settings for bitwise equal repetitions."""

from __future__ import annotations

import logging
import os
import random
import re
import sys
import warnings
from pathlib import Path
from typing import Any

from benchmark.errors import BenchmarkError

log = logging.getLogger(__name__)

DRIVER, CONTROL = Path("/proc/driver/nvidia/version"), Path("/dev/nvidiactl")
NEEDED_DRIVERS = {"11": 450, "12": 525, "13": 580}  # by CUDA's major version, the oldest driver that runs it
NO_DETERMINISTIC = "does not have a deterministic implementation"
STATE_BYTES = 16  # bytes of a parameter in training: float32 weight, gradient, and two moments
LIBRARIES = ("torch", "transformers", "datasets", "huggingface_hub", "tokenizers", "evaluate", "filelock")


def choose_device(name: str) -> Any:
    """``auto`` is the GPU if there is one. Raises: BenchmarkError for a device that is not there."""
    import torch

    if name == "auto":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns of a driver that is too old
            there = torch.cuda.is_available()
        if not there:
            if (why := unusable_driver()) is not None:
                log.warning("%s; device=auto is the CPU", why)
            return torch.device("cpu")
        return torch.device("cuda")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        why = unusable_driver() if name.startswith("cuda") else None
        raise BenchmarkError(
            f"device={name}: not available here ({why or str(error).splitlines()[0]})"
        ) from error
    if device.type == "cuda" and device.index is not None:
        torch.cuda.set_device(device)  # code that names no device, such as graph capture, then uses this one
    return device


def unusable_driver() -> str | None:
    """Why torch cannot use the NVIDIA driver of this machine; None if it has none, or nothing is wrong with it."""
    import torch

    if not (DRIVER.is_file() and CONTROL.exists()) or os.environ.get("CUDA_VISIBLE_DEVICES") == "":
        return None
    number = re.search(r"\s(\d{3,}[.\d]*)\s", DRIVER.read_text())
    driver = number.group(1) if number else "unknown"
    there = f"this machine has the NVIDIA driver {driver}, and torch {torch.__version__}"
    if torch.version.cuda is None:
        return f"{there} is built without CUDA; install a build with it"
    needed = NEEDED_DRIVERS.get(torch.version.cuda.partition(".")[0])
    if number is None or needed is None or int(driver.partition(".")[0]) >= needed:
        return None
    return (
        f"{there} is built for CUDA {torch.version.cuda}, which needs {needed} or newer; "
        "update the driver, or install a torch build for an older CUDA"
    )


def check_replay(replay: bool | None, name: str, device: Any) -> None:
    """Raises: BenchmarkError if updates are to be replayed on a ``device``, called ``name``, that is no GPU."""
    if replay and device.type != "cuda":
        raise BenchmarkError(
            f"replay=true needs a GPU, and this run is on {device} (device={name}): leave it null"
        )


def check_precision(precision: str, device: Any) -> None:
    """Refuse bfloat16 on a GPU that lacks it; warn of a processor that only emulates it.

    Raises: BenchmarkError for such a GPU.
    """
    import torch

    if precision != "bfloat16":
        return
    capable = torch.cpu.get_capabilities()  # capabilities of the processor by name: avx512_bf16, amx_bf16, …
    if device.type == "cpu" and not any(has for name, has in capable.items() if name.endswith("bf16")):
        log.warning(
            "protocol.precision=bfloat16: this processor (%s) only emulates bfloat16, so float32 is quicker",
            capable.get("cpu_name", "unknown"),
        )
    if device.type == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False):
        raise BenchmarkError(
            f"protocol.precision=bfloat16: {torch.cuda.get_device_name(device)} (device={device}) has no "
            "bfloat16; use float32"
        )


def check_room(model: Any, name: str, device: Any) -> None:
    """Raises: BenchmarkError if the free memory of a GPU cannot hold ``model``, called ``name``, in training."""
    import torch

    if device.type != "cuda":
        return
    needed = STATE_BYTES * sum(parameter.numel() for parameter in model.parameters())
    free, total = torch.cuda.mem_get_info(device)
    if needed > free:
        raise BenchmarkError(
            f"model {name!r}: weights, gradients and moments alone need {gibibytes(needed)}, and "
            f"{torch.cuda.get_device_name(device)} (device={device}) has {gibibytes(free)} free of "
            f"{gibibytes(total)}; free it, or use a smaller model"
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


def keep_quiet() -> None:
    """Silence bars, warnings and logs of libraries: they say nothing about a run."""
    import datasets
    import transformers

    if not sys.warnoptions:  # `python -W default` shows warnings all the same
        warnings.simplefilter("ignore")
    for name in {
        *LIBRARIES,
        *logging.root.manager.loggerDict,
    }:  # torch's loggers have levels and handlers of their own
        if name.partition(".")[0] in LIBRARIES and logging.getLogger(name).level != logging.ERROR:
            logging.getLogger(name).setLevel(
                logging.ERROR
            )  # slow: it clears the cached levels of all loggers
    datasets.disable_progress_bars()
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    # Otherwise transformers sends the hub a request that nobody asked for
    os.environ["DISABLE_SAFETENSORS_CONVERSION"] = "1"


def make_reproducible(threads: int, precision: str, strict: bool = True) -> None:
    """Fix everything else that could change the bits of a result: threads, algorithms, TF32, default type.

    If ``strict``, an operation without a deterministic implementation is an error (`not_deterministic`).
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    import torch

    torch.set_num_threads(threads)
    torch.set_default_dtype(torch.float32)
    # Attention on a GPU is deterministic only if non-deterministic operations are errors.
    torch.use_deterministic_algorithms(True, warn_only=not strict)
    # Do not fill new memory: that costs a tenth of an update, and nothing here reads it before writing.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = precision == "tf32"


def seed_shared_streams(seed: int) -> None:
    """Seed the random streams that all code of a process shares: no method here uses them, but others may."""
    import numpy as np
    import torch

    torch.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed % (1 << 32))


def not_deterministic(error: BaseException) -> str | None:
    """The operation that has no deterministic implementation, if that is the error; else None."""
    name, separator, _ = str(error).partition(f" {NO_DETERMINISTIC}")
    return name.rpartition(" ")[2] if separator and isinstance(error, RuntimeError) else None
