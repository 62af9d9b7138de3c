"""Cost of methods relative to plain fine-tuning, from times and memory in records."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from benchmark.records.record import Record
from benchmark.report.numbers import quantities
from benchmark.report.numbers.frame import CELL
from benchmark.report.published import AVERAGE

TITLE = "Cost relative to plain fine-tuning (geometric mean over tasks of medians over seeds)"
COLUMNS = {"update": "Time per update", "training": "Training with surveys", "memory": "Peak memory"}
UNITS = {"update": ("ms", 1e3), "training": ("s", 1.0), "memory": ("MB", 1e-6)}


def costs(frame: pd.DataFrame, records: dict[str, Record]) -> pd.DataFrame:
    """One row per model, variant, methods and task, and one over all tasks (``AVERAGE``).

    ``update_ms``, ``training_s`` (all updates and the surveys before them, without evaluations) and
    ``memory_MB`` are medians over seeds. Each ``…_ratio`` is a median divided by that of plain fine-tuning
    on the same kind of machine. NaN if the record, or one of the averaged tasks, lacks the number.
    """
    spent = pd.DataFrame([_run_costs(records.get(run)) for run in frame["run_id"]], index=frame.index)
    runs = pd.concat([frame[CELL], spent], axis=1)
    medians = runs.groupby(CELL, sort=False)[list(COLUMNS)].median()
    devices = runs.groupby(CELL, sort=False)["device"].agg(
        lambda names: "+".join(sorted(set(names.dropna())))
    )
    vanilla = [(model, variant, "", task) for model, variant, _, task in medians.index]
    ratios = medians / medians.reindex(vanilla).to_numpy()
    ratios[devices.to_numpy() != devices.reindex(vanilla).to_numpy()] = np.nan
    table = pd.concat(
        [medians[key].mul(factor).rename(f"{key}_{unit}") for key, (unit, factor) in UNITS.items()]
        + [ratios.add_suffix("_ratio")],
        axis=1,
    )
    overall = np.exp(np.log(table).groupby(CELL[:-1], sort=False).agg(lambda logs: logs.mean(skipna=False)))
    return pd.concat([table.reset_index(), overall.reset_index().assign(task=AVERAGE)], ignore_index=True)


def shown(spent: pd.DataFrame) -> pd.DataFrame:
    """The costs over all tasks as text.

    One row per model, variant, methods and column of ``COLUMNS``.
    """
    return pd.DataFrame(
        [
            {**{key: row[key] for key in CELL[:-1]}, "task": column, "text": _text(row, key)}
            for row in spent[spent["task"] == AVERAGE].to_dict("records")
            for key, column in COLUMNS.items()
        ]
    )


def _run_costs(record: Record | None) -> dict[str, Any]:
    """Device, times and memory of one run.

    NaN if the record has no number, or if the run was cut short.
    """
    if record is None:
        return {"device": None} | dict.fromkeys(COLUMNS, np.nan)
    return {
        "device": record.environment["device"],
        "update": record.seconds.per_update,
        "training": quantities.training_seconds(record),
        "memory": record.memory.peak or np.nan,
    }


def _text(row: dict[str, float], key: str) -> str:
    unit, _ = UNITS[key]
    amount, ratio = row[f"{key}_{unit}"], row[f"{key}_ratio"]
    if np.isnan(amount):
        return "–"
    return f"{'–' if np.isnan(ratio) else f'{ratio:.2f}×'} ({_short(amount)} {unit})"


def _short(amount: float) -> str:
    """Three digits: such measurements are no more precise."""
    return f"{amount:.0f}" if amount >= 100 else f"{amount:.3g}"
