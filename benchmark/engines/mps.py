"""CUDA's multi-process service: with it, processes use one GPU at the same time.

Without it, they take turns.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from benchmark.runs.resources import VISIBLE

CONTROL = "nvidia-cuda-mps-control"
PIPE, LOG = "CUDA_MPS_PIPE_DIRECTORY", "CUDA_MPS_LOG_DIRECTORY"
PART = "MIG-"  # begins the name of a part of a GPU
SECONDS = 20


@contextmanager
def mps() -> Iterator[dict[str, str] | None]:
    """Environment variables for processes that share a GPU by MPS (a running daemon, else ours).

    None without MPS.
    """
    if shutil.which(CONTROL) is None:
        yield None
    elif _control("get_server_list", {}):
        yield {}
    elif PART in os.environ.get(VISIBLE, ""):
        yield None  # it would need a daemon for every part, started with the part's name
    else:
        folder = tempfile.mkdtemp(prefix="benchmark-mps-")
        environment = {PIPE: folder, LOG: folder}
        try:
            yield environment if _done([CONTROL, "-d"], environment) else None
        finally:
            _control("quit", environment)
            shutil.rmtree(folder, ignore_errors=True)


def _control(command: str, environment: dict[str, str]) -> bool:
    """Tell if a daemon answers ``command``."""
    return _done([CONTROL], environment, f"{command}\n")


def _done(command: list[str], environment: dict[str, str], text: str = "") -> bool:
    try:
        done = subprocess.run(
            command,
            input=text,
            # If a daemon saw only some GPUs, its clients would have to number GPUs from the first of those.
            env={name: value for name, value in os.environ.items() if name != VISIBLE} | environment,
            stdout=subprocess.DEVNULL,  # a daemon would keep a pipe open
            stderr=subprocess.DEVNULL,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
