"""LoRA and DoRA: train a low-rank change of some matrices, made by PEFT, and the head.

Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", ICLR 2022, Eq. 3: a frozen matrix W0 becomes

    W0 + (alpha / r) B A,    A (r, inputs) drawn, B (outputs, r) 0 at the start,

in the query and value projections (section 4.2). Liu et al., "DoRA: Weight-Decomposed Low-Rank Adaptation", ICML 2024,
Eq. 5, learn the length m of every row beside its direction (``dora``); m starts as the rows' norms,

    m (W0 + (alpha / r) B A) / ||W0 + (alpha / r) B A||,    the norm without gradient.

The published numbers of LoRA for MRPC, RTE and STS-B start from a model that has learnt MNLI; here every run
starts from the checkpoint that it names. Adapters are added after weights were perturbed (NoisyTune), so the
noise stays in W0. They are layers of the encoder: they decay (m does not), and methods that act on the layers
act on them.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import ClassVar

import torch
from transformers import PreTrainedModel

from benchmark.errors import BenchmarkError
from benchmark.methods.base import Context, Method
from benchmark.methods.common.anchored import Anchored
from benchmark.methods.common.partial import PartialTuning
from benchmark.methods.sage import SAGE


@dataclass
class LoRA(PartialTuning):
    """Train adapters of ``rank`` r, and the head, at ``rate`` times the protocol's rate.

    ``alpha`` is their strength. ``targets`` are the names of the adapted modules; None: PEFT's choice for the
    architecture, queries and values. ``dropout`` is on the input of A. It is not one of the model's own
    dropouts, which HyPe and others switch off.
    """

    paper: ClassVar[str] = "Hu et al., ICLR 2022; Liu et al., ICML 2024 (dora)"
    cost: ClassVar[str] = (
        "less than none: frozen weights need no gradients; with dora a norm per matrix and pass"
    )

    rate: float = 20.0
    rank: int = 8
    alpha: float = 16.0
    dropout: float = 0.0
    targets: list[str] | None = None
    dora: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.rank < 1:
            raise BenchmarkError(f"rank={self.rank}: must be at least 1")
        if not 0 < self.alpha < float("inf"):
            raise BenchmarkError(f"alpha={self.alpha}: must be above 0")
        if not 0 <= self.dropout < 1:
            raise BenchmarkError(f"dropout={self.dropout}: must be at least 0 and below 1")
        if self.targets is not None and not self.targets:
            raise BenchmarkError("targets=[]: name at least one module, or null for queries and values")
        if find_spec("peft") is None:
            raise BenchmarkError("the package peft is not installed: pip install '.[peft]'")

    @property
    def exempt(self) -> dict[str, str]:
        return super().exempt | {"evaluation": "a stock model has no adapters"}

    def conflict(self, other: Method) -> str | None:
        if isinstance(other, Anchored):
            return "the weights with an anchor are frozen at it, and adapters are not in the checkpoint"
        if isinstance(other, SAGE) and other.fidelity == "released":
            return (
                "B is 0 at the start, and so are its sensitivity and rate for ever; set SAGE's fidelity=paper"
            )
        return super().conflict(other)

    def adapt(self, model: PreTrainedModel, context: Context) -> None:
        import peft  # an optional extra, and slow

        config = peft.LoraConfig(
            r=self.rank,
            lora_alpha=self.alpha,  # type: ignore[arg-type]  # a factor; nothing asks that it be whole
            lora_dropout=self.dropout,
            target_modules=self.targets,
            use_dora=self.dora,
        )
        kept = torch.get_rng_state()
        torch.set_rng_state(context.stream().get_state())  # PEFT draws A from the global stream
        try:
            peft.inject_adapter_in_model(config, model)
        except ValueError as error:
            setting = f"targets={'null' if self.targets is None else self.targets}"
            said = " ".join(str(error).split())
            raise BenchmarkError(f"{setting}: PEFT cannot adapt a {type(model).__name__} ({said})") from error
        finally:
            torch.set_rng_state(kept)
        self.adapters = {name for name, weight in model.named_parameters() if weight.requires_grad}
        if any(context.encoder.in_head(name) for name in self.adapters):
            raise BenchmarkError(f"targets={self.targets}: modules of the head too, which is trained whole")
        model.requires_grad_(True)  # `attach` freezes what is neither an adapter nor of the head

    def part(self, context: Context) -> set[str]:
        return self.adapters
