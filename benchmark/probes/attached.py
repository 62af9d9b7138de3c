"""The probes of one run, as one onlooker."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from benchmark.config.schema import RunConfig
from benchmark.config.targets import built, check_acts
from benchmark.probes.base import HOOKS, Probe, Subject
from benchmark.training.assemble import Training
from benchmark.training.onlooker import Onlooker


def build(chosen: dict[str, Any]) -> dict[str, Probe]:
    """Make the probes of a configuration, by name.

    Raises: BenchmarkError for an unknown or invalid setting of a probe, and for a probe without a hook.
    """
    probes = {name: built(f"probe.{name}", chosen[name], Probe) for name in sorted(chosen)}
    for name, probe in probes.items():
        check_acts(f"probe.{name}", probe, Probe, HOOKS)
    return probes


class Probes(Onlooker):
    """The probes of one run, and the ``seconds`` they took."""

    constant = ("config",)

    def __init__(self, config: RunConfig) -> None:
        self.config = config
        self.probes = build(config.probe)
        self.seconds = 0.0

    def attach(self, training: Training) -> None:
        """Set the subject of the probes."""
        self.subject = Subject(
            self.config,
            training.model,
            training.encoder,
            training.task,
            training.device,
            training.packing,
        )

    def begin(self) -> None:
        """Measure before the first update."""
        with self._timed():
            for probe in self.probes.values():
                probe.begin(self.subject)

    def updated(self, done: int) -> None:
        """Measure after ``done`` updates."""
        with self._timed():
            for probe in self.probes.values():
                probe.updated(self.subject, done)

    def end(self) -> dict[str, np.ndarray]:
        """Collect the measurements, by their names in the record's arrays."""
        with self._timed():
            return {
                f"probe/{name}/{key}": array
                for name, probe in self.probes.items()
                for key, array in probe.end(self.subject).items()
            }

    @contextmanager
    def _timed(self) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self.seconds += time.perf_counter() - started
