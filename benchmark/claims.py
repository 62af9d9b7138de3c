"""`python -m benchmark.claims [PAPER or TABLE …]`: the verdict on every claim, from the store alone."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.command import carried_out, parse, parser_of
from benchmark.errors import BenchmarkError, unknown
from benchmark.grids import grid, recipe
from benchmark.grids.grid import Grid
from benchmark.places import in_home
from benchmark.progress import RunProgress
from benchmark.records.record import Record
from benchmark.records.store import Store, make_writable
from benchmark.runs.finished import records_at_hand
from benchmark.runs.hits import Hits
from benchmark.runs.throughput import Measured, measure

if TYPE_CHECKING:
    from benchmark.report.ledger import LedgerRow

DESCRIPTION = """\
Say what the runs of a store show about the papers' claims, one row per claim; nothing is run.

  python -m benchmark.claims                              all papers
  python -m benchmark.claims noisytune hype/table5        a paper, a table
  python -m benchmark.claims noisytune model=minilm store=results/other

Hours are of one worker: seconds per update in the store, times the updates to do.
"""


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status: 0, or 2 for a refusal."""
    parser = parser_of("benchmark.claims", DESCRIPTION)
    parser.add_argument(
        "names", metavar="PAPER|TABLE", nargs="*", help="papers or tables of sweeps/, and overrides"
    )
    parser.add_argument("--output", type=in_home, default=Path("results/tables"), help="where it is written")
    options = parse(parser, arguments)

    def work() -> int:
        overrides = [name for name in options.names if "=" in name]
        names = [name for name in options.names if name not in overrides]
        show(ledger_of(names, overrides), options.output)
        return 0

    return carried_out(work)


def show(rows: Sequence[LedgerRow], folder: Path) -> None:
    """Print the ledger, and write it to ``folder`` in every form."""
    from benchmark.report import ledger_text, render, shared

    make_writable("--output", folder)
    print(ledger_text.terminal(rows, shutil.get_terminal_size((120, 24)).columns))
    report = shared.shareable(ledger_text.report(rows))
    (folder / "claims.md").write_text(render.markdown(report))
    (folder / "claims.html").write_text(render.page(report, []))
    shared.sheet(report.numbers).to_csv(folder / "claims.csv", index=False, float_format="%.8g")
    print(f"also written: {folder}/claims.csv, .md, .html", file=sys.stderr)


def ledger_of(names: Sequence[str], overrides: Sequence[str]) -> list[LedgerRow]:
    """The rows of the tables that ``names`` name, of all papers without any.

    Raises: BenchmarkError for a name that is neither a paper nor a table, or a store without any of their runs.
    """
    from benchmark.report import ledger
    from benchmark.report.ledger import LedgerRow

    papers, tables = _chosen(names, overrides)
    tell, number = RunProgress(), len(tables)
    first = grid.load(tables[0], overrides)
    store = Store(first.runs[0].config.store)
    nothing = BenchmarkError(
        f"store={store.folder}: has no run of {', '.join(names) or 'any paper'}; make some with "
        f"python -m benchmark.reproduce {tables[0]}, or name another store"
    )
    if store.is_empty():
        raise nothing
    grids, hits, records = [first], Hits(store), dict[str, dict[str, Record]]()
    for name in tables[1:]:
        grids.append(grid.load(name, overrides))
        tell("tables loaded", len(grids), number)
    for planned in grids:
        records[planned.name] = records_at_hand(planned, hits)
        tell("tables looked up", len(records), number)
    every = {run_id: record for of_table in records.values() for run_id, record in of_table.items()}
    if not every:
        raise nothing
    measured, rows = measure(store, every), list[LedgerRow]()
    for done, planned in enumerate(grids, 1):
        rows += _rows(planned, records[planned.name], store, measured)
        tell("tables judged", done, number)
    tell.line.close()
    return [*rows, *ledger.undeclared(rows, papers)]


def _rows(planned: Grid, records: dict[str, Record], store: Store, measured: Measured) -> list[LedgerRow]:
    """The rows of one table; without a record nothing is judged."""
    from benchmark.report import evidence, judge, ledger
    from benchmark.report.one_origin import of_one_origin

    records, _ = of_one_origin(planned, records)
    verdicts = [judge.without_runs(claim) for claim in planned.table["claims"]]
    if records:
        missing = (run.run_id for run in planned.runs if run.run_id not in records)
        failed = {run_id for run_id in missing if store.failures(run_id)}
        gathered = evidence.gathered(planned, records, store.arrays, failed)
        verdicts = gathered.verdicts(bool(recipe.changed(planned)))
    return ledger.entries(planned, verdicts, records, measured.hours)


def _chosen(names: Sequence[str], overrides: Sequence[str]) -> tuple[list[str], list[str]]:
    """The papers named as a whole, and the tables with claims of ``names``."""
    tables = grid.claiming(overrides)
    papers = list(dict.fromkeys(table.partition("/")[0] for table in tables))
    for name in names:
        if name not in (*papers, *tables):
            raise unknown("paper or table with claims", name, [*papers, *tables], "sweeps/")
    whole = [paper for paper in papers if paper in names or not names]
    chosen = [table for table in tables if table in names or table.partition("/")[0] in whole]
    return whole, chosen


if __name__ == "__main__":
    sys.exit(main())
