"""From records to tables: read, aggregate, render. Nothing here trains or imports torch."""

from __future__ import annotations

import shutil
from pathlib import Path

from benchmark.grid import Grid
from benchmark.report import figure, render
from benchmark.report.table import build
from benchmark.store import Record


def write(grid: Grid, records: dict[str, Record], folder: Path) -> None:
    """Print the table of a grid and write it to ``folder`` as Markdown, CSV, LaTeX and HTML."""
    table = build(grid, records)
    print(render.terminal(table, shutil.get_terminal_size((120, 24)).columns))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "table.md").write_text(render.markdown(table))
    (folder / "table.tex").write_text(render.latex(table))
    table.numbers.to_csv(folder / "table.csv", index=False, float_format="%.4f")
    svg = figure.differences(table.numbers, table.labels)
    (folder / "table.html").write_text(render.page(table, svg))
