"""The page of runs that failed, diverged or collapsed, each with its reason."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmark.privacy import portable_text
from benchmark.records.looked_at import failed
from benchmark.records.record import DIVERGED, FAILED
from benchmark.records.store import Store
from benchmark.site.pages import MOST_ROWS, Site

PATH = "failed.html"
COLLAPSED = "collapsed"
VANILLA = "[plain fine-tuning]"  # in place of an empty list of methods
KINDS = (FAILED, DIVERGED, COLLAPSED)
Tables = Mapping[str, list[dict[str, Any]]]  # by run id


@dataclass(frozen=True)
class FailedRun:
    """A run that failed, diverged or collapsed: ``kind`` is of `KINDS`, ``path`` its record's page or ''."""

    kind: str
    run_id: str
    path: str
    what: str
    why: str
    tables: list[dict[str, Any]]
    when: str


def write(site: Site, store: Store, tables: Sequence[dict[str, Any]], runs: Sequence[dict[str, Any]]) -> int:
    """Write the page; return the number of its runs."""
    by_run: dict[str, list[dict[str, Any]]] = {}
    for table in tables:
        for run_id in table["run_ids"]:
            by_run.setdefault(run_id, []).append(table)
    remarks: list[str] = []
    rows = [*_failed(store, runs, by_run, remarks), *_recorded(runs, by_run)]
    rows.sort(key=lambda row: KINDS.index(row.kind))
    site.write(
        PATH,
        "failed.html",
        rows=rows[:MOST_ROWS],
        left_out=len(rows) - MOST_ROWS,
        kinds=[kind for kind in KINDS if any(row.kind == kind for row in rows)],
        tables=list(dict.fromkeys(table["name"] for row in rows[:MOST_ROWS] for table in row.tables)),
        remarks=[portable_text(remark) for remark in remarks],
    )
    return len(rows)


def reason(diverged_at: int | None, collapsed: Sequence[str]) -> str:
    """The reason why a run with a record diverged or collapsed; '' if it did not."""
    if diverged_at is not None:
        return f"a loss or an output was not a finite number by update {diverged_at}"
    return f"one answer to everything on {', '.join(collapsed)}" if collapsed else ""


def _failed(
    store: Store, runs: Sequence[Mapping[str, Any]], by_run: Tables, remarks: list[str]
) -> Iterator[FailedRun]:
    """Runs that ended in an error, and have no record that can be read."""
    for run in failed(store.folder, {run["run_id"] for run in runs}, remarks):
        again = f" ({run.times} times)" if run.times > 1 else ""
        what, why = portable_text(run.what).replace("[]", VANILLA), portable_text(run.why) + again
        yield FailedRun(FAILED, run.run_id, "", what, why, by_run.get(run.run_id, []), run.when)


def _recorded(runs: Sequence[Mapping[str, Any]], by_run: Tables) -> Iterator[FailedRun]:
    """Runs with a record that diverged, or whose model gives one answer to everything."""
    for run in runs:
        if run["trouble"]:
            kind = DIVERGED if run["status"] == DIVERGED else COLLAPSED
            parts = run["group"]
            methods = f"[{','.join(run['names'])}]" if run["names"] else VANILLA
            words = f"{parts['model']} {parts['task']} {methods} seed {run['seed']}"
            places = by_run.get(run["run_id"], [])
            yield FailedRun(kind, run["run_id"], run["path"], words, run["trouble"], places, run["finished"])
