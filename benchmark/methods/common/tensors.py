"""Selection of tensors by the model's structure, and copies of weights by name."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

import torch

from benchmark.models.architecture import Encoder
from benchmark.step.update import Tensors, Update

ANCHORS = ("clean", "perturbed")


def in_layers(encoder: Encoder, norms: bool = True) -> set[str]:
    """The names of the encoder layers' parameters; ``norms`` includes their normalisations."""
    left_out = set() if norms else encoder.layer_norms()
    return {
        name
        for name, _ in encoder.model.named_parameters()
        if encoder.depth(name) is not None and name not in left_out
    }


def of_checkpoint(encoder: Encoder) -> set[str]:
    """The names of all parameters that the checkpoint has, and no drawn ones."""
    return {name for name, _ in encoder.model.named_parameters() if not encoder.is_new(name)}


def is_matrix(name: str, weight: torch.Tensor) -> bool:
    """True for a weight that decays.

    XLNet's attention biases have two dimensions too; they are recognised by name.
    """
    return weight.ndim >= 2 and not name.endswith("bias")


def freeze(model: torch.nn.Module, frozen: Callable[[str], bool]) -> None:
    """Do not train the parameters whose names are ``frozen``."""
    for name, parameter in model.named_parameters():
        if frozen(name):
            parameter.requires_grad_(False)


def copies(encoder: Encoder, names: Collection[str]) -> dict[str, torch.Tensor]:
    """Detached copies of the weights called ``names``, on their own device."""
    return {n: p.detach().clone() for n, p in encoder.model.named_parameters() if n in names}


def places(update: Update, names: Collection[str]) -> list[int]:
    """The places of the parameters called ``names`` in the lists of ``update``."""
    return [place for place, name in enumerate(update.names) if name in names]


def selected(tensors: Tensors, indices: Iterable[int]) -> Tensors:
    """The tensors at ``indices``."""
    return [tensors[index] for index in indices]


def apart(entries: torch.Tensor, like: Tensors) -> Tensors:
    """Split ``entries`` (n,) into views with the shapes of ``like``, n entries in all."""
    parts = entries.split([tensor.numel() for tensor in like])
    return [part.view_as(tensor) for part, tensor in zip(parts, like, strict=True)]
