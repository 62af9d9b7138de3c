"""From records to tables: read, aggregate, render. Nothing here trains or imports torch."""

from __future__ import annotations

import shutil
from pathlib import Path

from benchmark.grids.grid import Grid
from benchmark.records.record import Record
from benchmark.report import build, claims, figures, render, static, submission
from benchmark.report.numbers.predictions import Arrays


def write(grid: Grid, records: dict[str, Record], folder: Path, arrays: Arrays = build.no_arrays) -> None:
    """Print the table of a grid and write it to ``folder`` as Markdown, CSV, LaTeX and HTML.

    Its figures are in the page and beside it, as SVG; ``claims.csv`` has every comparison that a verdict
    comes from, ``averages.csv`` and ``languages.csv`` what the table declares beside its columns, and
    ``submissions`` what the GLUE server is to score. ``arrays`` gives the arrays of a run by its id. A table
    that is static has no runs.
    """
    if grid.table["static"]:
        table, drawn = static.build(grid), figures.Figures()
        submissions = []
    else:
        table = build.build(grid, records, arrays)
        drawn = figures.draw(grid, table, records, arrays)
        submissions = submission.of_table(grid, table.frame, records)
    table.notes.extend([*drawn.notes, *submission.note(submissions)])
    print(render.terminal(table, shutil.get_terminal_size((120, 24)).columns))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "table.md").write_text(render.markdown(table))
    (folder / "table.tex").write_text(render.latex(table))
    table.numbers.to_csv(folder / "table.csv", index=False, float_format="%.8g")
    for name in ("averages", "languages"):
        if not (numbers := getattr(table, name)).empty:
            numbers.to_csv(folder / f"{name}.csv", index=False, float_format="%.8g")
    if table.verdicts:
        claims.numbers(table.verdicts).to_csv(folder / "claims.csv", index=False, float_format="%.8g")
    for name, svg in drawn.svg.items():
        (folder / f"{name}.svg").write_text(svg)
    (folder / "table.html").write_text(render.page(table, list(drawn.svg.values())))
    submission.write(submissions, records, arrays, folder)
