"""R3F and R4F: keep the outputs stable under small noise on token embeddings.

Aghajanyan et al., "Better Fine-Tuning by Reducing Representational Collapse", ICLR 2021 (arXiv 2008.03156).
Section 3: CE(f(x)) + lambda (KL(f(x) || f(x + z)) + KL(f(x + z) || f(x))) with z ~ N(0, sigma^2 I) or
U(-sigma, sigma) on the token embeddings. R4F also divides every weight matrix of the head by its largest
singular value.

As in the released criterion (fairseq, examples/rxf), z is added to the detached word-embedding lookup, before
positions, normalisation and dropout. Both KLs learn through both arguments, all terms are averaged over
examples, and the two passes have different dropout. But the released RoBERTa drops the noised embeddings on
their way to the encoder: no noise is ever applied, and the term is that of R-Drop (``fidelity: released``).
Regression has no term in that criterion; HyPe's runs use the squared error of the two outputs.

In tagging, the classes of every labelled word are compared; in question answering, the distributions of
starts and of ends over a window's real tokens. The term is averaged over these.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import torch
from torch import nn
from transformers import PreTrainedModel

from benchmark.errors import BenchmarkError, unknown
from benchmark.methods.base import Context, Method
from benchmark.methods.common.divergences import disagreement
from benchmark.methods.common.hidden_noise import HiddenNoise
from benchmark.methods.common.spectral import SpectralLayer
from benchmark.methods.mixout import Mixout
from benchmark.models.architecture import Encoder, output_changed
from benchmark.step.doubling import FurtherPass
from benchmark.step.passes import DROPOUTS, Step
from benchmark.step.update import Update

NOISES = ("normal", "uniform")
REGRESSIONS = ("mse", "none")
FIDELITIES = ("paper", "released")


@dataclass
class R3F(HiddenNoise):
    """Add ``strength`` (lambda) times the disagreement between the clean pass and a noised one.

    ``noise`` is ``normal`` or ``uniform``, of size ``sigma``. ``dropout`` of the noised pass:
    ``independent`` of the clean pass's, ``shared`` with it, or ``off``, which costs one more pass
    because the clean side of the term has none either. ``regression`` is ``mse`` or ``none``.
    ``fidelity: released`` runs the second pass without any noise. ``spectral_head`` is R4F; its
    matrices are those outside the pretrained model (BERT's pooler is inside). HyPe's paper combines the two
    with HyPe's noise in place of R3F's; here HyPe's noise is in both passes, so set ``sigma=0`` beside it.
    """

    paper: ClassVar[str] = "Aghajanyan et al., ICLR 2021"
    cost: ClassVar[str] = "+1 pass; +2 with dropout off"
    neutral: ClassVar[dict[str, Any] | None] = {"strength": 0.0, "spectral_head": False}
    not_captured = ""
    leaves_words_alone = True

    strength: float = 1.0
    noise: str = "normal"
    dropout: str = "independent"
    regression: str = "mse"
    fidelity: str = "paper"
    spectral_head: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.strength < 0:
            raise BenchmarkError(f"strength={self.strength}: lambda must be at least 0")
        for name, choices in (
            ("noise", NOISES),
            ("dropout", DROPOUTS),
            ("regression", REGRESSIONS),
            ("fidelity", FIDELITIES),
        ):
            if getattr(self, name) not in choices:
                raise unknown(name, getattr(self, name), choices)

    @property
    def exempt(self) -> dict[str, str]:
        if not self.spectral_head:
            return super().exempt
        return super().exempt | {"evaluation": "the head computes with W / sigma_max, in evaluation as well"}

    def conflict(self, other: Method) -> str | None:
        if self.spectral_head and isinstance(other, Mixout) and other.modules == "all_linear":
            return "R4F computes the head from its own weights, which Mixout would exchange; set Mixout's modules=encoder"
        return None

    def attach(self, model: PreTrainedModel, context: Context) -> None:
        super().attach(model, context)
        self.heads = [SpectralLayer(layer) for layer in head_layers(context.encoder) if self.spectral_head]

    def begin(self, number: int, total: int) -> None:
        if number == 1:
            for head in self.heads:
                head.begin()

    def after(self, update: Update) -> None:
        for head in self.heads:
            head.updated(update)

    def has_no_term(self, step: Step) -> bool:
        """True if there is no term to add."""
        return self.strength == 0 or (step.task.regression and self.regression == "none")

    def beside(self, step: Step) -> FurtherPass | None:
        return None if self.has_no_term(step) else self.noised_pass(step)

    def loss(self, step: Step) -> torch.Tensor | None:
        if self.has_no_term(step):
            return None
        clean = step.forward("off") if self.dropout == "off" else step.logits
        return self.strength * disagreement(clean, self.noised_logits(step), step.task.regression).mean()

    def noised_logits(self, step: Step) -> torch.Tensor:
        """The outputs of the second pass."""
        logits, _ = step.further(self.noised_pass(step))
        return logits

    def noised_pass(self, step: Step) -> FurtherPass:
        """The second pass; the table of word embeddings does not learn through it."""
        if self.fidelity == "released":
            return FurtherPass(self.dropout, "r3f")
        noised = lambda embeddings: self.noised(embeddings.detach())  # noqa: E731
        return FurtherPass(self.dropout, "r3f", noised, partial(output_changed, step.encoder.words))

    def draw(self, state: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
        if self.noise == "normal":
            return super().draw(state, rng)
        return 2 * torch.rand(state.shape, generator=rng, device=state.device) - 1


def head_layers(encoder: Encoder) -> list[nn.Linear]:
    """The linear layers outside the pretrained model."""
    return [
        module
        for name, module in encoder.model.named_modules()
        if isinstance(module, nn.Linear) and encoder.in_head(name)
    ]
