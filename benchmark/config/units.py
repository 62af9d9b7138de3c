"""Quantities that a claim or a figure may be about, and their units."""

from __future__ import annotations

POINTS = "points"
# Quantities of all runs of an arm together
OF_ARMS = ("std", "max", "median", "quantile", "failed", "collapsed")
RATES = ("failed", "collapsed")  # shares of runs; lower is better
LOWER_IS_BETTER = ("loss", "time", "training", "memory")
UNITS = {
    "score": POINTS,
    "std": "log ratio of deviations",
    "max": POINTS,
    "median": POINTS,
    "loss": "nats",  # for a regression: squared error
    "time": "s per update",
    "training": "s",  # time of all updates and the surveys before them
    "memory": "MB",
    "failed": "share of runs",
    "collapsed": "share of runs",
}
QUANTILE = "quantile/"  # and the share of runs below it, as in quantile/0.1
PROBE = "probe/"
# By probe, and by the name of an array or of the tasks before it.
OF_PROBES = {
    "probe/norm_change": "relative change",
    "probe/norm_change/change": "relative change",
    "probe/norm_change/norms": "L1 norm",
    "probe/norm_change/start": "L1 norm",
    "probe/token_similarity": "cosine",
    "probe/token_similarity/similarity": "cosine",
    "probe/linear_probe": POINTS,
    "probe/noise_attenuation": "relative change",
    "probe/noise_attenuation/relative": "relative change",
    "probe/noise_attenuation/absolute": "L2 norm",
    "probe/sensitivity/mean": "nats",
    "probe/sensitivity/std": "nats",
    "probe/sensitivity/quantiles": "nats",
    "probe/sensitivity/insensitive": "share of weights",
    "probe/sensitivity/top_share": "share of the sum",
}
# By quantity, the axes within a run that a claim may be about.
AXES_WITHIN = {
    "probe/token_similarity": ("layer",),
    "probe/linear_probe": ("layer",),
    "probe/noise_attenuation": ("layer", "injection"),
    "loss": ("step",),
}
# By quantity, the axes within a run along which a figure can draw it.
DRAWN_ALONG = {
    "score": ("step",),
    "std": ("step",),
    "max": ("step",),
    "loss": ("step",),
    "probe/norm_change": ("parameter",),
    "probe/token_similarity": ("layer",),
    "probe/linear_probe": ("layer", "probed"),
    "probe/noise_attenuation": ("layer", "injection"),
    "probe/sensitivity": ("sensitivity",),
}
BINNED = ("sensitivity",)  # axes of counts, which a histogram shows


def unit(quantity: str) -> str | None:
    """The unit of a quantity; None for one that does not exist, or a user's own probe."""
    if quantity.startswith(QUANTILE):
        return POINTS if _is_share(quantity.removeprefix(QUANTILE)) else None
    return UNITS.get(quantity) or OF_PROBES.get(quantity)


def quantities() -> list[str]:
    """The names of all quantities with a unit; of quantiles, an example."""
    return [*UNITS, f"{QUANTILE}0.1", *OF_PROBES]


def of_arms(quantity: str) -> bool:
    """True if a quantity is of all runs of an arm together."""
    return quantity.split("/")[0] in OF_ARMS


def has_panels(name: str) -> bool:
    """True for a quantity that has panels of its own in a figure."""
    return name in ("score", "loss") or name.startswith(PROBE)


def _is_share(text: str) -> bool:
    try:
        return 0 < float(text) < 1
    except ValueError:
        return False
