"""The rates of this machine, from seconds of a run's own operations.

They are measured in separate processes, as many at a time as there would be runs, and kept in the cache.
Seconds are CPU seconds of the process: the load of other programs does not count.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any

from benchmark.errors import BenchmarkError
from benchmark.forecast.devices import HERE, MEASURED, Rates
from benchmark.progress import hearer, silence
from benchmark.runs.resources import processor

VERSION = 3  # version of the file in the cache
PLACE = "machine.json"
AT_MOST = 4  # processes at a time
PATIENCE = 120.0  # seconds until measuring is given up
SIZES = (1024, 384, 1536)  # sizes of a product
FLOATS = 20_000_000  # entries of an addition in place: 80 MB, more than caches hold
TINY, TOKENS = (
    64,
    512,
)  # width of an encoder of two layers whose time is hardly more than the starts of its operations
STARTED = (
    2 * 90 + 8 * 24
) * 3  # operations of such an update, as `benchmark.forecast.operations` counts them
SECONDS = 0.9  # length of each measurement
SINGLE = ("bytes", "dispatch", "large", "activation")  # rates beside those of products


def machine(cache: Path, processes: int) -> Rates:
    """The rates of this machine for ``processes`` runs at a time: cached, or measured now.

    Raises: BenchmarkError if they cannot be measured.
    """
    at_a_time = max(1, min(processes, AT_MOST))
    key, place = f"{processor()}, {os.cpu_count()} cores, {at_a_time} at a time", cache / PLACE
    known = _kept(place)
    if key not in known:
        hearer(silence)("measuring this machine (once)", 0, 0)
        known[key] = measured(at_a_time)
        with suppress(OSError):  # a cache that cannot be written to: rates are measured again the next time
            cache.mkdir(parents=True, exist_ok=True)
            partial = place.with_suffix(f".{os.getpid()}")
            partial.write_text(json.dumps({"version": VERSION, "machines": known}, indent=1))
            partial.replace(place)
    return replace(as_rates(known[key]), device=processor())


def as_rates(stored: Mapping[str, Any]) -> Rates:
    """The rates of this machine from a probe's findings."""
    more = {name: stored[name] for name in SINGLE}
    return Rates(HERE, stored["products"], memory=None, origin=MEASURED, **more)


def _kept(place: Path) -> dict[str, Any]:
    try:
        content = json.loads(place.read_text())
        machines = content["machines"] if content["version"] == VERSION else {}
        return {
            key: stored
            for key, stored in machines.items()
            if min(*(stored[name] for name in SINGLE), *stored["products"].values()) > 0
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def measured(processes: int) -> dict[str, Any]:
    """The rates of one run among ``processes`` runs at a time: the median.

    Raises: BenchmarkError if a process fails.
    """
    context = multiprocessing.get_context("spawn")
    started, results = [], []
    for _ in range(processes):
        receiver, sender = context.Pipe(duplex=False)
        process = context.Process(target=_measure, args=(sender,), daemon=True)
        process.start()
        sender.close()
        started.append((process, receiver))
    try:
        for _, receiver in started:
            if not receiver.poll(PATIENCE):
                raise BenchmarkError(f"it took more than {PATIENCE:g} s")
            results.append(receiver.recv())
    except (EOFError, OSError) as error:
        raise BenchmarkError("its process died") from error
    finally:
        for process, _ in started:
            process.kill()
    failed = next((result for result in results if isinstance(result, str)), None)
    if failed is not None:
        raise BenchmarkError(failed)
    return {
        "products": {
            name: median(result["products"][name] for result in results) for name in results[0]["products"]
        },
        **{name: median(result[name] for result in results) for name in SINGLE},
    }


def _measure(sender: Connection) -> None:
    """Send the rates, or why there are none."""
    try:
        told: Any = rates()
    except Exception as error:  # torch is not installed, or does not run here
        told = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
    with suppress(BrokenPipeError):  # nobody asks any more
        sender.send(told)


def rates() -> dict[str, Any]:
    """The rates of this process, on one thread of the CPU."""
    import torch

    torch.set_num_threads(1)
    rows, inner, columns = SIZES
    operations, products = 2.0 * rows * inner * columns, {}
    for name, kind in {"float32": torch.float32, "bfloat16": torch.bfloat16}.items():
        left, right = torch.rand(rows, inner).to(kind), torch.rand(inner, columns).to(kind)
        products[name] = operations / _seconds(lambda left=left, right=right: left @ right)  # type: ignore[misc]
    large, other = torch.rand(FLOATS), torch.rand(FLOATS)
    return {
        "products": products,
        "bytes": 12.0 * FLOATS / _seconds(lambda: large.add_(other)),
        "dispatch": _seconds(_tiny_update()) / STARTED,
        "large": 3 * operations / _seconds(_large_products()),
        "activation": _seconds(_activations()) / (rows * columns),
    }


def _large_products() -> Callable[[], object]:
    """The three products of a layer, forward and back, as a run computes large ones."""
    import torch

    from benchmark.models.linear import install

    layer = torch.nn.Sequential(torch.nn.Linear(SIZES[1], SIZES[2], bias=False))
    install(layer)
    states = torch.rand(SIZES[0], SIZES[1], requires_grad=True)
    gradient = torch.rand(SIZES[0], SIZES[2])
    return lambda: torch.autograd.grad(layer(states), [states, *layer.parameters()], gradient)


def _activations() -> Callable[[], object]:
    """The activations of a layer with their gradients."""
    import torch

    states = torch.rand(SIZES[0], SIZES[2], requires_grad=True)
    gradient = torch.rand(SIZES[0], SIZES[2])
    return lambda: torch.autograd.grad(torch.nn.functional.gelu(states), states, gradient)


def _tiny_update() -> Callable[[], object]:
    """An update of a tiny encoder.

    Its time is that of Python and of starting operations and their gradients.
    """
    import torch
    from torch import nn

    layers = [nn.TransformerEncoderLayer(TINY, 4, 2 * TINY, batch_first=True) for _ in range(2)]
    encoder = nn.Sequential(*layers)
    optimizer = torch.optim.AdamW(encoder.parameters(), fused=True)
    tokens = torch.rand(TOKENS // 16, 16, TINY)

    def update() -> None:
        optimizer.zero_grad()
        encoder(tokens).square().mean().backward()
        nn.utils.clip_grad_norm_(encoder.parameters(), 1.0)
        optimizer.step()

    return update


def _seconds(work: Callable[[], object]) -> float:
    """The seconds of ``work``: the median over many."""
    work()
    taken, ends = [], time.process_time() + SECONDS
    while time.process_time() < ends:
        began = time.process_time()
        work()
        taken.append(time.process_time() - began)
    return median(taken)
