"""Similarity of the tokens of an example at every layer.

Yuan et al. (HyPe), ACL 2023, Figure 4 and Appendix G.1: the mean cosine similarity of all pairs of an
example's tokens, averaged over examples.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch.nn import functional

from benchmark.probes.base import Probe, Subject, at_least_one


@dataclass
class TokenSimilarity(Probe):
    """Token similarity on the first ``examples`` (None: all) of the task's first evaluation set.

    ``similarity`` (layers + 1,) float64 begins with the first layer's input. Examples of one token, which
    have no pair, are left out.
    """

    paper: ClassVar[str] = "Yuan et al., ACL 2023, Figure 4"

    examples: int | None = 512

    def __post_init__(self) -> None:
        at_least_one("examples", self.examples)

    def end(self, subject: Subject) -> dict[str, np.ndarray]:
        similarities = []
        with subject.quiet():
            for inputs, _ in subject.evaluation_batches(self.examples):
                mask = inputs["attention_mask"]
                by_layer = [similarity(state, mask) for state in subject.states(inputs)]
                similarities.append(torch.stack(by_layer).cpu())
        return {"similarity": torch.cat(similarities, dim=1).mean(1).numpy()}


def similarity(states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """The mean similarity of all pairs of an example's tokens.

    ``states`` are (examples, length, hidden), 0 at padding. Examples without a pair are left out.
    """
    tokens = mask.sum(1).double()
    paired = tokens > 1
    # The squared length of a sum of n unit vectors is n and the similarities of all ordered pairs.
    unit = functional.normalize(states.double(), dim=-1)
    squares = unit.sum(1).square().sum(-1)
    return ((squares - tokens) / (tokens * (tokens - 1)))[paired]
