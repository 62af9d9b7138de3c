"""FreeLB: learn from every point on the way to adversarial word embeddings.

Zhu et al., "FreeLB: Enhanced Adversarial Training for Natural Language Understanding", ICLR 2020 (arXiv
1909.11764), Algorithm 1. delta_0 ~ U(-epsilon, epsilon) / sqrt(N), N the number of perturbed entries of an
example; for t = 1 … K the parameters' gradient at delta_{t-1} counts 1/K, and delta_t = projection to
||delta||_F <= epsilon of delta_{t-1} + alpha g / ||g||_F, per example; then one update. The dropout masks of
the K passes are the same (section 4.3).

The authors' code separates the size of the start from the radius (``init_mag``); its fairseq version makes 1
+ K passes (``fidelity: fairseq``), its transformers version K, as the paper. In both, delta is added to the
word-embedding lookup, before positions and normalisation, and padding is not perturbed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, cast

import torch
from torch import nn
from transformers import PreTrainedModel

from benchmark.errors import BenchmarkError, unknown
from benchmark.methods.base import Context, Method
from benchmark.models.architecture import length_first, output_changed
from benchmark.step.passes import DROPOUTS, Step

FIDELITIES = ("paper", "fairseq")


@dataclass
class FreeLB(Method):
    """Replace the task loss by the mean over ``steps`` (K) perturbed passes.

    ``epsilon`` is the radius (0: no bound), and also the size of the start unless ``init_mag`` gives another.
    ``alpha`` is the length of an ascent. ``dropout``: ``shared`` by all passes, ``independent``, or ``off``.
    There is no strength: plain fine-tuning, bit for bit, is ``steps`` 1 with ``init_mag`` 0.
    """

    paper: ClassVar[str] = "Zhu et al., ICLR 2020"
    cost: ClassVar[str] = "K passes (steps) in place of 1; the fairseq form 1 + K"
    not_captured = ""
    leaves_words_alone = True
    neutral: ClassVar[dict[str, Any] | None] = {
        "steps": 1,
        "init_mag": 0.0,
        "dropout": "shared",
        "fidelity": "paper",
    }

    epsilon: float = 0.15
    alpha: float = 0.03
    steps: int = 3
    init_mag: float | None = None
    dropout: str = "shared"
    fidelity: str = "paper"

    def __post_init__(self) -> None:
        for name in ("epsilon", "alpha", "init_mag"):
            if (value := getattr(self, name)) is not None and value < 0:
                raise BenchmarkError(f"{name}={value}: must be at least 0")
        if self.steps < 1:
            raise BenchmarkError(f"steps={self.steps}: must be at least 1")
        for name, choices in (("dropout", DROPOUTS), ("fidelity", FIDELITIES)):
            if getattr(self, name) not in choices:
                raise unknown(name, getattr(self, name), choices)

    @property
    def exempt(self) -> dict[str, str]:
        return {"accumulation": "the start is drawn for every part of a batch"}

    def attach(self, model: PreTrainedModel, context: Context) -> None:
        self.context = context
        self.rng: torch.Generator | None = None
        self.length_first = length_first(context.encoder)

    def task_loss(self, step: Step) -> torch.Tensor:
        passes = self.steps + (self.fidelity == "fairseq")
        delta = self.start(step)
        earlier = torch.zeros((), device=delta.device)
        for number in range(passes - 1):
            delta.requires_grad_()
            loss = self.perturbed_loss(step, delta, number) / passes
            step.backward(loss)  # adds to the parameters' gradients, and gives delta its own
            assert delta.grad is not None
            delta = self.ascend(delta.detach(), delta.grad)
            earlier = earlier + loss.detach()
        # The last pass is left to the caller; its value reads as the mean over all passes.
        return self.perturbed_loss(step, delta, passes - 1) / passes + earlier

    def perturbed_loss(self, step: Step, delta: torch.Tensor, number: int) -> torch.Tensor:
        """The task loss with ``delta`` added to the word embeddings, which are looked up again."""
        with output_changed(step.encoder.words, lambda embeddings: embeddings + delta):
            return step.task_loss(step.forward(self.dropout, "freelb", number))

    def start(self, step: Step) -> torch.Tensor:
        """delta_0 in the shape of the word embeddings, 0 at padding."""
        table, mask = cast(nn.Embedding, step.encoder.words).weight, step.inputs["attention_mask"]
        if self.rng is None:
            self.rng = self.context.stream(device=table.device)
        real = (mask.T if self.length_first else mask).unsqueeze(-1).to(table.dtype)
        entries = real.sum(0 if self.length_first else 1, keepdim=True) * table.shape[-1]
        size = self.epsilon if self.init_mag is None else self.init_mag
        raw = self.draw(real.expand(*real.shape[:-1], table.shape[-1]), self.rng).to(table.dtype)
        return raw * real * (size / entries.sqrt())

    def ascend(self, delta: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor:
        """``delta`` after one ascent along ``gradient``, projected back into the ball."""
        moved = delta + self.alpha * gradient / self.norm(gradient)
        if not self.epsilon:
            return moved
        return moved * (self.epsilon / self.norm(moved)).clamp_max(1)

    def norm(self, state: torch.Tensor) -> torch.Tensor:
        """The Frobenius norm of each example, never 0, in a shape that divides ``state``."""
        axes = (0, 2) if self.length_first else (1, 2)
        norm = torch.linalg.vector_norm(state, dim=axes, keepdim=True)
        return norm.clamp_min(torch.finfo(norm.dtype).tiny)

    def draw(self, state: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
        """U(-1, 1) of the shape of ``state``, float32 on its device."""
        return 2 * torch.rand(state.shape, generator=rng, device=state.device) - 1
