"""Checks before the first run of a grid: of its plug-ins, of this machine, and of its data."""

from __future__ import annotations

import os
from collections.abc import Sequence

from benchmark.config.schema import RunConfig
from benchmark.errors import BenchmarkError
from benchmark.records.disk import make_writable
from benchmark.records.store import Store
from benchmark.runs.looking import check_data
from benchmark.runs.plugins import check_plugins


def check_grid(configs: Sequence[RunConfig], here: bool = True) -> None:
    """Check the plug-ins of a grid once; if its runs are made ``here``, machine and data as well.

    Raises: BenchmarkError for the first fault.
    """
    for config in configs:
        check_plugins(config)
    if not here:
        return
    for config in configs:
        check_machine(config)
        Store(config.store).open()
        make_writable("cache", config.cache)
    check_data(configs)


def check_machine(config: RunConfig) -> None:
    """Refuse what this machine lacks: threads above its cores, a device, or a GPU for ``replay``.

    Raises: BenchmarkError.
    """
    cores = os.cpu_count() or 1
    if config.threads > cores:
        raise BenchmarkError(f"threads={config.threads}: at most {cores}, the cores of this machine")
    kind, _, number = config.device.partition(":")
    if kind in ("auto", "cpu") and not config.replay:
        return
    import torch  # slow, and needed for nothing else

    from benchmark.runs.device import check_replay, choose_device, unusable_cuda

    if kind != "cuda":
        check_replay(config.replay, config.device, choose_device(config.device))
    elif int(number or 0) >= (count := torch.cuda.device_count()):
        # Unlike `choose_device`, this takes no GPU memory
        raise BenchmarkError(
            f"device={config.device}: not available here ({unusable_cuda() or f'torch finds {count} GPUs'})"
        )
