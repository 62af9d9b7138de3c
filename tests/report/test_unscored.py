"""Predictions for sets of one's own without gold labels, from hand-made records."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmark import report
from benchmark.grids import grid
from benchmark.report import unscored

HIDDEN = "+task.evaluate={hidden:{config:opinion,split:test}}"
LOGITS = np.array([[[0, 1], [0, 1], [0, 1]], [[1, 0], [0, 1], [1, 0]]], np.float32)  # two evaluations


@pytest.fixture
def written(tmp_path: Path, record_of, capsys):
    """``written(*changes, scores)``: the folder of a report on one run with ``scores``, and its text."""

    def of(scores: dict[str, dict[str, float]], *changes: str) -> tuple[Path, str]:
        planned = grid.load("demo/noisytune", ["task=opinion", "method=[]", "seed=1", HIDDEN, *changes])
        records = {run.run_id: record_of(run.config, scores) for run in planned.runs}
        arrays = {"logits/hidden": LOGITS}
        report.write(planned, records, tmp_path / "out", lambda _: arrays)
        return tmp_path / "out", capsys.readouterr().out

    return of


VALIDATION = {"validation": {"accuracy": 0.5}}


def test_a_set_without_a_score_has_a_file_by_class_name_in_the_order_of_its_rows(written) -> None:
    folder, text = written(VALIDATION)
    [file] = (folder / unscored.FOLDER).rglob("*.tsv")
    assert str(file.relative_to(folder / unscored.FOLDER)) == "embedded-plain-seed1/opinion-hidden.tsv"
    assert file.read_text() == "index\tprediction\n0\tunfavourable\n1\tfavourable\n2\tunfavourable\n"
    assert "the predictions for opinion/hidden are in predictions/" in " ".join(text.split())


NAMES = [("+", "@neg"), ("-", "=1"), ("a\tb", "a\nb"), ("a\rb", 'a "b"'), ("\u202ea", "/root/x")]


@pytest.mark.parametrize("labels", NAMES, ids=ascii)
def test_class_names_are_those_of_the_data(labels, tmp_path: Path, record_of) -> None:
    [run] = grid.load("demo/noisytune", ["task=opinion", "method=[]", "seed=1", HIDDEN]).runs
    run = replace(run, config=replace(run.config, task=replace(run.config.task, labels=list(labels))))
    hidden = unscored.Unscored(run, "hidden", Path("a.tsv"))
    unscored.write(
        [hidden],
        {run.run_id: record_of(run.config, VALIDATION)},
        lambda _: {"logits/hidden": LOGITS},
        tmp_path,
    )
    with (tmp_path / unscored.FOLDER / "a.tsv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file, delimiter="\t"))
    assert rows == [["index", "prediction"], ["0", labels[0]], ["1", labels[1]], ["2", labels[0]]]


def test_sets_with_scores_have_none(written) -> None:
    folder, text = written(VALIDATION | {"hidden": {"accuracy": 0.25}})
    assert not (folder / unscored.FOLDER).exists()
    assert "Without gold labels" not in text
    assert not written(VALIDATION | {"hidden/de": {"accuracy": 0.25}})[0].joinpath(unscored.FOLDER).exists()
