"""Notes below a table: facts that a reader needs besides its numbers."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from benchmark.config.identity import SCHEMA, run_id
from benchmark.config.schema import SELECTIONS
from benchmark.grids import recipe
from benchmark.grids.grid import Grid
from benchmark.grids.rectangles import override_of
from benchmark.records.record import LOUD, Record
from benchmark.report.data_notes import data_notes
from benchmark.report.evidence import Evidence
from benchmark.report.made_unlike import made_unlike
from benchmark.report.otherwise import otherwise
from benchmark.report.papers.beside import prose

ABSENT = {"failed": "failed", "missing": "not run"}  # statuses of runs without a record, in words


def notes(evidence: Evidence, numbers: pd.DataFrame, labels: dict[str, str]) -> list[str]:
    """One sentence per note.

    On changes of the grid, other models, provenance, and missing, failed and diverged runs of all settings.
    """
    grid, records, printed = evidence.grid, evidence.records, evidence.printed
    planned, runs = evidence.planned, evidence.planned.drop_duplicates("run_id")
    lines = []
    changed = recipe.narrowed(grid)
    if changed:
        changes = ", ".join(f"{key}={','.join(values)}" for key, values in changed.items())
        lines.append(f"The grid was changed from the one declared: {changes}.")
    beside = [name for name in ("published", "published_max") if name in numbers]
    if beside and not numbers[beside].notna().to_numpy().any():
        models = ", ".join(sorted({labels[model] or model for model in numbers["model"]}))
        lines.append(
            f"The published rows are for other models than {models}: they show the paper's results, and "
            f"these runs need not equal them."
        )
    lines += _replaced(grid, labels) + _budgets(evidence.frame)
    lines += printed.notes() if printed else []
    lines += prose(grid.table["published"]) if grid.table["published"] else []
    lines += data_notes(grid, labels)
    lines += _missing(grid, runs) + _other_schema(grid, runs)
    if count := int((runs["status"] == "diverged").sum()):
        lines.append(
            f"{count} of {len(runs)} runs diverged (their loss or their outputs stopped being numbers) and "
            f"have no score; means are over the others."
        )
    if (numbers["stands_in"] & (numbers["score_n"] > 0)).any():
        lines.append(
            "Cells that stand in show the runs of an earlier row, and count once: there is nothing else to run."
        )
    if collapsed := planned[planned["collapsed"]]["run_id"].nunique():
        lines.append(
            f"{collapsed} of {len(runs)} runs collapsed: they give one answer to every example, or score no better."
        )
    if hidden := sorted(set(planned[(planned["status"] == "finished") & planned["score"].isna()]["task"])):
        names = ", ".join(labels[task] or task for task in hidden)
        lines.append(f"The labels of {names} are hidden: predictions are kept, and there is no score.")
    lines += otherwise(grid, records) + _loud(records)
    if records:
        rules = sorted({run.config.protocol.selection for run in grid.runs})
        named = [rule if rule in SELECTIONS else f"the best evaluation on {rule}" for rule in rules]
        lines.append(f"Checkpoint scored: {', '.join(named)}.")
        lines += [f"Measured with {line}." for line in _environments(records)]
        lines += made_unlike(evidence.frame, records, labels)
    return lines


def _replaced(grid: Grid, labels: dict[str, str]) -> list[str]:
    """A note if verdicts are on other models than the grid declares."""
    models = grid.axes.get("model", [])
    if not grid.table["claims"] or set(models) & set(grid.declared.get("model", models)):
        return []
    names = ", ".join(sorted(labels.get(model) or model for model in models))
    return [f"The verdicts are about {names}, in place of all the models that the table declares."]


def _budgets(frame: pd.DataFrame) -> list[str]:
    """A note if methods were searched over more settings than plain fine-tuning."""
    tried = frame.groupby("methods")["tried"].max()
    vanilla = int(tried.get("", 1))
    more = {str(name): int(count) for name, count in tried.items() if count > vanilla}
    if not more:
        return []
    counts = ", ".join(f"{name} over {count}" for name, count in more.items())
    noun = "setting" if vanilla == 1 else "settings"
    return [
        f"Budgets are not equal: {counts} settings per model and column, plain fine-tuning over {vanilla} {noun}; "
        f"the best of several is higher by chance alone."
    ]


def _loud(records: Mapping[str, Record]) -> list[str]:
    """A note on terms of the loss that outweigh the task's own loss by far."""
    ratios: dict[str, list[float]] = {}
    for record in records.values():
        for name, ratio in record.terms.items():
            ratios.setdefault(name, []).append(abs(ratio))
    loud = {name: [ratio for ratio in of_method if ratio > LOUD] for name, of_method in ratios.items()}
    return [
        f"In {len(above)} of {len(ratios[name])} runs the term of {name} is more than {LOUD} times the task's loss at the "
        f"first update (up to {max(above):.3g}): they learn little else."
        for name, above in loud.items()
        if above
    ]


def _other_schema(grid: Grid, runs: pd.DataFrame) -> list[str]:
    """Records of missing runs under an earlier schema.

    The meaning of their configurations has changed since.
    """
    missing = [grid.runs[number].config for number in runs[runs["status"] == "missing"]["run"]]
    lines = []
    for schema in range(1, SCHEMA):
        old = sum((Path(config.store) / run_id(config, schema)).is_dir() for config in missing)
        if old:
            lines.append(
                f"The store has records of schema {schema} for {old} of the missing runs; this is schema "
                f"{SCHEMA}, and they were not used."
            )
    return lines


def _missing(grid: Grid, runs: pd.DataFrame) -> list[str]:
    """The number of missing runs, and the command that fills them in."""
    counts = {word: int((runs["status"] == status).sum()) for status, word in ABSENT.items()}
    count = sum(counts.values())
    if not count:
        return []
    missing = [grid.runs[number] for number in runs[runs["status"] == "missing"]["run"]]
    unused = sum((Path(run.config.store) / run.run_id).is_dir() for run in missing)
    counts[ABSENT["missing"]] -= unused
    counts |= {"with a record that is damaged, cannot be read now, or was made from other data": unused}
    reasons = ", ".join(f"{number} {word}" for word, number in counts.items() if number)
    arguments = " ".join(
        shlex.quote(override_of(key, ",".join(values))) for key, values in grid.changed.items()
    )
    arguments = f"--smoke {arguments}" if grid.table["smoke"] else arguments
    command = f"python -m benchmark.reproduce {grid.name} {arguments}".strip()
    verb = "is" if count == 1 else "are"
    return [f"{count} of {len(runs)} runs {verb} missing ({reasons}); to fill them in: {command}"]


def _environments(records: Mapping[str, Record]) -> list[str]:
    lines: dict[str, None] = {}  # a set that keeps its order
    for record in records.values():
        stamp = record.environment
        changes = " + changes" if stamp["code"]["dirty"] else ""
        code = (stamp["code"]["commit"] or "no commit")[:12] + changes
        packages = stamp["packages"]
        lines[
            f"{stamp['device']}, {stamp['precision']}, torch {packages['torch']}, transformers "
            f"{packages['transformers']}, code {code}"
        ] = None
    return list(lines)
