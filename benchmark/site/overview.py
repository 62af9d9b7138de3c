"""Pages that connect the others: overview, ledger of claims, methods, runs, comparison of two methods."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from markupsafe import Markup

from benchmark.forecast.estimate import Forecaster
from benchmark.forecast.throughput import measure
from benchmark.grids import grid
from benchmark.printable import printable
from benchmark.records.store import Store
from benchmark.report import ledger, ledger_text
from benchmark.report.figures.differences import intervals
from benchmark.report.ledger import LedgerRow
from benchmark.report.words import NOT_DECLARED, NOT_MEASURED
from benchmark.site import failed_runs, inputs, measured_rows
from benchmark.site.documents import Document, findings
from benchmark.site.from_manifest import cost_from, ledger_row
from benchmark.site.manifest import Manifest
from benchmark.site.method_facts import MethodFacts
from benchmark.site.pages import MOST_ROWS, Site

SHOWN_GAINS = 40  # rows of a forest plot in the overview
FOREST = (
    "Mean gain over plain fine-tuning over all cells of a table, in percentage points, with 95 % intervals"
)


def write(
    site: Site, store: Store, made: Manifest, documents: Sequence[Document], facts: Sequence[MethodFacts]
) -> list[str]:
    """Write these pages from the tables and runs in `made`; return their paths."""
    tables, known = list(made.tables.values()), {fact.name for fact in facts}
    runs = [run for run in made.runs.values() if not run["problem"]]
    rows, claimed = _ledger(store, tables, runs)
    counts = _counts(rows)
    papers = [_paper(name, tables, rows) for name in dict.fromkeys(table["paper"] for table in tables)]
    papers.sort(key=lambda paper: (not paper["measured"], not paper["citation"]))
    ill = failed_runs.write(site, store, tables, runs)
    site.write(
        "index.html",
        "index.html",
        papers=papers,
        labels={paper["name"]: paper["label"] for paper in papers},
        findings=findings(documents),
        counts=counts,
        documents=documents,
        summary=ledger.summary(rows),
        runs=len(runs),
        unfinished=inputs.unfinished(store),
        failures=ill,
        problems=[(name, run["problem"]) for name, run in made.runs.items() if run["problem"]],
        store=store.folder.name,
    )
    claims = [
        {"entry": row, "cells": ledger_text.narrow(row), "methods": methods}
        for row, methods in zip(rows, claimed, strict=True)
    ]
    site.write(
        "claims.html",
        "claims.html",
        claims=claims,
        papers=list(dict.fromkeys(row.paper for row in rows)),
        verdicts=list(counts["verdicts"]),
        methods=sorted({name for names in claimed for name in names}),
        notes=[*ledger.summary(rows), *ledger_text.NOTES],
        pages={table["name"]: table["path"] for table in tables},
    )
    return [
        "index.html",
        "claims.html",
        failed_runs.PATH,
        *_methods(site, tables, facts),
        *_runs(site, runs, known),
        _compare(site, tables),
    ]


def _ledger(
    store: Store, tables: Sequence[dict[str, Any]], runs: Sequence[dict[str, Any]]
) -> tuple[list[LedgerRow], list[list[str]]]:
    """The rows of the ledger with their hours, and the methods of each."""
    stored = [
        (ledger_row(entry), methods)
        for table in tables
        for entry, methods in zip(table["ledger"], table["claimed"], strict=True)
    ]
    spent = {run["folder"]: cost_from(run["cost"]) for run in runs}
    declared = ledger.timed((row for row, _ in stored), Forecaster(measure(store, spent)).hours_of)
    shown = {table["name"] for table in tables}
    left_out = {name.partition("/")[0] for name in grid.claiming() if name not in shown}
    more = ledger.undeclared(declared, {row.paper: 0 for row in declared if row.paper not in left_out})
    return [*declared, *more], [*(methods for _, methods in stored), *([] for _ in more)]


def _counts(rows: Iterable[LedgerRow]) -> dict[str, Any]:
    """The number of claims by paper and verdict."""
    rows = list(rows)
    words = Counter(row.verdict for row in rows)
    last = (NOT_MEASURED, NOT_DECLARED)
    verdicts = sorted(words, key=lambda word: (word in last, -words[word]))
    papers = dict.fromkeys(row.paper for row in rows)
    by = Counter((row.paper, row.verdict) for row in rows)
    return {"verdicts": verdicts, "papers": [(p, [by[p, word] for word in verdicts]) for p in papers]}


def _lost(gain: dict[str, Any]) -> str:
    """The runs that a gain lost, in words; '' for none, and for a summary by older code."""
    return str(gain.get("ends", "")).partition(";")[0]


def _paper(name: str, tables: Sequence[dict[str, Any]], rows: Sequence[LedgerRow]) -> dict[str, Any]:
    """A paper's part of the overview: its tables with their states, and the forest plot of its gains."""
    own = [table for table in tables if table["paper"] == name]
    gains = [
        (f"{table['item'] or table['name']} · {gain['methods']} {_lost(gain)}".strip(), *_ends(gain))
        for table in own
        for gain in table["gains"]
        if gain["mean"] is not None
    ]
    verdicts = {
        table["name"]: sorted(Counter(row.verdict for row in rows if row.table == table["name"]).items())
        for table in own
    }
    return {
        "name": name,
        "label": own[0]["label"],
        "measured": any(table["done"] for table in own),
        "citation": next((table["citation"] for table in own if table["citation"]), ""),
        "tables": sorted(own, key=_natural),
        "verdicts": verdicts,
        "forest": Markup(intervals(gains[:SHOWN_GAINS], FOREST)) if gains else "",
        "left_out": len(gains) - SHOWN_GAINS,
    }


def _natural(table: dict[str, Any]) -> list[Any]:
    """A key that sorts figure 2 before figure 10."""
    return [
        (part.isdigit(), int(part) if part.isdigit() else part) for part in re.split(r"(\d+)", table["name"])
    ]


def _ends(gain: dict[str, Any]) -> tuple[float, float, float]:
    nan = float("nan")
    mean, low, high = (nan if gain[part] is None else gain[part] for part in ("mean", "low", "high"))
    return mean, low, high


def _methods(site: Site, tables: Sequence[dict[str, Any]], facts: Sequence[MethodFacts]) -> list[str]:
    """The page of every method, and the list of them."""
    paths = []
    listed = []
    for fact in facts:
        cells = [
            (table, cell, _ends(cell))
            for table in tables
            for cell in table["cells"]
            if fact.name in cell["names"]
        ]
        scale = measured_rows.strip_scale([end for *_, ends in cells for end in ends])
        signs = Counter(_sign(low, high) for *_, (_, low, high) in cells)
        path = f"methods/{fact.name}.html"
        site.write(
            path,
            "method.html",
            fact=fact,
            cells=[
                (table, cell, ends, measured_rows.strip(*ends, scale), _sign(*ends[1:]))
                for table, cell, ends in cells[:MOST_ROWS]
            ],
            left_out=len(cells) - MOST_ROWS,
            signs=signs,
            gains=[
                (t, gain, _ends(gain)) for t in tables for gain in t["gains"] if fact.name in gain["names"]
            ],
            tables=[table for table in tables if fact.name in table["methods"]],
        )
        paths.append(path)
        listed.append((fact, path, len(cells), signs))
    site.write("methods.html", "methods.html", methods=listed)
    return ["methods.html", *paths]


def _sign(low: float, high: float) -> str:
    """The word for an interval: above 0, below 0, or including 0."""
    return "gain" if low > 0 else "loss" if high < 0 else "open"


def _runs(site: Site, runs: Sequence[dict[str, Any]], known: set[str]) -> list[str]:
    """Lists of all runs; runs that differ only in their seed share a row."""
    groups: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for run in runs:
        groups.setdefault(tuple(run["group"].values()), []).append(run)
    rows = [
        {**group[0]["group"], "runs": sorted(group, key=lambda run: (run["seed"], run["folder"]))}
        for _, group in sorted(groups.items())
    ]
    parts = [rows[first : first + MOST_ROWS] for first in range(0, len(rows), MOST_ROWS)] or [[]]
    paths = ["runs.html" if not number else f"runs-{number + 1}.html" for number in range(len(parts))]
    for path, part in zip(paths, parts, strict=True):
        site.write(path, "runs.html", groups=part, paths=paths, total=len(runs), known=known)
    return paths


def _compare(site: Site, tables: Sequence[dict[str, Any]]) -> str:
    """The page with the gains of two methods side by side; all numbers are in the page."""
    gains = [
        [
            printable(text)
            for text in (table["title"], table["path"], cell["model"], cell["task"], cell["methods"])
        ]
        + [cell["mean"], cell["low"], cell["high"], cell["n"]]
        for table in tables
        for cell in table["cells"]
    ]
    methods = sorted({row[4] for row in gains})
    site.write("compare.html", "compare.html", cells=gains, methods=methods)
    return "compare.html"
