"""The effect of noise on one layer's output in the layers above that layer.

Hua et al. (LNSR), NAACL 2021, Figure 1: Gaussian noise whose l2 norm is 5 % of the norm of the output that it
is added to. The paper does not say over which entries the norm goes. Here every token's noise has that share
of the token's own norm, and so has every example's.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch

from benchmark.errors import BenchmarkError
from benchmark.models.architecture import output_changed
from benchmark.probes.base import Inputs, Probe, Subject, at_least_one
from benchmark.randomness import stream


@dataclass
class NoiseAttenuation(Probe):
    """The distance that noise makes at every layer, on an evaluation set.

    It uses the first ``examples`` (None: all). ``absolute`` and ``relative`` are (layers, layers) float64.
    For row b and column r, noise on the output of layer b + 1 changes the output of layer r + 1: ``absolute``
    is the l2 norm of this change over an example's tokens, ``relative`` its ratio to the norm of the output
    without noise, both as means over examples. 0 if r < b.
    """

    paper: ClassVar[str] = "Hua et al., NAACL 2021, Figure 1"

    share: float = 0.05  # size of the noise, as a share of the norm of a token's state
    examples: int | None = 256

    def __post_init__(self) -> None:
        at_least_one("examples", self.examples)
        if not 0 < self.share < float("inf"):
            raise BenchmarkError(f"share={self.share}: must be above 0")

    def end(self, subject: Subject) -> dict[str, np.ndarray]:
        absolute, relative = [], []
        with subject.quiet():
            for number, (inputs, _) in enumerate(subject.evaluation_batches(self.examples)):
                far, sizes = self.distances(subject, inputs, number)
                absolute.append(far.cpu())
                relative.append((far / sizes).cpu())
        return {
            "absolute": torch.cat(absolute, dim=-1).mean(-1).numpy(),
            "relative": torch.cat(relative, dim=-1).mean(-1).numpy(),
        }

    def distances(self, subject: Subject, inputs: Inputs, number: int) -> tuple[torch.Tensor, torch.Tensor]:
        """The changes by noise and the norms without it, in batch ``number``.

        (layers, layers, examples) and (layers, examples).
        """
        clean = subject.states(inputs)[1:]
        far = []
        for layer in range(len(clean)):
            unit = torch.randn(clean[0].shape, generator=stream(0, "noise attenuation", number, layer))
            noise = subject.unpadded(unit.to(subject.device), inputs["attention_mask"])
            with self.added(subject, layer, noise):
                noisy = subject.states(inputs)[1:]
            far.append(
                torch.stack([size(after - before) for after, before in zip(noisy, clean, strict=True)])
            )
        return torch.stack(far), torch.stack([size(state) for state in clean])

    @contextmanager
    def added(self, subject: Subject, place: int, noise: torch.Tensor) -> Iterator[None]:
        """Add noise to the output of layer ``place`` of a pass, for a while.

        ``noise`` is brought to size first.
        """
        passed = 0

        def change(state: torch.Tensor) -> torch.Tensor:
            nonlocal passed
            passed += 1
            if passed != place + 1:
                return state
            scale = self.share * state.norm(dim=-1, keepdim=True) / noise.norm(dim=-1, keepdim=True)
            return state + (scale * noise).to(state.dtype)

        with ExitStack() as stack:
            for layer in subject.encoder.layers:  # a layer with shared weights is called once per place
                stack.enter_context(output_changed(layer, change))
            yield


def size(states: torch.Tensor) -> torch.Tensor:
    """The l2 norm of each example: (examples, length, hidden) -> float64 (examples,)."""
    return states.flatten(1).double().norm(dim=-1)
