"""`python -m benchmark.site [PAPER or TABLE …]`: all that a store holds as a folder of static pages."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from benchmark.command import carried_out, parse, parser_of, show_warnings
from benchmark.config.schema import RunConfig
from benchmark.errors import unknown
from benchmark.grids import grid
from benchmark.places import in_home
from benchmark.printable import counted, printable
from benchmark.progress import shown
from benchmark.records.disk import check_outside, make_writable
from benchmark.records.store import Store

DESCRIPTION = """\
Write pages on all that a store holds: tables, claims, methods and runs. They open from disk, without a server
and without a network, and can be published as they are. Nothing is run.

  python -m benchmark.site                                  all papers
  python -m benchmark.site noisytune demo                   those of some papers, or tables
  python -m benchmark.site noisytune model=minilm store=results/other --output results/site-minilm

What has not changed since the last time is kept. To make all pages again, remove the folder.
"""


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status: 0, or 2 for a refusal."""
    parser = parser_of("benchmark.site", DESCRIPTION)
    parser.add_argument("names", metavar="PAPER|TABLE", nargs="*", help="papers or tables, and overrides")
    parser.add_argument("--output", type=in_home, default=Path("results/site"), help="where the site goes")
    options = parse(parser, arguments)
    return carried_out(lambda: show(options.names, options.output))


def show(words: Sequence[str], output: Path) -> int:
    """Make the site that the words of a command line ask for; return the exit status."""
    from benchmark.site import making

    overrides = [word for word in words if "=" in word]
    names = chosen([word for word in words if word not in overrides], overrides)
    store = Store(
        next((word[6:] for word in reversed(overrides) if word.startswith("store=")), RunConfig.store)
    )
    check_outside("--output", output, store.folder)
    make_writable("--output", output)
    with shown() as tell:
        made = making.make(store, names, overrides, output, show_warnings, tell)
    for problem in made.problems:
        print(printable(f"not shown: {problem}"), file=sys.stderr)
    if store.is_empty():
        print(
            f"store={printable(str(store.folder))} has no run: the pages show the papers' numbers alone",
            file=sys.stderr,
        )
    print(
        f"{output}/index.html: {counted(made.tables, 'table')} and {counted(made.runs, 'run')} written, "
        f"{counted(made.kept, 'page')} as before"
    )
    return 0


def chosen(names: Sequence[str], overrides: Sequence[str]) -> list[str]:
    """The tables that ``names`` name, of all papers without any. Raises: BenchmarkError."""
    tables = grid.tables(overrides)
    papers = list(dict.fromkeys(table.partition("/")[0] for table in tables))
    for name in names:
        if name not in (*papers, *tables):
            raise unknown("paper or table", name, [*papers, *tables], "sweeps/")
    return [table for table in tables if not names or table in names or table.partition("/")[0] in names]


if __name__ == "__main__":
    sys.exit(main())
