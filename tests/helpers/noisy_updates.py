"""Checks of Gaussian noise in every update, and scripted draws for two updates."""

from __future__ import annotations

from typing import Any

import torch
from scipy import stats

from benchmark.methods.pats import PATS
from benchmark.models.architecture import encoder_of
from helpers.draws import check_distribution
from helpers.small_models import bert
from helpers.toys import ready

DRAWS = [torch.tensor([1.0, -1.0, 2.0, 0.5]), torch.tensor([0.5, 3.0, -2.0, 1.0])]


def drawn() -> list[torch.Tensor]:
    """Draws of two updates, which a method scales in place."""
    return [draw.clone() for draw in DRAWS]


def check_places(method: Any) -> None:
    """Check that ``method`` acts on the weights on which PATS acts."""
    method, pats = (ready(either, bert(), encoder_of(bert())) for either in (method, PATS()))
    assert method.names == pats.sensitivity.names


def check_noise(method: Any) -> None:
    """Check that the noise of ``method``, of strength 0.5, is normal, and other noise in every update."""
    method.rng = torch.Generator().manual_seed(0)
    noise = [draw for _ in range(2) for draw in method.noise([torch.empty(100, 100), torch.empty(90, 100)])]
    assert [draw.shape for draw in noise] == [(100, 100), (90, 100)] * 2
    check_distribution(torch.cat(noise), stats.norm(0, 0.5))
    check_distribution(torch.stack(noise[::2]), stats.norm(0, 0.5))
