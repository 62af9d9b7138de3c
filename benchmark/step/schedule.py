"""The learning rate of every update: a warm-up, and then one of the papers' schedules."""

from __future__ import annotations


def rate_at(update: int, total: int, peak: float, schedule: str, warmup: float) -> float:
    """The learning rate of update ``update`` (0-based) out of ``total``.

    ``warmup`` below 1 is a share of ``total``, else a number of updates. ``linear`` decays from the end
    of the warm-up to 0. ``linear_from_start`` counts the decay from update 0, as Google's BERT code and
    pytorch-pretrained-bert do: the rate jumps down at the end of the warm-up.
    """
    warm = warmup * total if warmup < 1 else warmup
    if update < warm:
        return peak * update / warm
    if schedule == "constant":
        return peak
    if schedule == "linear_from_start":
        return peak * (1 - update / total)
    return peak * (total - update) / max(total - warm, 1)
