"""The files that the GLUE server scores, from hand-made records."""

from __future__ import annotations

import functools
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmark import report
from benchmark.config.schema import RunConfig
from benchmark.errors import BenchmarkError
from benchmark.grids import grid
from benchmark.records.store import Store
from benchmark.report import submission

NARROW = ("model=roberta_large", "method=[]", "seed=1")
SIZES = {file.name: file.size for file in submission.FILES}
CYCLE = {  # what is in the files of the made runs, over and over
    "CoLA.tsv": ["0", "1"],
    "STS-B.tsv": ["0.000", "2.346", "5.000"],
    "RTE.tsv": ["not_entailment", "entailment"],
    "MNLI-m.tsv": ["contradiction", "neutral", "entailment"],
    "MNLI-mm.tsv": ["contradiction", "neutral", "entailment"],
    "AX.tsv": ["contradiction", "neutral", "entailment"],
}
NAME = "roberta_large-plain-seed1"

load = functools.cache(lambda *changes: grid.load("hype/table12", [*NARROW, *changes]))


def logits(config: RunConfig, part: str) -> np.ndarray:
    """Two evaluations of a test set, of which the first says the contrary."""
    split = config.task.evaluate[part]
    size = next(f.size for f in submission.FILES if (f.config, f.split) == (split.config, split.split))
    labels = config.task.labels
    if not labels:
        values = np.resize([-1.0, 2.3456, 7.0], size)[:, None]
    elif labels[0] == "unacceptable":
        values = np.eye(2)[np.resize([0, 1], size)]
    else:
        values = np.eye(len(labels))[np.resize(np.arange(len(labels))[::-1], size)]
    return np.stack([-values, values]).astype(np.float32)


@pytest.fixture
def made(tmp_path: Path, record_of, monkeypatch) -> Callable[..., tuple[grid.Grid, dict[str, Any], Store]]:
    """``made(*changes)``: a narrowed Table 12 with a finished record per run in a store."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "store").mkdir()

    def of(*changes: str) -> tuple[grid.Grid, dict[str, Any], Store]:
        planned, store = load(*changes), Store(tmp_path / "store")
        records = {}
        for cell in planned.runs:
            task = cell.config.task
            hidden = [part for part, split in task.evaluate.items() if split.split.startswith("test")]
            known = {part: dict.fromkeys(task.metrics, 0.5) for part in task.evaluate if part not in hidden}
            arrays = {f"logits/{part}": logits(cell.config, part) for part in hidden}
            arrays |= {f"targets/{part}": np.full(arrays[f"logits/{part}"].shape[1], -1) for part in hidden}
            sizes = {part: arrays[f"logits/{part}"].shape[1] for part in hidden}
            record = record_of(
                cell.config,
                known,
                examples={"train": 64} | dict.fromkeys(known, 400) | sizes,
                curve=[{"step": step, "scores": known} for step in (1, 2)],
            )
            records[cell.run_id] = store.add(record, arrays)
        return planned, records, store

    return of


def written(path: Path) -> list[list[str]]:
    return [line.split("\t") for line in path.read_text().splitlines()]


def test_a_submission_has_all_files_of_the_server(made, tmp_path) -> None:
    planned, records, store = made("task=cola,stsb,rte,mnli")
    report.write(planned, records, tmp_path / "out", store.arrays)
    folder = tmp_path / "out" / "submissions"
    assert {path.name for path in folder.iterdir()} == {NAME, f"{NAME}.zip", "README.md"}
    with zipfile.ZipFile(folder / f"{NAME}.zip") as packed:
        assert sorted(packed.namelist()) == sorted(SIZES)
        assert packed.read("RTE.tsv") == (folder / NAME / "RTE.tsv").read_bytes()
    for name, size in SIZES.items():
        head, *rows = written(folder / NAME / name)
        assert head == ["index", "prediction"]
        assert [row[0] for row in rows] == [str(index) for index in range(size)]
        answers = [row[1] for row in rows]
        assert set(answers) == set(CYCLE.get(name, answers[:1])), name
        if name in CYCLE:
            assert answers[: len(CYCLE[name])] == CYCLE[name]
    assert written(folder / NAME / "WNLI.tsv")[-1] == ["145", "0"]
    assert written(folder / NAME / "QNLI.tsv")[-1] == ["5462", "entailment"]


def test_a_readme_says_what_it_is_made_of(made, tmp_path) -> None:
    planned, records, store = made("task=cola,rte")
    del records[planned.runs[1].run_id]
    report.write(planned, records, tmp_path / "out", store.arrays)
    folder = tmp_path / "out" / "submissions"
    lines = (folder / "README.md").read_text().splitlines()
    assert f"- CoLA.tsv: run {planned.runs[0].run_id}, evaluation set test" in lines
    assert "- WNLI.tsv: no run, 0 throughout" in lines
    assert f"- RTE.tsv: MISSING, {planned.runs[1].command}" in lines
    assert not (folder / f"{NAME}.zip").exists()
    assert not (folder / NAME / "RTE.tsv").exists()


def test_the_table_has_no_score_and_says_where_submissions_are(made, tmp_path) -> None:
    planned, records, store = made("task=cola,mnli")
    report.write(planned, records, tmp_path / "out", store.arrays)
    output = " ".join((tmp_path / "out" / "table.md").read_text().split())
    assert "| RoBERTa-large | plain fine-tuning | hidden | hidden | hidden |" in output
    assert "The labels of CoLA, MNLI-m, MNLI-mm are hidden" in output
    assert "its files are in submissions/ beside this table (1 of 1 whole)" in output
    assert "cannot be tested here" in output


def test_every_model_method_and_seed_is_a_submission(made, tmp_path) -> None:
    planned, records, _ = made("task=rte", "method=[],[hype_n]", "seed=1,2")
    frame = report.build.build(planned, records).frame
    names = [one.name for one in submission.of_table(planned, frame, records)]
    assert names == [
        f"roberta_large-{method}-seed{seed}" for method in ("plain", "hype_n") for seed in (1, 2)
    ]


def test_nothing_is_submitted_of_runs_that_did_not_finish(made, tmp_path) -> None:
    planned, records, store = made("task=rte")
    record = records[planned.runs[0].run_id]
    record.status, record.scores, record.curve = "diverged", {}, []
    report.write(planned, records, tmp_path / "out", store.arrays)
    assert not (tmp_path / "out" / "submissions").exists()


@pytest.mark.parametrize(
    ("stored", "line"),
    [
        ({}, "has no predictions for its evaluation set 'test'"),
        (
            {"logits/test": np.zeros((2, 7, 2), np.float32)},
            "has 7 predictions for its evaluation set 'test', and",
        ),
    ],
)
def test_a_record_without_its_predictions_is_named(made, tmp_path, stored, line) -> None:
    planned, records, _ = made("task=rte")
    with pytest.raises(BenchmarkError) as caught:
        report.write(planned, records, tmp_path / "out", lambda _: stored)
    said, cell = str(caught.value), planned.runs[0]
    assert said.startswith(f"RTE.tsv: the record {cell.run_id} {line}")
    assert said.endswith(f"remove results/runs/{cell.run_id} and run it again: {cell.command}")
    assert "\n" not in said


@pytest.mark.parametrize(
    ("name", "labels", "label_map", "words"),
    [
        ("CoLA.tsv", ["unacceptable", "acceptable"], {}, ["0", "1"]),
        ("CoLA.tsv", ["acceptable", "unacceptable"], {}, ["1", "0"]),
        ("CoLA.tsv", ["fine", "wrong"], {}, ["0", "1"]),
        ("CoLA.tsv", ["fine", "wrong"], {"1": "fine", "0": "wrong"}, ["1", "0"]),
        ("CoLA.tsv", ["fine", "wrong"], {"acceptable": "fine", "unacceptable": "wrong"}, ["1", "0"]),
        ("RTE.tsv", ["not_entailment", "entailment"], {}, ["not_entailment", "entailment"]),
        ("RTE.tsv", ["yes", "no"], {"0": "yes", "1": "no"}, ["entailment", "not_entailment"]),
    ],
)
def test_the_server_gets_its_own_words_for_classes(
    compose, name: str, labels: list[str], label_map: dict[str, str], words: list[str]
) -> None:
    config = compose("task=rte")
    config.task.labels = labels
    config.task.evaluate["validation"].label_map = label_map
    file = next(file for file in submission.FILES if file.name == name)
    assert submission._words(file, config, "validation") == words


def test_the_rows_of_real_test_sets_are_counted_as_their_data_do(hub) -> None:
    from huggingface_hub import snapshot_download
    from pyarrow import parquet as pq

    from benchmark.data.listing import listed
    from benchmark.data.local import list_names

    folder = Path(snapshot_download(submission.REPO, repo_type="dataset"))
    there = listed(list_names(folder))
    seen = 0
    for file in submission.FILES:
        try:
            names = there.files(file.config, file.split)
        except BenchmarkError:
            names = []
        found = [pq.read_table(folder / name, columns=["idx"]) for name in names]
        if found:
            seen += 1
            assert [one for part in found for one in part["idx"].to_pylist()] == list(range(file.size)), file
    assert seen == len(submission.FILES) - 1  # QQP is not there
