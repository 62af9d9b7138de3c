"""The cause of a failed run in a word, and its place."""

from __future__ import annotations

import traceback

from benchmark.errors import BenchmarkError, one_line
from benchmark.runs.device import out_of_memory

REFUSED, CRASHED, ERROR = "refused", "crashed", "error"
OUT_OF_MEMORY, GPU_FAULT = "out of memory", "GPU fault"


def cause_of(error: BaseException | str) -> str:
    """The kind of a failure; ``error`` is a text if its process died without raising any."""
    if isinstance(error, str):
        return CRASHED
    causes = {type(link).__name__ for link in (error, error.__cause__)}
    if isinstance(error, BenchmarkError) and error.__cause__ and out_of_memory(error.__cause__):
        return OUT_OF_MEMORY
    if "AcceleratorError" in causes:  # the process has lost the GPU; another process may have been the reason
        return GPU_FAULT
    return ERROR if one_line(error) is None else REFUSED


def frames(error: BaseException) -> str:
    """The traceback of ``error``."""
    return "".join(traceback.format_exception(error))
