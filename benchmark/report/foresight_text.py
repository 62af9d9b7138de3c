"""The power of a table's seeds, as a table for the terminal."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

from benchmark.report.foresight import Foresight
from benchmark.report.numbers.statistics import MANY

POOLING = "More tasks at few seeds, pooled, find what one cell at many seeds does not."
NO_POOLING = "Pooled over its cells, no claim here is known to need fewer seeds than as it is said."
WIDTH = 128


def render(claims: Sequence[Foresight], seeds: int, correlation: float) -> str:
    """The power of claims as a table for the terminal; the first line says if pooling helps."""
    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    shown.add_column("Claim", overflow="fold")
    for name in ("cells", "seeds", "power,\nall as said", "power,\npooled", "seeds for 80 %,\nall", "pooled"):
        shown.add_column(name, justify="right")
    shown.add_column("spread")
    for claim in claims:
        numbers = (str(claim.cells or "–"), str(seeds))
        if claim.missing:
            shown.add_row(claim.says, *numbers, "–", "–", "–", "–", claim.missing)
            continue
        chances = ["–" if np.isnan(chance) else f"{chance:.3f}" for chance in (claim.whole, claim.pooled)]
        shown.add_row(
            claim.says,
            *numbers,
            *chances,
            _seeds(claim.whole_seeds),
            "–" if np.isnan(claim.pooled) else _seeds(claim.pooled_seeds),
            claim.origins,
        )
    console = Console(width=WIDTH, color_system=None)
    with console.capture() as captured:
        console.print(shown)
    lines = [line.rstrip() for line in captured.get().splitlines() if line.strip()]
    below = f"Correlation of the two sides of a seed: {correlation:g}, where it is not measured."
    return "\n".join([POOLING if pooling_helps(claims) else NO_POOLING, "", *lines, below])


def pooling_helps(claims: Sequence[Foresight]) -> bool:
    """True if a claim's pooled answer needs fewer seeds than the claim."""
    return any(
        claim.cells > 1 and not np.isnan(claim.pooled) and claim.pooled_seeds < claim.whole_seeds
        for claim in claims
    )


def _seeds(number: int) -> str:
    return f"{number}" if number < MANY else "never"
