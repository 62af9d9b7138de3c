"""`python -m benchmark.power TABLE [CHANGES]`: what a grid of so many seeds can find, before any run."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

from benchmark.command import carried_out, parse, parser_of
from benchmark.errors import BenchmarkError
from benchmark.grids import grid
from benchmark.report.foresight import Foresight, foresee
from benchmark.report.numbers.statistics import MANY
from benchmark.runs.finished import load_records

DESCRIPTION = """\
Say how likely a table's seeds bear out each of its claims, if the effects are as large as the paper prints them.

  python -m benchmark.power noisytune/table2
  python -m benchmark.power noisytune/table2 model=bert_base_uncased 'seed=range(1,11)'

Spread is that of runs in the store, else the printed one (times the root of n/(n-1) where n divides it), else one
assumed for the task (results/published/spread.yaml). Tests are two-sided at 5 %. Cells are taken to be independent,
also where they share an arm: the pooled power of a claim against several rivals is too high. Maxima are of normal
runs with the printed means, by simulation; deviations of normal runs with the printed ratio. Memory is compared as a
number. All of an arm's runs have the same correlation with those that it gains over.
"""
POOLING = "More tasks at few seeds, pooled, find what one cell at many seeds does not."
NO_POOLING = "Pooled over its cells, no claim here is known to need fewer seeds than as it is said."
WIDTH = 128


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status: 0, or 2 for a refusal."""
    parser = parser_of("benchmark.power", DESCRIPTION)
    parser.add_argument("table", metavar="TABLE", help="a table of sweeps/")
    parser.add_argument(
        "changes", metavar="CHANGE", nargs="*", help="axes narrowed or changed, as seed=1,2,3"
    )
    parser.add_argument(
        "--correlation", type=float, default=0.5, help="of the two sides of a seed, if not measured [0.5]"
    )
    options = parse(parser, arguments)

    def work() -> int:
        if not -1 <= options.correlation <= 1:
            raise BenchmarkError(f"--correlation {options.correlation}: valid are numbers from -1 to 1")
        planned = grid.load(options.table, options.changes)
        if not planned.table["claims"]:
            raise BenchmarkError(f"{planned.name} has no claims, so there is nothing to find")
        seeds = len({run.config.seed for run in planned.runs})
        print(
            render(foresee(planned, load_records(planned), options.correlation), seeds, options.correlation)
        )
        return 0

    return carried_out(work)


def render(claims: Sequence[Foresight], seeds: int, correlation: float) -> str:
    """The power of claims as a table for the terminal; the first line says if pooling is worth it."""
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


if __name__ == "__main__":
    sys.exit(main())
