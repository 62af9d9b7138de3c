"""Mixout: in every pass, exchange a share of the weights for their starting values.

Lee et al., "Mixout: Effective Regularization to Finetune Large-scale Pretrained Language Models", ICLR 2020.
With a mask m, P(m = 1) = 1 - p, a linear module works with

    (m * W + (1 - m) * W0 - p * W0) / (1 - p),

whose mean is W; evaluation uses W, p = 1 gives W0. Biases, embeddings and normalisation are never mixed.

The released code draws one mask per input column for the whole batch (an independent one per entry is the
paper's "mixconnect") and returns grad * m where the derivative is grad * m / (1 - p) (``reference_grad``).
Its example mixes the linear modules that follow a dropout and sets that dropout to 0; its example for Hugging
Face mixes every one, head included, and sets every dropout to 0.
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
from benchmark.methods.common import mixed_linear
from benchmark.methods.no_dropout import switch_off_dropout
from benchmark.models import masks
from benchmark.models.architecture import Encoder

MASKS = ("column", "element")
TARGETS = ("clean", "perturbed")
MODULES = ("encoder", "all_linear")


@dataclass
class Mixout(Method):
    """Mix the weights of linear modules with their start, with probability ``probability``.

    ``mask`` is drawn per input ``column`` or per ``element``. ``target``, the start, is ``clean``, or the
    weights after another method's noise (``perturbed``). ``modules`` are those of the ``encoder`` layers and
    the pooler, but not a pooler that the checkpoint lacks; or ``all_linear``, which includes such a pooler and the
    head with their random starts. XLNet's attention has no linear modules and is not mixed. A pass that
    shares the clean pass's dropout shares its masks too.
    """

    paper: ClassVar[str] = "Lee et al., ICLR 2020"
    cost: ClassVar[str] = "a copy of the mixed weights, and a mask for each in every pass"
    constant: ClassVar[tuple[str, ...]] = ("targets",)
    neutral: ClassVar[dict[str, Any] | None] = {"probability": 0.0}
    not_captured = ""

    probability: float = 0.7  # p; 0 is plain fine-tuning, dropout included
    mask: str = "column"
    reference_grad: bool = False
    target: str = "clean"
    modules: str = "encoder"
    hidden_dropout: bool = False  # True keeps it on
    attention_dropout: bool = True  # True keeps it on

    def __post_init__(self) -> None:
        if not 0 <= self.probability <= 1:
            raise BenchmarkError(f"probability={self.probability}: p must be between 0 and 1")
        if self.hidden_dropout and not self.attention_dropout:
            raise BenchmarkError("attention_dropout=False: valid only with hidden_dropout=False")
        for key, value, valid in (
            ("mask", self.mask, MASKS),
            ("target", self.target, TARGETS),
            ("modules", self.modules, MODULES),
        ):
            if value not in valid:
                raise unknown(key, value, valid)

    @property
    def exempt(self) -> dict[str, str]:
        return {"accumulation": "every part of a batch has masks of its own"}

    @property
    def needs_separate_passes(self) -> bool:
        return self.probability > 0  # one mask holds for all examples of a batch

    def remember(self, model: PreTrainedModel, context: Context) -> None:
        self.targets: dict[str, torch.Tensor] = {}
        if self.target == "clean" and self.probability > 0:
            self.keep_targets(model, context.encoder)

    def attach(self, model: PreTrainedModel, context: Context) -> None:
        if self.probability == 0:
            return
        if not self.hidden_dropout:
            switch_off_dropout(model, attention=not self.attention_dropout)
        if self.target == "perturbed":
            self.keep_targets(model, context.encoder)
        self.context = context
        for name in self.mixed_modules(model, context.encoder):
            mixed_linear.install(model, name, partial(self.mixed, target=self.targets.pop(name)))

        self.new_pass()
        model.register_forward_pre_hook(self.new_pass)

    def new_pass(self, *_: Any) -> None:
        """Begin a new stream of masks with the next pass.

        The stream is named by the pass, so passes that share their dropout share their masks too.
        """
        self.rng: torch.Generator | None = None

    def mixed_modules(self, model: PreTrainedModel, encoder: Encoder) -> list[str]:
        """The names of the modules whose weights are mixed."""
        if self.modules == "encoder":
            return mixed_linear.linear_of_checkpoint(encoder)
        return [name for name, module in model.named_modules() if isinstance(module, nn.Linear)]

    def keep_targets(self, model: PreTrainedModel, encoder: Encoder) -> None:
        """Copy the weights as they are now."""
        for name in self.mixed_modules(model, encoder):
            self.targets[name] = model.get_parameter(f"{name}.weight").detach().clone()

    def draw(self, weight: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
        """A mask that broadcasts to ``weight``: 1 keeps the current weight."""
        shape = (1, weight.shape[1]) if self.mask == "column" else weight.shape
        return masks.kept(weight.new_empty(shape), 1 - self.probability, rng)

    def mixed(self, weight: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """``weight`` mixed with ``target`` by a fresh mask."""
        if self.probability == 1:
            return target
        if self.rng is None:
            self.rng = masks.stream_of_pass(self.context.seed_in_pass, weight.device)
        mask = self.draw(weight, self.rng).to(weight.dtype)
        kept = 1 - self.probability
        mixed = (mask * weight + (1 - mask - self.probability) * target) / kept
        if self.reference_grad:
            # The bracket is 0: the value stays, and the gradient is that of the released code.
            return mixed.detach() + mask * (weight - weight.detach())
        return mixed
