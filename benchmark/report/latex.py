"""A report in LaTeX: tables in booktabs style, at most as wide as a page, each with a label."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from itertools import groupby

from benchmark.printable import printable
from benchmark.report.build import Report
from benchmark.report.judge import Verdict
from benchmark.report.sections import Section
from benchmark.report.statements import CLAIMS, statement

TEX = {letter: f"\\{letter}" for letter in "&%_#${}"} | {
    "\\": r"\textbackslash{}",
    "^": r"\^{}",
    "~": r"\~{}",
    "±": r"$\pm$",
    "−": r"$-$",
    "–": "--",
    "†": r"$\dagger$",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
}
SIGNED = re.compile(r"(?<![\w.$])([+-]\d[\d.]*)(?![\w-])")
BEST = re.compile(r"^(-?[\d.]+)\*")
PAGE, LETTER, BETWEEN, WIDEST = (
    345,
    4.7,
    8,
    120,
)  # points: of article's lines, a letter, two columns, a column
LINES = 40  # lines of a table: more would be higher than a page
FLOATS = 16  # tables between two page breaks: LaTeX can hold only few floats at a time
# Line breaks within a name, which would be too wide for its column otherwise
BREAK = re.compile(r"(?<=[_,=+/])(?=\w)|(?<=[a-z]\.)(?=[a-z])")
NEEDS = r"% needs \usepackage{array,booktabs}"
LEFT, RIGHT = (rf">{{\{way}\arraybackslash}}p{{{WIDEST}pt}}" for way in ("raggedright", "raggedleft"))


def latex(report: Report) -> str:
    """Every section as a `table` of its own, no wider than a page; verdicts and notes below."""
    lines, name, number = [NEEDS], _label(report.title), 0
    for section in (*report.sections, *report.by_language):
        for part in _parts(section, report.columns):
            if number and number % FLOATS == 0:
                lines.append(r"\clearpage")
            number += 1
            lines += _table(part, report.title, f"tab:{name}-{number}")
    if report.preface:
        lines += ["", _tex(" ".join(report.preface))]
    if report.verdicts:
        lines += ["", rf"\paragraph{{{_tex(CLAIMS)}}}", *_verdicts(report.verdicts)]
    if report.notes:
        notes = [rf"\item {_tex(note)}" for note in report.notes]
        lines += ["", r"\begin{itemize}\footnotesize", *notes, r"\end{itemize}"]
    return "\n".join(lines) + "\n"


def _parts(section: Section, columns: Sequence[str]) -> Iterator[Section]:
    """A section split by columns and rows into parts that fit on a page.

    Every part has the columns of names.
    """
    names, headings = len(section.header), section.columns or list(columns)
    texts = [[*section.header, *headings], *section.rows]
    widths = [min(LETTER * max(len(row[i]) for row in texts), WIDEST) + BETWEEN for i in range(len(texts[0]))]
    room = PAGE - sum(widths[1:names])
    chosen: list[list[int]] = [[]]
    for column in range(names, len(widths)):
        if chosen[-1] and sum(widths[i] for i in (*chosen[-1], column)) > room:
            chosen.append([])
        chosen[-1].append(column)
    for part in chosen:
        for rows in _pages([[*row[:names], *(row[i] for i in part)] for row in section.rows]):
            yield Section(section.title, rows, [headings[i - names] for i in part], section.header)


def _pages(rows: Sequence[list[str]]) -> Iterator[list[list[str]]]:
    """Rows in parts that are not higher than a page; a new name in the first column takes two lines more."""
    page: list[list[str]] = []
    used = 0
    for row in rows:
        height = max(math.ceil(LETTER * len(text) / WIDEST) for text in ["x", *row[1:]])
        new = 0 if page and page[-1][0] == row[0] else 2
        if page and used + height + new > LINES:
            yield page
            page, used, new = [], 0, 2
        page.append(row)
        used += height + new
    yield page


def _table(section: Section, title: str, label: str) -> list[str]:
    """A `table` environment; the first column's values, such as models, stand above their rows."""
    headings = [*section.header[1:], *(section.columns or [])]
    longest = [
        max(len(text) for text in [heading, *(row[i] for row in section.rows)])
        for i, heading in enumerate(headings, 1)
    ]
    names = len(section.header) - 1
    alignment = "".join(
        (LEFT if i < names else RIGHT) if LETTER * letters > WIDEST else "l" if i < names else "r"
        for i, letters in enumerate(longest)
    )
    lines = [r"\begin{table}[htbp]", r"\centering\small", r"\setlength{\tabcolsep}{4pt}"]
    lines += [rf"\caption{{{_tex(f'{title}: {section.title}')}}}", rf"\label{{{label}}}"]
    lines += [rf"\begin{{tabular}}{{{alignment}}}", r"\toprule", _row(headings)]
    for name, rows in groupby(section.rows, key=lambda row: row[0]):
        lines += [r"\midrule", rf"\multicolumn{{{len(headings)}}}{{l}}{{\emph{{{_tex(name)}}}}} \\"]
        lines += [_row(row[1:]) for row in rows]
    return [*lines, r"\bottomrule", r"\end{tabular}", r"\end{table}"]


def _row(row: Sequence[str]) -> str:
    line = " & ".join(_cell(text) for text in row) + r" \\"
    # Otherwise `\\` in the line above would read it as its argument
    return f"{{}}{line}" if line[0] in "[*" else line


def _cell(text: str) -> str:
    """A cell: the best in bold, what follows a ± in small type."""
    mean, sign, spread = text.partition(" ± ")
    shown = BEST.sub(lambda match: rf"\textbf{{{match[1]}}}*", _tex(mean))
    return rf"{shown} {{\footnotesize $\pm$ {_tex(spread)}}}" if sign else shown


def _tex(text: str) -> str:
    """``text`` for LaTeX; numbers with a sign are in math, where a minus is one."""
    parts = SIGNED.split(printable(text))
    return "".join(f"${part}$" if number % 2 else _plain(part) for number, part in enumerate(parts))


def _plain(text: str) -> str:
    """``text`` without numbers that have a sign; long names may break."""
    pieces = ("".join(TEX.get(letter, letter) for letter in piece) for piece in BREAK.split(text))
    return r"\allowbreak{}".join(pieces)


def _label(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


def _verdicts(verdicts: Sequence[Verdict]) -> list[str]:
    if not verdicts:
        return []
    lines = [r"\begin{itemize}"]
    for judged in verdicts:
        said = statement(judged, r"\textbf{{{}}}".format, _tex)
        lines.append(rf"\item {said}")
        lines += _verdicts(judged.controls)
    return [*lines, r"\end{itemize}"]
