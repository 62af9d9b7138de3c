"""From records to tables: read, aggregate, render. Nothing here trains or imports torch."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Sequence
from pathlib import Path

import pandas as pd

from benchmark.grids.grid import Grid
from benchmark.progress import shown
from benchmark.records.record import Record
from benchmark.report import (
    build,
    claims_sheet,
    evidence,
    latex,
    page,
    render,
    shared,
    sheets,
    static,
    submission,
    unscored,
)
from benchmark.report.numbers.predictions import Arrays
from benchmark.report.one_origin import of_one_origin


def write(
    grid: Grid,
    records: dict[str, Record],
    folder: Path,
    arrays: Arrays = evidence.no_arrays,
    failed: Collection[str] = (),
    further: Sequence[str] = (),
) -> str:
    """Print the table of a grid and write it to ``folder`` in every form; return what was printed.

    Forms are Markdown, CSV, LaTeX and HTML. Figures are in the HTML page, and beside it as SVG.
    ``claims.csv`` has the comparisons behind every verdict, ``averages.csv`` and ``languages.csv`` the
    further numbers that the table declares, ``submissions`` the files for the GLUE server, ``predictions`` those
    for other sets without gold labels. ``arrays`` gives the arrays of a run by its id. ``failed`` are the ids of
    runs that ended in an error, ``further`` are notes on the records themselves. A static table has no runs.
    """
    with shown() as tell:
        tell("making the report", 0, 0)
        from benchmark.report import figures  # imports matplotlib, which the ledger does not need

        records, mixed = of_one_origin(grid, records)
        if grid.table["static"]:
            report, drawn = static.build(grid), figures.Figures()
            submissions, without_gold = [], []
        else:
            report = build.build(grid, records, arrays, failed)
            drawn = figures.draw(grid, report, records, arrays)
            submissions = submission.of_table(grid, report.frame, records)
            without_gold = unscored.of_table(grid, report.frame, records)
        report.notes.extend(
            [*mixed, *further, *drawn.notes, *submission.note(submissions), *unscored.note(without_gold)]
        )
    printed = render.terminal(report, shutil.get_terminal_size((120, 24)).columns)
    print(printed)
    folder.mkdir(parents=True, exist_ok=True)
    report = shared.shareable(report)
    (folder / "table.md").write_text(render.markdown(report))
    (folder / "table.tex").write_text(latex.latex(report))
    parts = {"table": report.numbers, "averages": report.averages, "languages": report.languages}
    files = {name: sheets.numbers(part, report) for name, part in parts.items()}
    files["claims"] = claims_sheet.numbers(report.verdicts) if report.verdicts else pd.DataFrame()
    for name, numbers in files.items():
        if name == "table" or not numbers.empty:
            shared.sheet(numbers).to_csv(folder / f"{name}.csv", index=False, float_format="%.8g")
    for name, svg in drawn.svg.items():
        (folder / f"{name}.svg").write_text(svg)
    (folder / "table.html").write_text(page.page(report, list(drawn.svg.values())))
    submission.write(submissions, records, arrays, folder)
    unscored.write(without_gold, records, arrays, folder)
    return printed
