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
NO_GPU = "No CUDA GPUs are available"  # torch's words for a driver that works and has no GPU for this process
AUTO_IS_CPU = "%s; device=auto is the CPU"
NO_DETERMINISTIC = "does not have a deterministic implementation"
LIBRARIES = ("torch", "transformers", "datasets", "huggingface_hub", "tokenizers", "evaluate", "filelock")


def choose_device(name: str) -> Any:
    """``auto`` is the GPU if there is one. Raises: BenchmarkError for a device that is not there."""
    import torch

    if name == "auto":
        if cuda_starts():
            return torch.device("cuda")
        if (why := unusable_cuda()) is not None:
            log.warning(AUTO_IS_CPU, why)
        return torch.device("cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        why = unusable_driver() if name.startswith("cuda") else None
        raise BenchmarkError(f"device={name}: not available here ({why or _fault(error)})") from error
    if device.type == "cuda" and device.index is not None:
        torch.cuda.set_device(device)  # code that names no device, such as graph capture, then uses this one
    return device


def cuda_starts() -> bool:
    """Tell if torch can use a GPU from this process."""
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch gives the reason once a process: see `unusable_cuda`
        return torch.cuda.is_available()


def unusable_cuda() -> str | None:
    """The reason why CUDA does not start on a machine with a GPU; None if there is none."""
    import torch

    if (why := unusable_driver()) is not None:
        return why
    if torch.version.cuda is None or not (has_driver() or torch.cuda.device_count()):
        return None
    try:
        torch.cuda.init()  # unlike `is_available`, it gives its reason every time
    except (RuntimeError, AssertionError) as error:
        why = _fault(error)
        return None if why == NO_GPU else f"CUDA {torch.version.cuda} of torch {torch.__version__}: {why}"
    return None


def _fault(error: Exception) -> str:
    """The fault in torch's message, without its advice about other faults."""
    line = str(error).splitlines()[0]
    numbered = re.search(r"\bError \d+: .*", line)
    return numbered.group() if numbered else line.rstrip(".")


def has_driver() -> bool:
    """Tell if this process may see NVIDIA GPUs by the driver of the machine."""
    return DRIVER.is_file() and CONTROL.exists() and os.environ.get("CUDA_VISIBLE_DEVICES") != ""


def unusable_driver() -> str | None:
    """Why torch cannot use the NVIDIA driver of this machine; None if it has none, or nothing is wrong with it."""
    import torch

    if not has_driver():
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
