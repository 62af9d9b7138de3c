"""The page of a table or figure: measured beside published numbers, with claims and figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from markupsafe import Markup

from benchmark.errors import BenchmarkError
from benchmark.forecast.work import work_of
from benchmark.grids import grid as grids
from benchmark.grids import recipe
from benchmark.grids.grid import Grid
from benchmark.privacy import portable_text
from benchmark.records.record import DIVERGED, Record
from benchmark.records.store import Store
from benchmark.report import build, figures, judge, ledger, overall, published, shared, static
from benchmark.report.build import Report
from benchmark.report.coverage import runs_of
from benchmark.report.evidence import gathered
from benchmark.report.figures.drawing import signed
from benchmark.report.ledger import LedgerRow
from benchmark.report.one_origin import of_one_origin
from benchmark.report.sections import Section, Sections
from benchmark.report.words import reason
from benchmark.runs.finished import arrays_of, records_at_hand
from benchmark.runs.hits import Hits
from benchmark.site import measured_rows
from benchmark.site.from_manifest import stored_row
from benchmark.site.pages import MOST_ROWS, Site, slug

POINTS = 400  # points of a figure that its page lists
GAIN = ("cells", "mean", "low", "high", "random_mean", "random_low", "random_high", "share_gained")


@dataclass(frozen=True)
class TablePages:
    """Maker of the pages of tables, by the runs of a ``store``."""

    site: Site
    store: Store
    overrides: Sequence[str]

    @cached_property
    def hits(self) -> Hits:
        """The store's records, which several tables share."""
        return Hits(self.store)

    def __call__(self, name: str) -> dict[str, Any]:
        """Write a table's page; return the facts that other pages show of it, as JSON."""
        path = f"tables/{slug(name)}.html"
        try:
            planned = grids.load(name, self.overrides)
        except BenchmarkError as error:
            return self._refused(name, path, str(error)) | {"unplanned": True}
        try:
            records, mixed = of_one_origin(planned, records_at_hand(planned, self.hits))
            failed = self._failed(planned, records)
            report, drawn = self._report(planned, records, failed)
        except BenchmarkError as error:
            return self._refused(name, path, str(error))
        report.notes.extend([*mixed, *drawn.notes])
        verdicts = report.verdicts or [judge.without_runs(claim) for claim in planned.table["claims"]]
        entries = ledger.entries(planned, verdicts, records, work_of)
        report = shared.shareable(report)
        made = self._summary(planned, report, records, entries, failed, path)
        places = {run_id: self.store.places[run_id].name for run_id in records}
        rows = measured_rows.rows(report, planned, places) if records else []
        self.site.write(
            path,
            "table.html",
            table=made,
            report=report,
            rows=rows[:MOST_ROWS],
            left_out=len(rows) - MOST_ROWS,
            unmeasured=int((report.numbers["score_n"] == 0).sum()) if records else 0,
            verdicts=report.verdicts or verdicts,
            figures=[(name, Markup(svg)) for name, svg in drawn.svg.items()],
            points_rows=[[_text(value) for value in row] for row in drawn.points.head(POINTS).to_numpy()],
            points_left_out=len(drawn.points) - POINTS,
            signed=signed,
        )
        return made

    def _failed(self, planned: Grid, records: dict[str, Record]) -> set[str]:
        """The ids of runs that ended in an error and have no record."""
        missing = {run.run_id for run in planned.runs} - records.keys() - self.hits.unknown.keys()
        return set(self.store.failures_of(missing))

    def _report(
        self, planned: Grid, records: dict[str, Record], failed: set[str]
    ) -> tuple[Report, figures.Figures]:
        if planned.table["static"]:
            return static.build(planned), figures.Figures()
        if not records:
            return _as_published(planned), figures.Figures()
        arrays = arrays_of(self.store, records)
        report = build.build(planned, records, arrays, failed)
        return report, figures.draw(planned, report, records, arrays)

    def _summary(
        self,
        planned: Grid,
        report: Report,
        records: dict[str, Record],
        entries: Sequence[LedgerRow],
        failed: set[str],
        path: str,
    ) -> dict[str, Any]:
        named = measured_rows.method_names(report, planned) if records else {}
        claims = planned.table["claims"]
        return _blank(planned.name, path) | {
            "title": report.title,
            "label": _label(planned.name, report.title),
            "item": _item(planned),
            "citation": _citation(planned),
            "static": bool(planned.table["static"]),
            "done": len(records),
            "failures": len(failed)
            + sum(record.status == DIVERGED or bool(record.collapsed) for record in records.values()),
            "planned": len({run.run_id for run in planned.runs}),
            "run_ids": sorted({run.run_id for run in planned.runs}),
            "places": sorted(self.store.places[run_id].name for run_id in records),
            "methods": sorted({name for run in planned.runs for name in run.config.method}),
            "ledger": [stored_row(entry) for entry in entries],
            "claimed": [_methods_of(claim, planned) for claim in claims],
            "cells": measured_rows.gained(report, planned) if records else [],
            "gains": [
                {"methods": row["methods"], "names": named.get(row["methods"], [])}
                | {name: measured_rows.number(row[name]) for name in GAIN}
                | {"ends": "".join(overall.ends(row)).strip()}
                for row in report.gains.to_dict("records")
            ],
        }

    def _refused(self, name: str, path: str, why: str) -> dict[str, Any]:
        """A page that says why there is no table."""
        made = _blank(name, path) | {"problem": portable_text(why)}
        self.site.write(path, "refused.html", table=made)
        return made


def _blank(name: str, path: str) -> dict[str, Any]:
    """The summary of a table about which nothing is known."""
    lists: dict[str, Any] = {
        key: [] for key in ("run_ids", "places", "methods", "ledger", "claimed", "cells", "gains")
    }
    texts = {
        "name": name,
        "paper": name.partition("/")[0],
        "label": _label(name, ""),
        "path": path,
        "title": name,
        "item": "",
        "citation": "",
    }
    return (
        lists
        | texts
        | {"problem": "", "unplanned": False, "static": False, "done": 0, "failures": 0, "planned": 0}
    )


def _item(planned: Grid) -> str:
    """The place of a table in its paper, e.g. ``Table 2``."""
    if not planned.table["published"]:
        return ""
    item = published.load(planned.table["published"])["item"]
    return f"{item['kind']} {item['number']}".capitalize()


def _label(name: str, title: str) -> str:
    """The name of a table's paper: ``HyPe`` for hype/table2 with the title `HyPe, Table 2: …`."""
    paper, called = name.partition("/")[0], title.partition(",")[0]
    return called if called.lower() == paper else paper.capitalize()


def _citation(planned: Grid) -> str:
    """The paper's title and venue."""
    if not planned.table["published"]:
        return ""
    paper = published.load(planned.table["published"])["paper"]
    return f"{paper['title']}. {paper['venue']}"


def _methods_of(claim: dict[str, Any], planned: Grid) -> list[str]:
    """The names of the methods that a claim's runs have."""
    return sorted({name for run in runs_of(claim, planned) for name in run.config.method})


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _as_published(planned: Grid) -> Report:
    """The report of a table without a record: the paper's own numbers."""
    evidence = gathered(planned, {})
    changed = recipe.changed(planned) if planned.table["claims"] else {}
    labels, sections, notes = build.labels_of(planned), list[Section](), list[str]()
    if evidence.printed:
        seeds = len({run.config.seed for run in planned.runs})
        maker = Sections(evidence.columns, labels, seeds, evidence.printed)
        sections, notes = [maker.as_published(evidence.printed)], evidence.printed.notes()
    return Report(
        title=planned.table["title"],
        columns=[labels.get(column) or column for column in evidence.columns],
        sections=sections,
        notes=notes,
        numbers=evidence.frame.iloc[:0],
        labels=labels,
        preface=[reason(changed)] if changed else [],
        frame=evidence.frame,
        rule=evidence.rule,
    )
