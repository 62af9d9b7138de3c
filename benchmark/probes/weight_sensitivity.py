"""Sensitivity of a fine-tuned model's loss to each weight, |theta * g|, as a distribution.

Zhang et al. (PATS), EMNLP 2022, Figures 2 and 3. The paper does not name the data. Here the sensitivity is
the mean over batches of training examples, in file order, each of the run's batch size, without dropout and
without clipping. It is of the weights on which PATS acts (the encoder layers but their normalisations, A.2).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import ClassVar

import numpy as np
import torch

from benchmark.methods.common.tensors import in_layers
from benchmark.probes.base import Probe, Subject, at_least_one
from benchmark.step.passes import autocast
from benchmark.training.course import micro_batches, to_device

LEVELS = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
INSENSITIVE = 5e-8  # the least sensitivity that Figure 2 shows
TOP = 0.01  # the share of weights that count as most sensitive
EDGES = np.logspace(-14, 0, 14 * 20 + 1)


@dataclass
class SensitivityOfWeights(Probe):
    """The distribution of |theta * g| over the first batches of the training data.

    ``batches`` None: all. ``edges`` (bins + 1,) and ``counts`` (bins + 2,) int64 are a histogram with 20 bins
    to a power of ten. The first count is of values below the bins, 0 included; the last of values above them.
    ``mean`` and ``std`` (n-1) are scalars; ``quantiles`` are those at ``levels``. ``insensitive`` is the share of
    weights below 5e-8, ``top_share`` the share of the most sensitive hundredth in the sum; not a number if that
    is 0. All but the counts are float64.
    """

    paper: ClassVar[str] = "Zhang et al., EMNLP 2022, Figures 2 and 3"

    batches: int | None = 32

    def __post_init__(self) -> None:
        at_least_one("batches", self.batches)

    def end(self, subject: Subject) -> dict[str, np.ndarray]:
        with subject.quiet():
            return described(sensitivities(subject, self.batches))


def sensitivities(subject: Subject, limit: int | None) -> np.ndarray:
    """The mean |theta * g| of every weight (weights,) in float32."""
    names = in_layers(subject.encoder, norms=False)
    weights = [p for n, p in subject.model.named_parameters() if n in names and p.requires_grad]
    sums = [torch.zeros_like(weight) for weight in weights]
    protocol, task = subject.config.protocol, subject.task
    batches = list(islice(micro_batches(list(range(len(task.training))), protocol.batch_size), limit))
    for batch in batches:
        gradients = [torch.zeros_like(weight) for weight in weights]
        for part in micro_batches(batch, protocol.micro_batch_size):
            inputs, targets = to_device(task, task.training, part, subject.device)
            with autocast(subject.precision, subject.device):
                output = subject.model(**inputs)
            loss = task.loss(task.read(output, inputs, targets), targets) * task.share(part, batch)
            torch._foreach_add_(gradients, list(torch.autograd.grad(loss, weights, materialize_grads=True)))
        torch._foreach_mul_(gradients, [weight.detach() for weight in weights])
        torch._foreach_abs_(gradients)
        torch._foreach_add_(sums, gradients)
    return np.concatenate(
        [np.empty(0, np.float32)] + [(s / len(batches)).flatten().cpu().numpy() for s in sums]
    )


def described(values: np.ndarray) -> dict[str, np.ndarray]:
    """Describe the distribution of ``values`` (n,), in the probe's arrays."""
    if not len(values):
        return {}
    counts, _ = np.histogram(values, np.concatenate([[-np.inf], EDGES, [np.inf]]))
    largest = max(1, round(TOP * len(values)))
    total = values.sum(dtype=np.float64)
    top = np.partition(values, -largest)[-largest:].sum(dtype=np.float64)
    return {
        "edges": EDGES,
        "counts": counts,
        "mean": values.mean(dtype=np.float64),
        "std": values.std(dtype=np.float64, ddof=1),
        "levels": np.array(LEVELS),
        "quantiles": np.quantile(values, LEVELS).astype(np.float64),
        "insensitive": np.mean(values < INSENSITIVE, dtype=np.float64),
        "top_share": np.float64(top / total if total else np.nan),
    }
