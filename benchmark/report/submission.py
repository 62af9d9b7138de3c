"""Files for the GLUE server, which has the hidden labels: a zip per submission.

A submission is of one model, its methods and a seed, and also has a folder. Every file is tab-separated
with the columns ``index`` and ``prediction``; the index is the row's number in the test set, which is the
data's own ``idx``. The server wants all files: for a task that a table does not have, the file holds one
constant prediction.
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
LOWEST, HIGHEST = 0.0, 5.0  # the scale of STS-B


@dataclass(frozen=True)
class ServerFile:
    """A file of the server: its test set and its number of examples.

    ``classes`` are GLUE's names of its numbers; none for values. ``named``: predictions are names of classes,
    else their numbers. ``constant``: the prediction without a run. Since labels are hidden, it is the most
    frequent class in training; for STS-B it is the middle of the scale.
    """

    name: str
    config: str
    split: str
    size: int
    constant: str
    classes: tuple[str, ...]
    named: bool = False


ENTAILED = ("entailment", "not_entailment")
THREE = ("entailment", "neutral", "contradiction")
FILES = (
    ServerFile("CoLA.tsv", "cola", "test", 1063, "1", ("unacceptable", "acceptable")),
    ServerFile("SST-2.tsv", "sst2", "test", 1821, "1", ("negative", "positive")),
    ServerFile("MRPC.tsv", "mrpc", "test", 1725, "1", ("not_equivalent", "equivalent")),
    ServerFile("STS-B.tsv", "stsb", "test", 1379, "2.500", ()),
    ServerFile("QQP.tsv", "qqp", "test", 390965, "0", ("not_duplicate", "duplicate")),
    ServerFile("MNLI-m.tsv", "mnli", "test_matched", 9796, "entailment", THREE, named=True),
    ServerFile("MNLI-mm.tsv", "mnli", "test_mismatched", 9847, "entailment", THREE, named=True),
    ServerFile("QNLI.tsv", "qnli", "test", 5463, "entailment", ENTAILED, named=True),
    ServerFile("RTE.tsv", "rte", "test", 3000, "entailment", ENTAILED, named=True),
    ServerFile("WNLI.tsv", "wnli", "test", 146, "0", ("not_entailment", "entailment")),
    ServerFile("AX.tsv", "ax", "test", 1104, "entailment", THREE, named=True),
)


@dataclass(frozen=True)
class Submission:
    """Sources of one submission's files: a run and its evaluation set, by file name.

    ``missing`` has the planned runs that are not finished, by file name.
    """

    name: str
    sources: dict[str, tuple[PlannedRun, str]] = field(default_factory=dict)
    missing: dict[str, PlannedRun] = field(default_factory=dict)

    @property
    def filled(self) -> list[str]:
        """The files without any run in the table."""
        return [file.name for file in FILES if file.name not in {*self.sources, *self.missing}]


def of_table(grid: Grid, frame: pd.DataFrame, records: Mapping[str, Record]) -> list[Submission]:
    """The submissions of a table, by model, variant, methods and seed.

    Each has at least one finished run on a test set of GLUE. ``frame`` has the runs that the table shows,
    one per cell of it and seed.
    """
    submissions = []
    groups = frame.groupby(["model", "variant", "methods", "seed"], sort=False)
    for (model, variant, methods, seed), runs in groups:
        words = (model, variant, methods or "plain", f"seed{seed}")
        submission = Submission(re.sub(r"[^\w.+=-]+", "_", "-".join(str(word) for word in words if word)))
        for number in dict.fromkeys(runs["run"]):
            run = grid.runs[number]
            for set_name, file in server_files(run.config).items():
                record = records.get(run.run_id)
                if record is not None and record.status == "finished":
                    submission.sources[file] = (run, set_name)
                else:
                    submission.missing[file] = run
        if submission.sources:
            submissions.append(submission)
    return submissions


def server_files(config: RunConfig) -> dict[str, str]:
    """Names of the server's files by the evaluation sets of a run."""
    task = config.task
    names = {(file.config, file.split): file.name for file in FILES}
    return {
        set_name: names[split.config, split.split]
        for set_name, split in task.evaluate.items()
        if (split.repo or task.repo) == REPO and (split.config, split.split) in names
    }


def write(submissions: list[Submission], records: Mapping[str, Record], arrays: Arrays, folder: Path) -> None:
    """Write every submission to ``folder/submissions``, with a zip if it is complete.

    A README lists the run behind each file. Raises: BenchmarkError for a record without the predictions of
    a test set, or with too many or too few.
    """
    if not submissions:
        return
    place = folder / FOLDER
    shutil.rmtree(place, ignore_errors=True)
    for submission in submissions:
        (place / submission.name).mkdir(parents=True)
        for file in FILES:
            if file.name in submission.missing:
                continue
            lines = [file.constant] * file.size
            if file.name in submission.sources:
                run, set_name = submission.sources[file.name]
                lines = server_lines(file, run, set_name, records[run.run_id], arrays)
            rows = (f"{index}\t{prediction}\n" for index, prediction in enumerate(lines))
            (place / submission.name / file.name).write_text("index\tprediction\n" + "".join(rows))
        if not submission.missing:
            with zipfile.ZipFile(place / f"{submission.name}.zip", "w", zipfile.ZIP_DEFLATED) as packed:
                for file in FILES:
                    packed.write(place / submission.name / file.name, file.name)
    (place / "README.md").write_text(_readme(submissions))


def server_lines(
    file: ServerFile, run: PlannedRun, set_name: str, record: Record, arrays: Arrays
) -> list[str]:
    """The predictions of a finished run for a test set, in the server's format."""
    config = run.config
    logits = arrays(run.run_id).get(f"logits/{set_name}")
    evaluation = selected(record, config, metric(config), [])
    again = f"remove {Path(config.store) / run.run_id} and run it again: {run.command}"
    if logits is None or len(logits) < -evaluation:
        raise BenchmarkError(
            f"{file.name}: the record {run.run_id} has no predictions for its evaluation set {set_name!r}; {again}"
        )
    if logits.shape[1] != file.size:
        raise BenchmarkError(
            f"{file.name}: the record {run.run_id} has {logits.shape[1]} predictions for its evaluation set "
            f"{set_name!r}, and the server wants {file.size}; make sure that the data are all of {REPO}, then {again}"
        )
    predicted = predictions.from_logits(logits[evaluation], config, set_name)
    if not config.task.labels:
        return [f"{value:.3f}" for value in np.clip(predicted, LOWEST, HIGHEST)]
    words = _words(file, config, set_name)
    return [words[int(number)] for number in predicted]


def _words(file: ServerFile, config: RunConfig, set_name: str) -> list[str]:
    """The word for each class of the run, by name or by position."""
    labels = config.task.labels
    spelling = {label: said for said, label in config.task.evaluate[set_name].label_map.items()}
    words = []
    for position, label in enumerate(labels):
        name = spelling.get(label, label)
        if name.isdecimal() and int(name) < len(file.classes):  # GLUE's number in a label_map
            name = file.classes[int(name)]
        number = file.classes.index(name) if name in file.classes else position
        words.append(name if file.named else str(number))
    return words


def note(submissions: list[Submission]) -> list[str]:
    """One sentence on the place of the submissions; none without submissions."""
    if not submissions:
        return []
    whole = sum(not submission.missing for submission in submissions)
    return [
        f"The GLUE server scores hidden labels: its files are in {FOLDER}/ beside this table ({whole} of "
        f"{len(submissions)} whole), with a README that lists the run behind each file."
    ]


def _readme(submissions: list[Submission]) -> str:
    lines = [
        "# Submissions for the GLUE server",
        "",
        "https://gluebenchmark.com takes a zip; the folder of the same name has its files. A submission that lacks",
        "runs has no zip. A file without a run in the table holds one prediction throughout: its score, and",
        "averages with it, say nothing about the model.",
    ]
    for submission in submissions:
        lines += ["", f"## {submission.name}", ""]
        for name, (run, set_name) in submission.sources.items():
            lines.append(f"- {name}: run {run.run_id}, evaluation set {set_name}")
        constants = {file.name: file.constant for file in FILES}
        lines += [f"- {name}: no run, {constants[name]} throughout" for name in submission.filled]
        lines += [f"- {name}: MISSING, {run.command}" for name, run in submission.missing.items()]
    return "\n".join(lines) + "\n"
