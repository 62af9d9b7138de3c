"""Gain of each method over plain fine-tuning, with its interval: a figure of every table."""

from __future__ import annotations

import pandas as pd

from benchmark.report.figures.style import COLOURS, pyplot, svg


def differences(numbers: pd.DataFrame, labels: dict[str, str]) -> str:
    """The paired differences of a table as SVG; '' if there are none.

    Each is a point with its 95 % interval.
    """
    shown = numbers[(numbers["methods"] != "") & (numbers["difference_n"] > 0)]
    if shown.empty:
        return ""
    many_models = shown["model"].nunique() > 1 or shown["variant"].nunique() > 1
    names = [
        " · ".join(
            text
            for text in (
                f"{labels.get(row.model) or row.model} {row.variant}".strip() if many_models else "",
                row.methods,
                labels.get(row.task) or row.task,
            )
            if text
        )
        for row in shown.itertuples()
    ]
    places = list(range(len(shown)))[::-1]
    figure, axes = pyplot.subplots(figsize=(8, 0.9 + 0.32 * len(shown)), layout="constrained")
    axes.axvline(0, color="#888888", linewidth=1)
    axes.hlines(places, shown["difference_low"], shown["difference_high"], color=COLOURS[0], linewidth=2)
    axes.plot(shown["difference_mean"], places, "o", color=COLOURS[0], markersize=6)
    axes.set_yticks(places, names)
    axes.set_xlabel("difference to plain fine-tuning, percentage points (95 % interval over seeds)")
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    return svg(figure)
