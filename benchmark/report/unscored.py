"""Predictions for evaluation sets without gold labels, as files.

`submission` makes those for the GLUE server. A file is of one run and set: tab-separated, with the columns
``index`` and ``prediction``. The index is the row's number in the set, from 0; the prediction is the name of
a class as in the data, or a value: a scorer reads the file, and no spreadsheet. A name with a tab or a line break is
in quotation marks.
"""

from __future__ import annotations

import csv
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from benchmark.config.schema import RunConfig
from benchmark.grids.grid import Grid, PlannedRun
from benchmark.records.record import Record
from benchmark.report import submission
from benchmark.report.numbers import predictions
from benchmark.report.numbers.frame import metric, selected
from benchmark.report.numbers.predictions import Arrays

FOLDER = "predictions"


@dataclass(frozen=True)
class Unscored:
    """An evaluation set without a score, of a finished run; ``place`` is its file in `FOLDER`."""

    run: PlannedRun
    set_name: str
    place: Path


def of_table(grid: Grid, frame: pd.DataFrame, records: Mapping[str, Record]) -> list[Unscored]:
    """The sets without gold labels of the finished runs that the table shows."""
    sets = []
    columns = ["run", "model", "variant", "methods", "seed"]
    for number, *words, seed in frame[columns].drop_duplicates("run").itertuples(index=False):
        run, model_and_methods = grid.runs[int(number)], [*words[:2], words[2] or "plain"]
        record = records.get(run.run_id)
        if record is None or record.status != "finished":
            continue
        folder = _plain("-".join(str(word) for word in [*model_and_methods, f"seed{seed}"] if word))
        scored = [name for name, scores in record.scores.items() if scores]
        for name in _classified(run.config):
            if not any(other == name or other.startswith(f"{name}/") for other in scored):  # SET/LANGUAGE
                file = _plain(f"{run.config.task.name}-{name}") + ".tsv"
                sets.append(Unscored(run, name, Path(folder, file)))
    return sets


def _classified(config: RunConfig) -> list[str]:
    """The evaluation sets whose predictions are classes or values, and not for the GLUE server."""
    of_server, task = submission.server_files(config), config.task
    return [
        name
        for name, split in task.evaluate.items()
        if name not in of_server and (split.kind or task.kind) == "classification"
    ]


def _plain(name: str) -> str:
    return re.sub(r"[^\w.+=-]+", "_", name)


def write(sets: Sequence[Unscored], records: Mapping[str, Record], arrays: Arrays, folder: Path) -> None:
    """Write the predictions for all ``sets`` to ``folder/predictions``."""
    if not sets:
        return
    place = folder / FOLDER
    shutil.rmtree(place, ignore_errors=True)
    for unscored in sets:
        predicted = names(unscored, records[unscored.run.run_id], arrays)
        if predicted is not None:
            path = place / unscored.place
            path.parent.mkdir(parents=True, exist_ok=True)
            table = pd.DataFrame({"index": range(len(predicted)), "prediction": predicted})
            # Without line breaks of Windows, the library leaves the sign of their first half bare
            quoted = (
                csv.QUOTE_NONNUMERIC if any("\r" in str(name) for name in predicted) else csv.QUOTE_MINIMAL
            )
            table.to_csv(path, sep="\t", index=False, lineterminator="\n", quoting=quoted)


def names(unscored: Unscored, record: Record, arrays: Arrays) -> list[str | float] | None:
    """The predicted class names, or values, for a set in the order of its rows; None if they are not stored."""
    config = unscored.run.config
    logits = arrays(unscored.run.run_id).get(f"logits/{unscored.set_name}")
    evaluation = selected(record, config, metric(config), [])
    if logits is None or len(logits) < -evaluation:
        return None
    predicted = predictions.from_logits(logits[evaluation], config, unscored.set_name)
    labels = config.task.labels
    return [labels[int(number)] for number in predicted] if labels else predicted.tolist()


def note(sets: Sequence[Unscored]) -> list[str]:
    """One sentence on the place of the predictions; none without such sets."""
    if not sets:
        return []
    named = ", ".join(
        dict.fromkeys(f"{unscored.run.config.task.name}/{unscored.set_name}" for unscored in sets)
    )
    return [
        f"Without gold labels there is no score: the predictions for {named} are in {FOLDER}/ beside this table, a file "
        "per run and set, in the order of the rows."
    ]
