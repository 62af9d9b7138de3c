"""What a method is: a small class with typed hyper-parameters and only the moments it needs."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from transformers import PreTrainedModel

from benchmark.randomness import stream


@dataclass(frozen=True)
class Setting:
    """What a method is given when it attaches: its own name and the seed of its run."""

    name: str
    seed: int

    def stream(self, *purpose: str | int) -> torch.Generator:
        """This method's own random stream, apart from everybody else's."""
        return stream(self.seed, "method", self.name, *purpose)


class Method:
    """One perturbation or regulariser; a method overrides the moments it acts at."""

    def attach(self, model: PreTrainedModel, setting: Setting) -> None:
        """The model is built (encoder loaded, head drawn); the optimiser does not exist yet."""
