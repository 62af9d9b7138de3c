"""Sentence vectors from hidden states, and the choice of their layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from benchmark.errors import unknown


def mean_pooled(hidden_states: Sequence[torch.Tensor], mask: torch.Tensor) -> torch.Tensor:
    """The mean over each sentence's tokens, per layer: (layers, sentences, width) in float32.

    ``hidden_states`` are (sentences, tokens, width) each. ``mask`` (sentences, tokens) is 1 at tokens that
    count; in XTREME these include the special ones. Sentences without any get zeros.
    """
    weights = mask[:, :, None].float()
    counts = weights.sum(1).clamp(min=1)
    # Padded positions may hold any value, also infinity: select values, do not multiply by 0.
    return torch.stack(
        [state.float().masked_fill(weights == 0, 0).sum(1) / counts for state in hidden_states]
    )


def chosen_layer(
    rule: str, fixed: int, dev: Mapping[int, float] | None = None, test: Mapping[int, float] | None = None
) -> int:
    """Choose a layer: ``fixed``, or the best by scores per layer on dev or test.

    Between equally good layers, the lowest is chosen. ``best_on_test`` is the rule of papers that report "the
    layer that performs best"; it is optimistic.

    Raises: BenchmarkError for a rule that does not exist or has no scores.
    """
    if rule == "fixed":
        return fixed
    scores = {"best_on_dev": dev, "best_on_test": test}.get(rule)
    if not scores:
        valid = ["fixed", *(["best_on_dev"] if dev else []), *(["best_on_test"] if test else [])]
        raise unknown("layer rule", rule, valid)
    return min(scores, key=lambda layer: (-scores[layer], layer))
