"""What a reader of a table must know besides its numbers."""

from __future__ import annotations

import shlex

import pandas as pd

from benchmark.grid import Grid
from benchmark.store import Record

PLACES = ("store", "cache", "device")  # where a grid runs is no change to it


def notes(
    grid: Grid,
    frame: pd.DataFrame,
    numbers: pd.DataFrame,
    records: dict[str, Record],
    labels: dict[str, str],
) -> list[str]:
    """One sentence each on changes of the grid, other models, missing and failed runs, and provenance."""
    runs = frame.drop_duplicates("run_id")
    lines = []
    changed = {key: values for key, values in grid.changed.items() if key not in PLACES}
    if changed:
        changes = ", ".join(f"{key}={','.join(values)}" for key, values in changed.items())
        lines.append(f"The grid was changed from the one declared: {changes}.")
    if "published" in numbers and not numbers["published"].notna().any():
        models = ", ".join(sorted({labels[model] or model for model in numbers["model"]}))
        lines.append(
            f"The published rows are of other models than {models}: they show what the paper reports, and "
            f"are not what these runs should equal."
        )
    lines += _missing(grid, runs)
    if count := int((runs["status"] == "diverged").sum()):
        lines.append(
            f"{count} of {len(runs)} runs diverged (their loss or their answers stopped being numbers) and "
            f"have no score; means are over the others."
        )
    if collapsed := sum(bool(record["collapsed"]) for record in records.values()):
        lines.append(f"{collapsed} of {len(runs)} runs collapsed to one answer for every example.")
    if hidden := sorted(set(runs[(runs["status"] == "finished") & runs["score"].isna()]["task"])):
        names = ", ".join(labels[task] or task for task in hidden)
        lines.append(f"The labels of {names} are hidden: predictions are kept, and there is no score.")
    if records:
        selection = {cell.config["protocol"]["selection"] for cell in grid.cells}
        lines.append(f"Checkpoint scored: {', '.join(sorted(selection))}.")
        lines += [f"Measured with {line}." for line in _environments(records)]
    return lines


def _missing(grid: Grid, runs: pd.DataFrame) -> list[str]:
    """How many runs are missing, and the command that fills them in."""
    count = int((runs["status"] == "missing").sum())
    if not count:
        return []
    arguments = " ".join(shlex.quote(f"{key}={','.join(values)}") for key, values in grid.changed.items())
    arguments = f"--smoke {arguments}" if grid.table["smoke"] else arguments
    command = f"python -m benchmark.reproduce {grid.name} {arguments}".strip()
    what = "is" if count == 1 else "are"
    return [f"{count} of {len(runs)} runs {what} missing (not run, or failed); to fill them in: {command}"]


def _environments(records: dict[str, Record]) -> list[str]:
    lines: dict[str, None] = {}  # a set that keeps its order
    for record in records.values():
        stamp = record["environment"]
        changes = " + changes" if stamp["code"]["dirty"] else ""
        code = (stamp["code"]["commit"] or "no commit")[:12] + changes
        packages = stamp["packages"]
        lines[
            f"{stamp['device']}, {stamp['precision']}, torch {packages['torch']}, transformers "
            f"{packages['transformers']}, code {code}"
        ] = None
    return list(lines)
