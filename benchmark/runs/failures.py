"""The failure of a run: its cause in a word, its place, and its file in the store."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from benchmark.config.schema import as_json
from benchmark.errors import BenchmarkError, one_line
from benchmark.privacy import folders_in, portable_text
from benchmark.records.disk import UnwritableError
from benchmark.records.record import Failure
from benchmark.records.token import StoreGoneError
from benchmark.runs.gpu_memory import out_of_memory
from benchmark.runs.request import Run
from benchmark.runs.result import portable, portable_command, timestamp

log = logging.getLogger(__name__)

REFUSED, CRASHED, LATE, ERROR = "refused", "crashed", "late", "error"
OUT_OF_MEMORY, GPU_FAULT = "out of memory", "GPU fault"
GONE, UNWRITABLE = "store gone", "store unwritable"


def cause_of(error: BaseException) -> str:
    """The kind of a failure."""
    if isinstance(error, StoreGoneError):
        return GONE
    if isinstance(error, UnwritableError):
        return UNWRITABLE
    causes = {type(link).__name__ for link in (error, error.__cause__)}
    if isinstance(error, BenchmarkError) and error.__cause__ and out_of_memory(error.__cause__):
        return OUT_OF_MEMORY
    if "AcceleratorError" in causes:  # the process has lost the GPU, perhaps through another process
        return GPU_FAULT
    return ERROR if one_line(error) is None else REFUSED


def frames(error: BaseException) -> str:
    """The traceback of ``error``."""
    return "".join(traceback.format_exception(error))


@contextmanager
def failures_recorded(this: Run) -> Iterator[None]:
    """Keep an error raised in the block as the run's failure in the store."""
    try:
        yield
    except Exception as error:
        try:
            this.store.add_failure(failure(this, error))
        except (OSError, StoreGoneError) as other:
            log.warning("%s: no failure could be recorded (%s)", this.store.folder, other)
        raise


def failure(this: Run, error: BaseException | str, cause: str | None = None) -> Failure:
    """Describe the failure of a run.

    ``error`` is text, and its ``cause`` is given, for a process that ended without an exception.
    """
    if isinstance(error, str):
        line, shown = error, ""
    else:
        line, shown = one_line(error) or f"{type(error).__name__}: {error}", frames(error)
        cause = cause_of(error)
    line, shown = (portable_text(text, folders_in(as_json(this.config))) for text in (line, shown))
    command = portable_command(this.config, this.command)
    return Failure(this.id, cause or CRASHED, line, shown, portable(this.config), command, timestamp())
