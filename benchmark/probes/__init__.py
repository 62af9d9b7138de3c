"""Measurements of a run for the papers' figures, one file each; `conf/probe/` names them.

A run with probes trains to the same bits as the run without, and is a run of its own, so that what a
record lacks is measured by running it again. Their arrays are `probe/NAME/…` in the record's.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from benchmark.config.schema import RunConfig
from benchmark.config.targets import built
from benchmark.probes.base import Probe, Subject
from benchmark.training.assemble import Training
from benchmark.training.onlooker import Onlooker

__all__ = ["Probe", "Subject", "Watch", "build"]


def build(chosen: dict[str, Any]) -> dict[str, Probe]:
    """The probes of a configuration by name.

    Raises: BenchmarkError for settings a probe does not take, or not with that value.
    """
    return {name: built(f"probe.{name}", chosen[name], Probe) for name in sorted(chosen)}


class Watch(Onlooker):
    """The probes of one run, and how many ``seconds`` they took."""

    constant = ("config",)

    def __init__(self, config: RunConfig) -> None:
        self.config = config
        self.probes = build(config.probe)
        self.seconds = 0.0

    def attach(self, training: Training) -> None:
        """Say what is to be looked at."""
        self.subject = Subject(
            self.config,
            training.model,
            training.encoder,
            training.task,
            training.device,
            training.packing,
        )

    def begin(self) -> None:
        """No update was made yet."""
        with self._timed():
            for probe in self.probes.values():
                probe.begin(self.subject)

    def updated(self, done: int) -> None:
        """``done`` updates are complete."""
        with self._timed():
            for probe in self.probes.values():
                probe.updated(self.subject, done)

    def end(self) -> dict[str, np.ndarray]:
        """What the probes found, by its name in the record's arrays."""
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
