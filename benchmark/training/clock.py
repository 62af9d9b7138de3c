"""Where the time of a fine-tuning goes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from benchmark.records.record import Seconds


class Clock:
    """Measures updates, evaluations and the survey of a run on ``device``."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.started = time.perf_counter()
        self.evaluating = self.surveying = 0.0
        self.updates: list[float] = []

    def resume(self, elapsed: float, evaluating: float) -> None:
        """Count the seconds of earlier processes in."""
        self.started -= elapsed
        self.evaluating += evaluating

    @property
    def elapsed(self) -> float:
        """Seconds since the run began."""
        return time.perf_counter() - self.started

    @contextmanager
    def survey(self) -> Iterator[None]:
        """While this lasts, methods survey the training data."""
        began = time.perf_counter()
        yield
        self.surveying += time.perf_counter() - began

    @contextmanager
    def update(self) -> Iterator[None]:
        """While this lasts, an update is made."""
        began = time.perf_counter()
        yield
        self.updates.append(time.perf_counter() - began)

    @contextmanager
    def evaluation(self) -> Iterator[None]:
        """While this lasts, the model is evaluated."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.evaluating += time.perf_counter() - began

    def seconds(self, probes: float, updates: int) -> Seconds:
        """The seconds of a run of so many ``updates``, of which ``probes`` took some."""
        training = self.elapsed - self.evaluating - probes
        # A GPU works on after a call returns: there only the whole says how long an update takes.
        mean = (training - self.surveying) / updates
        typical = float(np.median(self.updates)) if self.device.type != "cuda" and self.updates else mean
        return Seconds(
            train=training,
            evaluate=self.evaluating,
            survey=self.surveying,
            per_update=typical,
            probes=probes,
            total=self.elapsed,
        )
