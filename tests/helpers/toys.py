"""Toy models of the reference values, tasks without rounding, and methods whose draws are given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from benchmark.methods import Context
from benchmark.models.architecture import Encoder
from benchmark.step.passes import Step
from helpers.vectors import Case


def scripted(kind: type, draws: Sequence[torch.Tensor], **hyper: Any) -> Any:
    """A method of ``kind`` whose draws are ``draws`` in turn; ``draws`` on it are those that are left."""
    subclass = type(kind.__name__, (kind,), {"draw": lambda self, *_: self.draws.pop(0)})
    method = subclass(**hyper)
    method.draws = list(draws)
    return method


class Exact:
    """A task whose loss stays in the precision of its logits; the project's own makes them float32."""

    def __init__(self, regression: bool = False) -> None:
        self.labels = [] if regression else ["no", "yes"]
        self.regression = regression

    def read(self, output: Any, inputs: Any, targets: Any) -> torch.Tensor:
        return output.logits

    def one(
        self, logits: torch.Tensor, targets: torch.Tensor, example: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        return logits[example : example + 1], targets[example : example + 1]

    def loss(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        if self.labels:
            return functional.cross_entropy(logits, targets)
        return functional.mse_loss(logits.squeeze(-1), targets)


class Logits(nn.Module):
    """A model whose passes give stored logits in turn; ``seen`` holds them as leaves."""

    def __init__(self, passes: Sequence[torch.Tensor]) -> None:
        super().__init__()
        self.seen = [logits.requires_grad_() for logits in passes]
        self.passes = 0
        self.layer = nn.Identity()

    def forward(self) -> SimpleNamespace:
        self.passes += 1
        return SimpleNamespace(logits=self.layer(self.seen[self.passes - 1]))


class Classifier(nn.Module):
    """tanh(pool(LayerNorm(e + pos)) W1 + b1) W2 + b2, with the mean over real tokens as pool.

    It stands for a whole encoder of one layer, whose input is LayerNorm(e + pos).
    """

    def __init__(self, weights: dict[str, torch.Tensor]) -> None:
        super().__init__()
        for name in ("pos", "W1", "b1", "W2", "b2"):
            self.register_parameter(name, nn.Parameter(weights[name]))
        self.emb = nn.Embedding.from_pretrained(weights["emb.weight"], freeze=False)
        self.layer = nn.Identity()
        self.received: list[torch.Tensor] = []

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor | None = None) -> SimpleNamespace:
        attention_mask = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        embedded = self.emb(input_ids) + self.pos[: input_ids.shape[1]]
        state = self.layer(functional.layer_norm(embedded, embedded.shape[-1:], eps=1e-5))
        self.received.append(state.detach())
        weight = attention_mask.unsqueeze(-1).to(state.dtype)
        pooled = (state * weight).sum(1) / weight.sum(1)
        return SimpleNamespace(logits=(pooled @ self.W1 + self.b1).tanh() @ self.W2 + self.b2)


def encoder_around(model: Any) -> Encoder:
    return Encoder(model, model, [model.layer], getattr(model, "emb", None), "", ["layer."])


def step_of(
    model: Any, inputs: dict[str, torch.Tensor], targets: torch.Tensor, task: Any, **changes: Any
) -> Step:
    """A step with a model of one ``layer``."""
    return Step(model, encoder_around(model), task, inputs, targets, number=0, total=10, seed=1, **changes)


def logits_step(passes: Sequence[torch.Tensor], targets: torch.Tensor, regression: bool = False) -> Step:
    """A step whose passes give ``passes`` in turn."""
    return step_of(Logits(passes), {}, targets, Exact(regression))


def classifier_step(case: Case, regression: bool = False) -> Step:
    """A step with the classifier of a case."""
    inputs = {"input_ids": case.tensor("tokens"), "attention_mask": case.tensor("mask")}
    targets = case.tensor("target") if "target" in case else torch.zeros(len(case["tokens"])).long()
    return step_of(Classifier(case.keyed("w")), inputs, targets, Exact(regression))


def attached(method: Any, step: Step) -> Any:
    """``method``, made ready for the model of ``step``."""
    method.attach(step.model, Context("mine", 1, step.encoder))
    if isinstance(step.model, Classifier):
        step.model.received.clear()
    return method


def compare_gradients(case: Case, model: nn.Module, prefix: str = "grad", **close: Any) -> None:
    """Compare the gradients of a model with the arrays ``prefix:NAME``; without one it is 0."""
    names = case.keyed(prefix)
    assert names, f"{case.label}: the arrays {prefix}:NAME are missing"
    for name in names:
        parameter = model.get_parameter(name)
        gradient = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        case.close(gradient, f"{prefix}:{name}", **close)


class Tensors(nn.Module):
    """Named tensors of an encoder's one layer, and of a head."""

    def __init__(self, layer: dict[str, torch.Tensor], head: dict[str, torch.Tensor]) -> None:
        super().__init__()
        self.base, self.head = nn.Module(), nn.Module()
        self.base.layers = nn.ModuleList([nn.Module()])
        for place, tensors in ((self.base.layers[0], layer), (self.head, head)):
            for name, tensor in tensors.items():
                place.register_parameter(name, nn.Parameter(tensor.clone()))

    @property
    def encoder(self) -> Encoder:
        layers = list(self.base.layers)
        return Encoder(self, self.base, layers, self.base, "base.", ["base.layers.0."])


def ready(method: Any, model: Any, encoder: Encoder | None = None, name: str = "mine") -> Any:
    """``method`` after every hook before the optimiser."""
    context = Context(name, 1, encoder or model.encoder)
    hooks: list[Callable[..., None]] = [method.initialise, method.remember, method.perturb, method.attach]
    for hook in hooks:
        hook(model, context)
    return method
