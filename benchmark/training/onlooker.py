"""Whoever looks on while a run is trained, and changes nothing."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
import torch
from transformers import PreTrainedModel

from benchmark.models.architecture import Encoder
from benchmark.models.packing import Packing
from benchmark.step.state import Stateful
from benchmark.tasks import Task


class Onlooker(Stateful):
    """Is told how far a run is and looks at its model; ``seconds`` are those that it took."""

    seconds: float = 0.0

    @abstractmethod
    def attach(
        self,
        model: PreTrainedModel,
        encoder: Encoder,
        task: Task,
        device: torch.device,
        packing: Packing | None,
    ) -> None:
        """Say what is to be looked at."""

    @abstractmethod
    def begin(self) -> None:
        """No update was made yet."""

    @abstractmethod
    def updated(self, done: int) -> None:
        """``done`` updates are complete."""

    @abstractmethod
    def end(self) -> dict[str, np.ndarray]:
        """What was found, by its name in the record's arrays."""
