"""`python -m benchmark.power TABLE [CHANGES]`: the effects that a grid can find, before any run."""

from __future__ import annotations

import sys

from benchmark.command import carried_out, parse, parser_of
from benchmark.errors import BenchmarkError
from benchmark.grids import grid
from benchmark.progress import shown

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
        from benchmark.report.foresight import foresee  # imports pandas, which --help does not need
        from benchmark.report.foresight_text import render
        from benchmark.runs.finished import load_records
        from benchmark.runs.plugins import check_changed

        if not -1 <= options.correlation <= 1:
            raise BenchmarkError(f"--correlation {options.correlation}: valid are numbers from -1 to 1")
        with shown() as tell:
            tell("computing the power", 0, 0)
            planned = grid.load(options.table, options.changes)
            if not planned.table["claims"]:
                raise BenchmarkError(f"{planned.name} has no claims, so there is nothing to find")
            records = load_records(planned)
            check_changed(planned, (run for run in planned.runs if run.run_id not in records))
            foreseen = foresee(planned, records, options.correlation)
        seeds = len({run.config.seed for run in planned.runs})
        print(render(foreseen, seeds, options.correlation))
        return 0

    return carried_out(work)


if __name__ == "__main__":
    sys.exit(main())
