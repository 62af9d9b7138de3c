"""Change of the L1 norm of each kind of parameter by fine-tuning.

Wu et al. (NoisyTune), ACL 2022, Figure 5. The paper lists neither the kinds nor the steps. Here a kind is a
parameter's place within its layer, and its norm the sum over all layers. The start is the start of
fine-tuning, noise included.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch

from benchmark.probes.base import Probe, Subject, at_least_one


@dataclass
class NormChange(Probe):
    """L1 norms by kind before the first update, after every ``every``-th and at the end.

    ``kinds`` (kinds,) are names; ``steps`` (points,) int64 the updates made; ``norms`` (points, kinds)
    float64, and ``start`` (kinds,) the first of them. ``change`` (kinds,) float64 is (last - first) / first;
    not a number if the norm starts at 0.
    """

    paper: ClassVar[str] = "Wu et al., ACL 2022, Figure 5"

    every: int | None = None  # None: at the start and the end alone

    def __post_init__(self) -> None:
        at_least_one("every", self.every)

    def begin(self, subject: Subject) -> None:
        self.steps = [0]
        self.norms = [norms(subject)]

    def updated(self, subject: Subject, done: int) -> None:
        self.done = done
        if self.every and done % self.every == 0:
            self.steps.append(done)
            self.norms.append(norms(subject))

    def end(self, subject: Subject) -> dict[str, np.ndarray]:
        if self.steps[-1] < self.done:
            self.steps.append(self.done)
            self.norms.append(norms(subject))
        values = np.array([list(norm.values()) for norm in self.norms])
        with np.errstate(invalid="ignore", divide="ignore"):
            change = np.where(values[0] > 0, values[-1] / values[0] - 1, np.nan)
        return {
            "kinds": np.array(list(self.norms[0])),
            "steps": np.array(self.steps, np.int64),
            "norms": values,
            "start": values[0],
            "change": change,
        }


@torch.no_grad()
def norms(subject: Subject) -> dict[str, float]:
    """The L1 norm of every kind of parameter."""
    totals: dict[str, torch.Tensor] = {}
    for name, weight in subject.model.named_parameters():
        depth = subject.encoder.depth(name)
        prefix = subject.encoder.prefix if depth is None else subject.encoder.layer_prefixes[depth]
        kind = name.removeprefix(prefix)
        totals[kind] = totals.get(kind, 0) + weight.abs().sum(dtype=torch.float64)
    return {kind: norm.item() for kind, norm in totals.items()}
