"""`python -m benchmark.claims [PAPER or TABLE …]`: the verdict on every claim, from the store alone."""

from __future__ import annotations

import logging
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.command import carried_out, parse, parser_of, show_warnings
from benchmark.errors import BenchmarkError, unknown
from benchmark.forecast.estimate import Forecaster
from benchmark.forecast.throughput import RunCost, costs, measure
from benchmark.forecast.work import work_of
from benchmark.grids import grid, recipe
from benchmark.grids.grid import Grid
from benchmark.places import in_home
from benchmark.progress import shown
from benchmark.records.disk import check_outside, make_writable
from benchmark.records.record import Record
from benchmark.records.store import Store
from benchmark.runs.finished import arrays_of, records_at_hand
from benchmark.runs.hits import Hits
from benchmark.runs.parallel import in_processes

if TYPE_CHECKING:
    from benchmark.report.ledger import LedgerRow

log = logging.getLogger(__name__)

DESCRIPTION = """\
Say what the runs of a store show about the papers' claims, one row per claim; nothing is run.

  python -m benchmark.claims                              all papers
  python -m benchmark.claims noisytune hype/table5        a paper, a table
  python -m benchmark.claims noisytune model=minilm store=results/other

Hours are of one worker here, as of `benchmark.plan`.
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
        check_outside("--output", options.output)
        show(ledger_of(names, overrides), options.output)
        return 0

    return carried_out(work)


def show(rows: Sequence[LedgerRow], folder: Path) -> None:
    """Print the ledger, and write it to ``folder`` in every form."""
    from benchmark.report import ledger_text, page, render, shared

    make_writable("--output", folder)
    print(ledger_text.terminal(rows, shutil.get_terminal_size((120, 24)).columns))
    report = shared.shareable(ledger_text.report(rows))
    (folder / "claims.md").write_text(render.markdown(report))
    (folder / "claims.html").write_text(page.page(report, []))
    shared.sheet(report.numbers).to_csv(folder / "claims.csv", index=False, float_format="%.8g")
    print(f"also written: {folder}/claims.csv, .md, .html", file=sys.stderr)


def ledger_of(names: Sequence[str], overrides: Sequence[str]) -> list[LedgerRow]:
    """The rows of the tables that ``names`` name, of all papers without any.

    Raises: BenchmarkError for a name that is neither a paper nor a table, or a store without any of their runs.
    """
    papers, tables = _chosen(names, overrides)
    store = Store(grid.load(tables[0], overrides).runs[0].config.store)
    nothing = BenchmarkError(
        f"store={store.folder}: has no run of {', '.join(names) or 'any paper'}; make some with "
        f"python -m benchmark.reproduce {tables[0]}, or name another store"
    )
    if store.is_empty():
        raise nothing
    judging = Judging(store, overrides)
    rows: dict[str, list[LedgerRow]] = {}
    spent: dict[str, RunCost | None] = {}
    with shown() as tell:
        tell("tables judged", 0, len(tables))
        for name, (of_table, of_runs) in in_processes(
            judging, tables, ["benchmark.report.ledger"], show_warnings
        ):
            rows[name], spent = of_table, spent | of_runs
            tell("tables judged", len(rows), len(tables))
    if not spent:
        raise nothing
    # Imported only after the processes have started: they import it at the same time.
    from benchmark.report import ledger

    hours = Forecaster(measure(store, spent)).hours_of
    every = ledger.timed((row for name in tables for row in rows[name]), hours)
    return [*every, *ledger.undeclared(every, papers)]


@dataclass(frozen=True)
class Judging:
    """The judgement of one table after the other by the runs of a ``store``."""

    store: Store
    overrides: Sequence[str]

    @cached_property
    def hits(self) -> Hits:
        """The store's records, which several tables share."""
        return Hits(self.store)

    def __call__(self, table: str) -> tuple[list[LedgerRow], dict[str, RunCost | None]]:
        """A table's rows of the ledger, and the costs of its runs in the store, by run id."""
        planned = grid.load(table, self.overrides)
        records = records_at_hand(planned, self.hits)
        return _rows(planned, records, self.hits), costs(self.store, records)


def _rows(planned: Grid, records: dict[str, Record], hits: Hits) -> list[LedgerRow]:
    """The rows of one table; without a record nothing is judged."""
    from benchmark.report import evidence, judge, ledger
    from benchmark.report.one_origin import of_one_origin

    records, _ = of_one_origin(planned, records)
    verdicts = [judge.without_runs(claim) for claim in planned.table["claims"]]
    if records:
        store = hits.store
        failed = set(
            store.failures_of({run.run_id for run in planned.runs} - records.keys() - hits.unknown.keys())
        )
        try:
            gathered = evidence.gathered(planned, records, arrays_of(store, records), failed)
            verdicts = gathered.verdicts(bool(recipe.changed(planned)))
        except BenchmarkError as error:  # one table's records must not cost the ledger of the others
            log.warning("%s is not judged: %s", planned.name, error)
            verdicts = [
                replace(verdict, why=f"its records cannot be judged: {error}") for verdict in verdicts
            ]
    return ledger.entries(planned, verdicts, records, work_of)


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
