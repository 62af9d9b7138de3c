"""Named random streams: one seed per run, one independent stream per use of chance.

A run with a method and the run without it must have the same batches, head and dropout: otherwise their
comparison is not paired. So each use of chance in a run has its own generator, and a run may give some of
them separate seeds.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Seeds:
    """The seeds of a run's uses of chance: its head, order of examples, dropout, and methods' noise."""

    head: int
    order: int
    dropout: int
    noise: int

    @classmethod
    def all(cls, seed: int) -> Seeds:
        """One ``seed`` for everything."""
        return cls(seed, seed, seed, seed)


def derive(seed: int, *name: str | int) -> int:
    """The 63-bit seed of the stream ``name`` (words and counters) under ``seed``."""
    path = "/".join(str(part) for part in (seed, *name))
    return int.from_bytes(hashlib.sha256(path.encode()).digest()[:8], "big") >> 1


def stream(seed: int, *name: str | int) -> torch.Generator:
    """A fresh CPU generator for the stream ``name`` under ``seed``.

    It is the same on every machine, and does not depend on other streams.
    """
    import torch

    return torch.Generator().manual_seed(derive(seed, *name))


def generator(device: torch.device) -> torch.Generator:
    """A random stream on ``device``, not seeded yet."""
    import torch

    return torch.Generator(device)
