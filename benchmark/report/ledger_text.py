"""The ledger as text: a table that fits the terminal, and a report for files."""

from __future__ import annotations

from collections.abc import Sequence
from io import StringIO
from typing import Literal

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from benchmark.printable import printable
from benchmark.report import ledger
from benchmark.report.build import Report
from benchmark.report.kinds.shown import in_unit
from benchmark.report.ledger import LedgerRow
from benchmark.report.sections import Section
from benchmark.report.words import FOR_SENTENCES, NOT_DECLARED, NOT_MEASURED, ON_THIS_SET

TITLE = "The claims of the papers, and what the runs of this store say"
NOTES = [
    "Effect: of several comparisons their mean with equal weights, and its interval over them.",
    "Pairs: pairs of runs behind the effect, of those planned. Lost: the most runs that one comparison lost on the "
    "claimed side, and on the other.",
    "Cells: comparisons that are surely as claimed, and surely the other way, of all.",
    "To do: runs that the claim covers and the store lacks, with the hours of one worker here; (+n) were not timed.",
    "Seeds: the number that decides the claim with 80 % power, at the effect that the paper printed or else the one seen, if no run is lost.",
]
FIRST, LAST = ("Id", "Table"), "Claim"
HEADINGS = [
    "Kind",
    "Place",
    ON_THIS_SET.capitalize(),
    FOR_SENTENCES.capitalize(),
    "Effect [95 % interval]",
    "Pairs",
    "Lost",
    "Cells",
    "Against controls",
    "Leak-free (settings tried)",
    "Without collapses",
    "To do",
    "Seeds",
    "The paper's own tables",
    LAST,
]
# Columns of the terminal before the claim, with their largest widths in letters.
NARROW = {"Id": 4, "Verdict": 12, "Effect": 18, "Pairs": 9, "Cells": 8, "To do": 9, "Seeds": 9}


def report(rows: Sequence[LedgerRow]) -> Report:
    """The ledger as a report without figures: one section per paper, and counts as notes."""
    papers = dict.fromkeys(entry.paper for entry in rows)
    sections = [
        Section(paper, [_row(entry) for entry in rows if entry.paper == paper], HEADINGS, FIRST)
        for paper in papers
    ]
    notes = [*ledger.summary(rows), *NOTES]
    return Report(TITLE, [], sections, notes, ledger.frame(rows))


def terminal(rows: Sequence[LedgerRow], width: int) -> str:
    """The ledger for a terminal of ``width`` columns, table by table; counts below."""
    out = StringIO()
    console = Console(file=out, width=width, color_system=None)
    shown = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for name, most in NARROW.items():
        shown.add_column(name, justify=_justified(name), max_width=most, overflow="fold")
    shown.add_column(LAST, overflow="fold")
    table = None
    for entry in rows:
        if entry.verdict == NOT_DECLARED:
            continue  # counted below
        if entry.table != table:
            table = entry.table
            shown.add_row(*[""] * len(NARROW), Text(table, style="bold"))
        shown.add_row(*(Text(printable_lines(text)) for text in narrow(entry)))
    console.print(shown)
    missing = [entry.id for entry in rows if entry.verdict == NOT_DECLARED]
    lines = [*ledger.summary(rows), *([f"{NOT_DECLARED}: {', '.join(missing)}"] if missing else []), *NOTES]
    for line in lines:
        console.print(Text(printable(line)))
    return "\n".join(line.rstrip() for line in [TITLE, *out.getvalue().splitlines()])


def printable_lines(text: str) -> str:
    """``text`` on its lines, without control characters."""
    return "\n".join(map(printable, text.split("\n")))


def _justified(name: str) -> Literal["left", "right"]:
    return "left" if name in ("Id", "Verdict", "Effect") else "right"


def narrow(entry: LedgerRow) -> list[str]:
    """The cells of the terminal: the second line of a verdict is for sentences like these."""
    words = dict.fromkeys([entry.verdict, entry.for_sentences])
    said = [f"{entry.says} ({', '.join(filter(None, [entry.place, entry.kind]))})"]
    said += [f"against the control {entry.controls}"] if entry.controls else []
    said += [f"leak-free {_leak_free(entry)}"] if entry.leak_free else []
    said += [f"among runs that did not collapse {entry.without_collapses}"] * bool(entry.without_collapses)
    said += [f"the paper's own tables: {entry.own_tables}"] if entry.own_tables else []
    lost = f"\nlost {entry.lost_ours}, {entry.lost_others}" if entry.lost_ours or entry.lost_others else ""
    return [
        entry.id,
        "\n".join(words),
        _effect(entry),
        _pairs(entry) + lost,
        _cells(entry),
        _to_do(entry),
        _seeds(entry),
        "\n".join(said),
    ]


def _row(entry: LedgerRow) -> list[str]:
    lost = f"{entry.lost_ours}, {entry.lost_others}" if entry.comparisons else ""
    return [
        entry.id,
        entry.table,
        entry.kind,
        entry.place,
        entry.verdict,
        entry.for_sentences,
        _effect(entry),
        _pairs(entry),
        lost,
        _cells(entry),
        entry.controls,
        _leak_free(entry),
        entry.without_collapses,
        _to_do(entry),
        _seeds(entry),
        entry.own_tables,
        entry.says,
    ]


def _effect(entry: LedgerRow) -> str:
    return in_unit(entry.effect, entry.low, entry.high, entry.unit) if entry.unit else ""


def _pairs(entry: LedgerRow) -> str:
    return f"{entry.pairs} of {entry.planned}" if entry.planned else ""


def _cells(entry: LedgerRow) -> str:
    if not entry.comparisons or entry.verdict == NOT_MEASURED:
        return ""
    return f"{entry.helped}, {entry.hurt} of {entry.comparisons}"


def _leak_free(entry: LedgerRow) -> str:
    tried = (entry.tried_ours, entry.tried_others)
    settings = f" ({tried[0]}, {tried[1]})" if max(tried) > 1 else ""
    return f"{entry.leak_free}{settings}" if entry.leak_free else ""


def _to_do(entry: LedgerRow) -> str:
    if not entry.missing:
        return ""
    timed = entry.missing - entry.not_timed
    time = f", {entry.hours:.1f} h" if entry.hours >= 1 else f", {60 * entry.hours:.0f} min"
    return f"{entry.missing}{time if timed else ''}" + (
        f" (+{entry.not_timed})" if timed and entry.not_timed else ""
    )


def _seeds(entry: LedgerRow) -> str:
    if np.isnan(entry.seeds):
        return ""
    number = f"{entry.seeds:.0f}" if np.isfinite(entry.seeds) else "none in reach"
    return f"{number} ({'printed' if 'printed' in entry.seeds_at else 'seen'})"
