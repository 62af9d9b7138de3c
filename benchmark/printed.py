"""`python -m benchmark.printed [TABLE…]`: printed numbers that the papers' own tables contradict."""

from __future__ import annotations

import sys

from benchmark.command import carried_out, parse, parser_of
from benchmark.errors import unknown

DESCRIPTION = """\
Check the numbers of results/published/ against each other, and say what does not agree; nothing is run.

  python -m benchmark.printed                 all tables of the four papers
  python -m benchmark.printed pats/table1     one table, or several
"""


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status: 0, or 2 for a refusal."""
    parser = parser_of("benchmark.printed", DESCRIPTION)
    parser.add_argument("tables", metavar="TABLE", nargs="*", help="tables of results/published/")
    options = parse(parser, arguments)

    def work() -> int:
        from benchmark.report.papers.base import tables  # imports pandas, which --help does not need
        from benchmark.report.papers.findings_text import render

        for name in options.tables:
            if name not in tables():
                raise unknown("published table", name, tables(), "results/published/")
        papers = dict.fromkeys(name.partition("/")[0] for name in tables())
        print(render(options.tables or tables(), options.tables or [*papers]))
        return 0

    return carried_out(work)


if __name__ == "__main__":
    sys.exit(main())
