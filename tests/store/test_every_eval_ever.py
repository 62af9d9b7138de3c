"""Records in the form of Every Eval Ever.

What its schema (version 0.3.0) requires of these files is written down below. Its own validator, of the package
every-eval-ever for Python 3.12 or later, is asked where it is on PATH or in EVERY_EVAL_EVER.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from benchmark.errors import BenchmarkError
from benchmark.grids import grid
from benchmark.records.record import Record
from benchmark.store import every_eval_ever
from benchmark.store.__main__ import main
from helpers.records import ARRAYS, RECORD
from helpers.stores import called, record, store

VALIDATOR = os.environ.get("EVERY_EVAL_EVER") or shutil.which("every_eval_ever")
TEXTS = {"type": "object", "additionalProperties": {"type": "string"}}
NEEDED = {  # by hand: the fields that their schema requires, and of which type
    "type": "object",
    "required": [
        "schema_version", "evaluation_id", "retrieved_timestamp", "source_metadata", "model_info", "eval_library",
        "evaluation_results",
    ],
    "properties": {
        "schema_version": {"const": "0.3.0"},
        "evaluation_id": {"type": "string"},
        "evaluation_timestamp": {"type": "string"},
        "retrieved_timestamp": {"type": "string", "pattern": r"^\d+(\.\d+)?$"},
        "source_metadata": {
            "type": "object",
            "required": ["source_type", "source_organization_name", "evaluator_relationship"],
            "properties": {
                "source_type": {"const": "evaluation_run"},
                "evaluator_relationship": {"const": "third_party"},
            },
        },
        "eval_library": {"required": ["name", "version"], "properties": {"additional_details": TEXTS}},
        "model_info": {
            "required": ["name", "id", "additional_details"],
            "properties": {
                "additional_details": {**TEXTS, "required": ["deployment_type", "model_availability"]},
            },
        },
        "evaluation_results": {
            "type": "array",
            "minItems": 1,
            "items": {
                "required": ["evaluation_name", "source_data", "metric_config", "score_details"],
                "properties": {
                    "source_data": {
                        "required": ["dataset_name", "source_type"],
                        "properties": {"additional_details": TEXTS},
                    },
                    "metric_config": {"required": ["lower_is_better", "score_type", "min_score", "max_score"]},
                    "score_details": {"required": ["score"], "properties": {"score": {"type": "number"}}},
                    "generation_config": {"properties": {"additional_details": TEXTS}},
                },
            },
        },
    },
    "additionalProperties": False,
}  # fmt: skip
PLACE = re.compile(  # as their validator wants it
    r"data/[\w.-]+/[\w.-]+/[\w.-]+/[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\.json"
)
CORRELATION = {"validation": {"matthews_correlation": -0.25}, "test/de": {"f1": 1.0000005}}
KINDS = {
    "a hub's model": RECORD,
    "a builder's": replace(RECORD, model=replace(RECORD.model, id="benchmark.embedded.encoder.build", revision=None)),
    "a folder's": replace(RECORD, model=replace(RECORD.model, id="encoder", revision=None)),
    "a folder's data": replace(RECORD, data=replace(RECORD.data, id="my data", revision=None)),
    "several sets": replace(RECORD, scores=CORRELATION, examples={"train": 3, "test/de": 7}),
}  # fmt: skip


def valid(content: Any) -> None:
    properties = {name: {} for name in every_eval_ever.converted(RECORD)}
    jsonschema.validate(content, NEEDED | {"properties": properties | NEEDED["properties"]})
    for result in content["evaluation_results"]:
        limits = result["metric_config"]
        assert limits["min_score"] <= result["score_details"]["score"] <= limits["max_score"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_record_has_all_that_the_schema_requires(kind: str) -> None:
    content = every_eval_ever.converted(KINDS[kind], "somebody")
    valid(json.loads(json.dumps(content, allow_nan=False)))
    assert content["source_metadata"]["source_organization_name"] == "somebody"
    assert PLACE.fullmatch(str(every_eval_ever.path_of(KINDS[kind])))


@pytest.mark.skipif(
    not VALIDATOR, reason="no every_eval_ever on PATH: pip install every-eval-ever (Python 3.12 or later)"
)
def test_their_validator_takes_our_files_and_no_others(tmp_path: Path) -> None:
    named = [replace(kind, run_id=f"{number:016x}") for number, kind in enumerate(KINDS.values())]
    files = written(tmp_path, *named)
    assert len(files) == len(KINDS)
    assert judged(tmp_path, *files) == 0
    content = json.loads(next(iter(files.values())))
    del content["model_info"]
    (tmp_path / next(iter(files))).write_text(json.dumps(content))
    assert judged(tmp_path, *files) != 0


def judged(folder: Path, *files: str) -> int:
    """The exit status of their validator, asked in the ``folder`` from which it counts a path's parts."""
    return subprocess.run(
        [str(VALIDATOR), "validate", *files], cwd=folder, capture_output=True, text=True
    ).returncode


def test_scores_and_sources_are_the_records() -> None:
    [result] = every_eval_ever.converted(RECORD)["evaluation_results"]
    assert result["score_details"] == {"score": 2 / 3, "uncertainty": {"num_samples": 3}}
    assert result["evaluation_name"] == "task.validation"
    assert result["source_data"]["hf_repo"] == "somebody/task"
    first, second = every_eval_ever.converted(KINDS["several sets"])["evaluation_results"]
    assert (first["score_details"]["score"], first["metric_config"]["min_score"]) == (-0.25, -1.0)
    assert second["score_details"]["score"] == 1.0  # records have room for rounding


def test_models_are_named_by_their_hub_ids() -> None:
    info = every_eval_ever.converted(RECORD)["model_info"]
    assert (info["id"], info["developer"]) == ("somebody/encoder", "somebody")
    assert info["additional_details"]["model_availability"] == "open_weights"
    other = every_eval_ever.converted(KINDS["a builder's"])["model_info"]
    assert (other["id"], other["developer"]) == (f"{every_eval_ever.NAME}/encoder", every_eval_ever.NAME)
    own = every_eval_ever.converted(KINDS["a folder's"], "somebody")["model_info"]
    assert (own["id"], own["developer"]) == ("somebody/encoder", "somebody")


def written(folder: Path, *records: Record) -> dict[str, bytes]:
    every_eval_ever.write_all(records, folder, "somebody")
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_files_are_the_same_whenever_they_are_written(tmp_path: Path) -> None:
    records = record(), record("f" * 16)
    assert written(tmp_path / "a", *records) == written(tmp_path / "b", *records)
    assert len(written(tmp_path / "a", *records)) == 2


def test_a_file_with_something_else_stays(tmp_path: Path) -> None:
    path = tmp_path / every_eval_ever.path_of(RECORD)
    path.parent.mkdir(parents=True)
    path.write_text("mine")
    with pytest.raises(BenchmarkError, match="is there already, with something else"):
        written(tmp_path, RECORD)
    assert path.read_text() == "mine"


def test_the_command_writes_a_file_per_run_with_a_score(tmp_path, record_of, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    words = ("demo/noisytune", "task=opinion", "seed=1", f"store={tmp_path / 'store'}")
    plain, noisy = grid.load(words[0], words[1:]).runs
    made = record_of(plain.config, {"validation": {"accuracy": 0.5}})
    diverged = replace(record_of(noisy.config, {}), status="diverged", diverged_at=2, scores={}, curve=[])
    for one in (made, diverged):
        store(tmp_path / "store").add(one, {"losses": ARRAYS["losses"]})
    status, out, err = called(main, capsys, "export", *words, "--every-eval-ever", tmp_path / "out")
    assert status == 0, err
    assert out == f"{tmp_path / 'out'}: 1 file; 1 run without a score: no file\n"
    [path] = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert PLACE.fullmatch(str(path.relative_to(tmp_path / "out")))
    valid(json.loads(path.read_text()))
