"""One table in five forms: terminal, Markdown, LaTeX, HTML, and the plain numbers as CSV."""

from __future__ import annotations

import html
from collections.abc import Sequence
from io import StringIO

from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from benchmark.report.table import Section, Table

HEAD = ("Model", "Method")
TEX = {letter: f"\\{letter}" for letter in "&%_#${}"} | {
    "\\": r"\textbackslash{}",
    "^": r"\^{}",
    "~": r"\~{}",
    "±": r"$\pm$",
    "–": "--",
}
STYLE = """\
body{font:15px/1.5 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem;color:#222}
table{border-collapse:collapse;margin:.5rem 0 1.5rem}th,td{padding:.3rem .8rem;text-align:right}
th:nth-child(-n+2),td:nth-child(-n+2){text-align:left}thead th{border-bottom:2px solid #444}
tbody tr:nth-child(even){background:#f5f5f5}figure{margin:1rem 0}svg{max-width:100%;height:auto}
.notes{color:#555}h2{font-size:1.05rem;margin:1.5rem 0 .2rem}"""


def terminal(table: Table, width: int | None = None) -> str:
    """The table for a terminal of ``width`` columns (None: as wide as it needs)."""
    out = StringIO()
    natural = 4 + max(sum(map(len, row)) + 3 * len(row) for row in _all_rows(table))
    console = Console(file=out, width=width or max(natural, 80), color_system=None)
    for section in table.sections:
        shown = RichTable(
            title=Text(section.title), title_justify="left", title_style="", box=None, pad_edge=False
        )
        for number, name in enumerate((*HEAD, *table.columns)):
            shown.add_column(Text(name), justify="left" if number < len(HEAD) else "right")
        for row in section.rows:
            shown.add_row(*map(Text, row))
        console.print(shown)
        console.print()
    for note in table.notes:
        console.print(note, markup=False, highlight=False)
    return f"{table.title}\n\n{out.getvalue()}"


def markdown(table: Table) -> str:
    """GitHub-flavoured Markdown."""
    lines = [f"# {table.title}", ""]
    for section in table.sections:
        grid = [[*HEAD, *table.columns], *section.rows]
        widths = [max(len(row[i]) for row in grid) for i in range(len(grid[0]))]
        lines += [section.title, "", _markdown_row(grid[0], widths)]
        lines.append("|" + "|".join(_rule(i, width) for i, width in enumerate(widths)) + "|")
        lines += [_markdown_row(row, widths) for row in grid[1:]] + [""]
    lines += [f"- {note}" for note in table.notes]
    return "\n".join(lines) + "\n"


def latex(table: Table) -> str:
    """A `table` environment in booktabs style, one block per section."""
    columns = "ll" + "r" * len(table.columns)
    lines = [
        r"% needs \usepackage{booktabs}",
        r"\begin{table}",
        r"\centering",
        rf"\begin{{tabular}}{{{columns}}}",
    ]
    for section in table.sections:
        lines += [r"\toprule" if section is table.sections[0] else r"\midrule"]
        lines.append(rf"\multicolumn{{{len(columns)}}}{{l}}{{\emph{{{_tex(section.title)}}}}} \\")
        lines += [_latex_row((*HEAD, *table.columns)), r"\midrule"]
        lines += [_latex_row(row) for row in section.rows]
    caption = " ".join([table.title + ".", *table.notes])
    lines += [r"\bottomrule", r"\end{tabular}", rf"\caption{{{_tex(caption)}}}", r"\end{table}"]
    return "\n".join(lines) + "\n"


def page(table: Table, figure_svg: str) -> str:
    """A page that stands alone: tables, notes and the figure."""
    title = html.escape(table.title)
    body = "\n".join(_html_section(section, table.columns) for section in table.sections)
    notes = "".join(f"<li>{html.escape(note)}</li>" for note in table.notes)
    figure = f"<figure>{figure_svg}</figure>" if figure_svg else ""
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>\n'
        f"<style>{STYLE}</style></head><body>\n<h1>{title}</h1>\n{body}\n{figure}\n"
        f'<ul class="notes">{notes}</ul>\n</body></html>\n'
    )


def _all_rows(table: Table) -> list[Sequence[str]]:
    return [(*HEAD, *table.columns), *(row for section in table.sections for row in section.rows)]


def _markdown_row(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = (
        cell.ljust(width) if i < len(HEAD) else cell.rjust(width)
        for i, (cell, width) in enumerate(zip(row, widths, strict=True))
    )
    return "| " + " | ".join(cells) + " |"


def _rule(column: int, width: int) -> str:
    return "-" * (width + 2) if column < len(HEAD) else "-" * (width + 1) + ":"


def _latex_row(row: Sequence[str]) -> str:
    return " & ".join(_tex(cell) for cell in row) + r" \\"


def _tex(text: str) -> str:
    return "".join(TEX.get(letter, letter) for letter in text)


def _html_section(section: Section, columns: Sequence[str]) -> str:
    head = "".join(f"<th>{html.escape(name)}</th>" for name in (*HEAD, *columns))
    rows = "\n".join(
        "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in section.rows
    )
    return (
        f"<h2>{html.escape(section.title)}</h2>\n<table><thead><tr>{head}</tr></thead>\n"
        f"<tbody>{rows}</tbody></table>"
    )
