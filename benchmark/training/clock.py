"""Seconds of a fine-tuning, divided into updates, evaluations, survey and probes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from benchmark.records.record import Seconds


class Clock:
    """Timer of updates, evaluations and the survey of a run on ``device``."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.started = time.perf_counter()
        self.evaluating = self.surveying = 0.0
        self.updates: list[float] = []

    def resume(self, elapsed: float, evaluating: float) -> None:
        """Add the seconds of earlier processes."""
        self.started -= elapsed
        self.evaluating += evaluating

    @property
    def elapsed(self) -> float:
        """Seconds since the run began."""
        return time.perf_counter() - self.started

    @contextmanager
    def survey(self) -> Iterator[None]:
        """Time the block as the survey of the training data."""
        began = time.perf_counter()
        yield
        self.surveying += time.perf_counter() - began

    @contextmanager
    def update(self) -> Iterator[None]:
        """Time the block as one update."""
        began = time.perf_counter()
        yield
        self.updates.append(time.perf_counter() - began)

    @contextmanager
    def evaluation(self) -> Iterator[None]:
        """Time the block as an evaluation, also if it raises."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.evaluating += time.perf_counter() - began

    def seconds(self, probes: float, updates: int) -> Seconds:
        """The seconds of a run of ``updates`` updates; ``probes`` are the seconds of its probes."""
        training = self.elapsed - self.evaluating - probes
        # A call returns before the GPU is done. So the time of an update on a GPU is a mean over the run.
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
