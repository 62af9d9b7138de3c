"""Renderers of a report as text: terminal and Markdown."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO
from typing import Literal

from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from benchmark.printable import printable
from benchmark.report.build import Report
from benchmark.report.sections import HEADER, Section
from benchmark.report.statements import CLAIMS, HEADINGS, cells, statement

# Signs that would begin markup: a star only if a second one follows, a bracket only before an address.
MARKUP = re.compile(r"[\\`|<>$]|~(?=~)|&(?=#?\w+;)|\](?=[(\[:])|(?<!\w)_(?=\S)|\*(?=\S.*\*)|(?<=:)/(?=/)")
ENTITIES = {"<": "&lt;", ">": "&gt;", "&": "&amp;"}
BLOCK = re.compile(r"^([#+=~-]|\d+(?=[.)]))")  # signs that begin a heading, a list or a rule


def terminal(report: Report, width: int | None = None) -> str:
    """The report as text for a terminal of ``width`` columns (None: as wide as needed).

    If rows are too wide, tasks become rows and methods columns, in one block per model.
    """
    out = StringIO()
    blocks = [block for section in report.sections for block in _blocks(section, report.columns, width)]
    natural = max(max(map(_natural_width, blocks)), 80)
    console = Console(file=out, width=max(width or natural, natural), color_system=None)
    for block in blocks:
        shown = RichTable(box=None, pad_edge=False)
        for name, justify in zip(block.header, block.justify, strict=True):
            shown.add_column(Text(name), justify=justify)
        for row in block.rows:
            shown.add_row(*map(Text, row))
        console.print(Text(block.title))
        console.print(shown)
        console.print()
    if report.verdicts:
        console.print(Text(CLAIMS))
        shown = RichTable(box=None, pad_edge=False)
        for name in HEADINGS:
            # Long words, such as lists of tasks, are wrapped, not cut
            shown.add_column(name, overflow="fold")
        for row in cells(report.verdicts):
            shown.add_row(*(Text(printable(text)) for text in row))
        console.print(shown)
        console.print()
    for note in report.notes:
        console.print(Text(printable(note)))
    head = "\n".join(map(printable, [report.title, *report.preface]))
    return f"{head}\n\n{out.getvalue()}"


@dataclass(frozen=True)
class Block:
    """Lines of text under a title; the first ``names`` columns are names."""

    title: str
    header: list[str]
    rows: list[list[str]]
    names: int = len(HEADER)

    @property
    def justify(self) -> list[Literal["left", "right"]]:
        """Names to the left, numbers to the right."""
        return ["left" if column < self.names else "right" for column in range(len(self.header))]


def _blocks(section: Section, columns: Sequence[str], width: int | None) -> list[Block]:
    header, *rows = [
        [printable(cell) for cell in row]
        for row in ([*section.header, *(section.columns or columns)], *section.rows)
    ]
    whole = Block(printable(section.title), header, rows, len(section.header))
    if width is None or section.columns or _natural_width(whole) <= width:
        return [whole]
    blocks = []
    for model in dict.fromkeys(row[0] for row in whole.rows):
        rows = [row for row in whole.rows if row[0] == model]
        turned = [[column, *(row[2 + i] for row in rows)] for i, column in enumerate(header[2:])]
        blocks.append(Block(f"{whole.title} — {model}", ["Task", *(row[1] for row in rows)], turned, 1))
    # With many methods on few tasks, the turned table would be even wider.
    return blocks if max(map(_natural_width, blocks)) < _natural_width(whole) else [whole]


def _natural_width(block: Block) -> int:
    lines = [block.header, *block.rows]
    return sum(max(len(line[i]) for line in lines) + 2 for i in range(len(block.header)))


def markdown(report: Report) -> str:
    """GitHub-flavoured Markdown."""
    lines = [f"# {_markdown(report.title)}", ""]
    for sentence in report.preface:
        lines += [_markdown(sentence), ""]
    for section in report.sections:
        lines += _markdown_section(section, report.columns)
    if report.verdicts:
        lines += [CLAIMS, ""]
        for judged in report.verdicts:
            lines.append(f"- {statement(judged, '**{}**'.format, _markdown)}")
            lines += [f"  - {statement(again, '**{}**'.format, _markdown)}" for again in judged.controls]
        lines.append("")
    lines += [f"- {_markdown(note)}" for note in report.notes]
    for section in report.by_language:
        lines += ["", *_markdown_section(section, report.columns)[:-1]]
    return "\n".join(lines) + "\n"


def _markdown_section(section: Section, columns: Sequence[str]) -> list[str]:
    names = len(section.header)
    lines = [
        [_markdown(cell) for cell in row]
        for row in ([*section.header, *(section.columns or columns)], *section.rows)
    ]
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    delimiter = "|" + "|".join(_delimiter(i, width, names) for i, width in enumerate(widths)) + "|"
    rows = [_markdown_row(row, widths, names) for row in lines]
    return [BLOCK.sub(r"\\\g<0>", _markdown(section.title)), "", rows[0], delimiter, *rows[1:], ""]


def _markdown(text: str) -> str:
    """``text`` escaped for Markdown, so that it causes no markup, link, formula or further column."""
    return MARKUP.sub(lambda match: ENTITIES.get(match[0], f"\\{match[0]}"), printable(text))


def _markdown_row(row: Sequence[str], widths: Sequence[int], names: int) -> str:
    cells = (
        cell.ljust(width) if i < names else cell.rjust(width)
        for i, (cell, width) in enumerate(zip(row, widths, strict=True))
    )
    return "| " + " | ".join(cells) + " |"


def _delimiter(column: int, width: int, names: int) -> str:
    return "-" * (width + 2) if column < names else "-" * (width + 1) + ":"
