"""Files for the GLUE server, which alone knows the labels of most test sets: a folder and a zip per submission.

A submission is of one model, its methods and a seed. Every file is tab-separated with the columns ``index`` and
``prediction``; the index is the row's number in the test set, which is the data's own ``idx``. The server wants
all files: those of tasks that a table does not have hold one answer throughout.
"""

from __future__ import annotations

import re
import shutil
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from benchmark.config.schema import RunConfig
from benchmark.errors import BenchmarkError
from benchmark.grids.grid import Grid, PlannedRun
from benchmark.records.record import Record
from benchmark.report.numbers import predictions
from benchmark.report.numbers.frame import metric, selected
from benchmark.report.numbers.predictions import Arrays

REPO = "nyu-mll/glue"
FOLDER = "submissions"
LOWEST, HIGHEST = 0.0, 5.0  # of STS-B


@dataclass(frozen=True)
class File:
    """A file of the server: its test set and number of examples, and what stands there without a run.

    ``named`` answers are the names of classes, others their numbers. The answer without a run is the most
    frequent one in training, for want of labels; STS-B has the middle of its scale.
    """

    name: str
    config: str
    split: str
    size: int
    constant: str
    named: bool = False


FILES = (
    File("CoLA.tsv", "cola", "test", 1063, "1"),
    File("SST-2.tsv", "sst2", "test", 1821, "1"),
    File("MRPC.tsv", "mrpc", "test", 1725, "1"),
    File("STS-B.tsv", "stsb", "test", 1379, "2.500"),
    File("QQP.tsv", "qqp", "test", 390965, "0"),
    File("MNLI-m.tsv", "mnli", "test_matched", 9796, "entailment", named=True),
    File("MNLI-mm.tsv", "mnli", "test_mismatched", 9847, "entailment", named=True),
    File("QNLI.tsv", "qnli", "test", 5463, "entailment", named=True),
    File("RTE.tsv", "rte", "test", 3000, "entailment", named=True),
    File("WNLI.tsv", "wnli", "test", 146, "0"),
    File("AX.tsv", "ax", "test", 1104, "entailment", named=True),
)


@dataclass(frozen=True)
class Submission:
    """Which run (and evaluation set) gives which file, and the runs that would and are not finished."""

    name: str
    sources: dict[str, tuple[PlannedRun, str]] = field(default_factory=dict)
    missing: dict[str, PlannedRun] = field(default_factory=dict)

    @property
    def filled(self) -> list[str]:
        """The files that no run of the table is for."""
        return [file.name for file in FILES if file.name not in {*self.sources, *self.missing}]


def of_table(grid: Grid, frame: pd.DataFrame, records: Mapping[str, Record]) -> list[Submission]:
    """What can be submitted of a table: whatever has a finished run with a test set of GLUE.

    ``frame`` has the runs that the table shows, one per cell of it and seed.
    """
    found = []
    groups = frame.groupby(["model", "variant", "methods", "seed"], sort=False)
    for (model, variant, methods, seed), runs in groups:
        parts = (model, variant, methods or "plain", f"seed{seed}")
        one = Submission(re.sub(r"[^\w.+=-]+", "_", "-".join(str(part) for part in parts if part)))
        for number in dict.fromkeys(runs["run"]):
            run = grid.runs[number]
            for part, file in _files(run.config).items():
                record = records.get(run.run_id)
                if record is not None and record.status == "finished":
                    one.sources[file] = (run, part)
                else:
                    one.missing[file] = run
        if one.sources:
            found.append(one)
    return found


def _files(config: RunConfig) -> dict[str, str]:
    """The names of the server's files by the evaluation sets of a run that they are for."""
    task = config.task
    names = {(file.config, file.split): file.name for file in FILES}
    return {
        part: names[split.config, split.split]
        for part, split in task.evaluate.items()
        if (split.repo or task.repo) == REPO and (split.config, split.split) in names
    }


def write(submissions: list[Submission], records: Mapping[str, Record], arrays: Arrays, folder: Path) -> None:
    """Write every submission to ``folder/submissions``, as a zip too if it is whole, and what it is made of.

    Raises: BenchmarkError for a record without the predictions of a test set, or with too many or too few.
    """
    if not submissions:
        return
    place = folder / FOLDER
    shutil.rmtree(place, ignore_errors=True)
    for one in submissions:
        (place / one.name).mkdir(parents=True)
        for file in FILES:
            if file.name in one.missing:
                continue
            lines = [file.constant] * file.size
            if file.name in one.sources:
                run, part = one.sources[file.name]
                lines = said(file, run, part, records[run.run_id], arrays)
            rows = (f"{index}\t{answer}\n" for index, answer in enumerate(lines))
            (place / one.name / file.name).write_text("index\tprediction\n" + "".join(rows))
        if not one.missing:
            with zipfile.ZipFile(place / f"{one.name}.zip", "w", zipfile.ZIP_DEFLATED) as packed:
                for file in FILES:
                    packed.write(place / one.name / file.name, file.name)
    (place / "README.md").write_text(_readme(submissions))


def said(file: File, run: PlannedRun, part: str, record: Record, arrays: Arrays) -> list[str]:
    """The answers of a finished run to a test set, as the server wants them."""
    config = run.config
    logits = arrays(run.run_id).get(f"logits/{part}")
    at = selected(record, config, metric(config), [])
    again = f"remove {Path(config.store) / run.run_id} and run it again: {run.command}"
    if logits is None or len(logits) < -at:
        raise BenchmarkError(
            f"{file.name}: the record {run.run_id} has no predictions for its evaluation set {part!r}; {again}"
        )
    if logits.shape[1] != file.size:
        raise BenchmarkError(
            f"{file.name}: the record {run.run_id} has {logits.shape[1]} predictions for its evaluation set "
            f"{part!r}, and the server wants {file.size}; see to it that the data are all of {REPO}, then {again}"
        )
    answers = predictions.answers(logits[at], config, part)
    labels = config.task.labels
    if not labels:
        return [f"{value:.3f}" for value in np.clip(answers, LOWEST, HIGHEST)]
    return [labels[int(one)] if file.named else str(int(one)) for one in answers]


def note(submissions: list[Submission]) -> list[str]:
    """One sentence on where submissions are, if there are any."""
    if not submissions:
        return []
    whole = sum(not one.missing for one in submissions)
    return [
        f"What is hidden here the GLUE server scores: its files are in {FOLDER}/ beside this table ({whole} of "
        f"{len(submissions)} whole), with a README that says what they are made of."
    ]


def _readme(submissions: list[Submission]) -> str:
    lines = [
        "# Submissions for the GLUE server",
        "",
        "A zip is what https://gluebenchmark.com takes; the folder of the same name has its files. A submission that",
        "lacks runs has no zip. Files that no run of the table is for hold one answer throughout: their scores, and",
        "averages with them, say nothing of the model.",
    ]
    for one in submissions:
        lines += ["", f"## {one.name}", ""]
        for name, (run, part) in one.sources.items():
            lines.append(f"- {name}: run {run.run_id}, evaluation set {part}")
        constants = {file.name: file.constant for file in FILES}
        lines += [f"- {name}: no run, {constants[name]} throughout" for name in one.filled]
        lines += [f"- {name}: MISSING, {run.command}" for name, run in one.missing.items()]
    return "\n".join(lines) + "\n"
