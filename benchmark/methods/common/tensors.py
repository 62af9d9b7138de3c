"""Which tensors a method acts on, told by structure, and the methods' own copies of weights by name."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import torch

from benchmark.models.architecture import Encoder
from benchmark.step.update import Tensors, Update

ANCHORS = ("clean", "perturbed")


def in_layers(encoder: Encoder, norms: bool = True) -> set[str]:
    """The names of the encoder layers' parameters, with or without those of their normalisations."""
    left_out = set() if norms else encoder.layer_norms()
    return {
        name
        for name, _ in encoder.model.named_parameters()
        if encoder.depth(name) is not None and name not in left_out
    }


def in_encoder(encoder: Encoder) -> set[str]:
    """The names of all pretrained parameters: embeddings, layers and pooler, but not the head."""
    return {name for name, _ in encoder.model.named_parameters() if not encoder.in_head(name)}


def is_matrix(name: str, weight: torch.Tensor) -> bool:
    """Whether a weight is of the kind that decays: XLNet's biases of attention have two dimensions as well."""
    return weight.ndim >= 2 and not name.endswith("bias")


def copies(encoder: Encoder, names: Collection[str]) -> dict[str, torch.Tensor]:
    """The weights called ``names`` as they are now, detached, on their own device."""
    return {n: p.detach().clone() for n, p in encoder.model.named_parameters() if n in names}


def places(update: Update, names: Collection[str]) -> list[int]:
    """Where in the lists of ``update`` the parameters called ``names`` are."""
    return [place for place, name in enumerate(update.names) if name in names]


def selected(tensors: Tensors, indices: Iterable[int]) -> Tensors:
    """The tensors at ``indices``."""
    return [tensors[index] for index in indices]
