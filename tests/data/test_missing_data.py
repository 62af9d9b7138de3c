"""Data that are not there, or not as they should be: what is said of them, and what is not trained on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pyarrow import Table, parquet

from benchmark import tasks
from benchmark.config.schema import RunConfig
from benchmark.data import files
from benchmark.errors import BenchmarkError
from benchmark.models import pretrained
from benchmark.runs.run import Run, run

Compose = Callable[..., RunConfig]


def load(config: RunConfig) -> tasks.Task:
    return tasks.load(config, pretrained.tokenizer(config.model, Path(config.cache)))


def test_a_training_split_that_the_cache_lacks_is_named_with_its_repository(
    compose: Compose, hub: Path
) -> None:
    with pytest.raises(
        BenchmarkError,
        match=r"task 'pawsx', PAWS-X.en/train of google/xtreme .*: no split 'train' of configuration 'PAWS-X.en' \(valid: test, validation\).*"
        r"hf download google/xtreme --repo-type dataset --include 'PAWS-X.en/\*'",
    ):
        load(compose("model=minilm", "task=pawsx", "task.languages=[de]"))


def test_a_repository_that_the_cache_lacks_is_named_with_what_is_needed_of_it(
    compose: Compose, hub: Path
) -> None:
    with pytest.raises(
        BenchmarkError,
        match=r"task 'xnli'.*facebook/xnli.*--include 'en/\*'",
    ):
        load(compose("model=minilm", "task=xnli", "task.languages=[de]"))


def test_a_language_is_refused_by_a_task_without_any(compose: Compose) -> None:
    with pytest.raises(
        BenchmarkError, match=r"unknown language 'de' in task.languages of task 'rte'.*valid: none"
    ):
        run(Run(compose("task=rte", "task.languages=[de]")))


@pytest.fixture
def questions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """``questions(split, starts)``: a SQuAD of its own with the answer "is" said to begin at each of ``starts``."""
    import benchmark.embedded.tasks as embedded

    monkeypatch.setattr(embedded, "build", lambda _: tmp_path / "data")

    def write(split: str, starts: list[int]) -> None:
        rows = [
            {
                "id": str(number),
                "question": "not the",
                "context": "the is not and",
                "answers": {"answer_start": [start], "text": ["is"]},
            }
            for number, start in enumerate(starts)
        ]
        folder = tmp_path / "data" / "SQuAD"
        folder.mkdir(parents=True, exist_ok=True)
        parquet.write_table(Table.from_pylist(rows), folder / f"{split}-00000-of-00001.parquet")

    return write


OURS = ["task=squad", "task.repo=null", "task.builder=benchmark.embedded.tasks.build", "model=embedded"]


def test_answers_out_of_place_are_counted_in_the_record_by_split(
    compose: Compose, questions: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    questions("train", [4, 4, 3, -1, 4])
    questions("validation", [4, 5])
    record = run(Run(compose(*OURS, "protocol.epochs=1")))
    assert record.data.remarks["answers_not_in_place"] == {"SQuAD/train": 2, "SQuAD/validation": 1}
    assert record.examples == {"train": 3, "squad": 2}
    assert "SQuAD/train: 2 questions are left out: they have an answer that is not" in caplog.text


def test_a_training_set_with_no_answer_in_its_place_is_refused(
    compose: Compose, questions: Callable[..., None]
) -> None:
    questions("train", [3, 3])
    questions("validation", [4])
    with pytest.raises(
        BenchmarkError, match="no example to learn from: 2 questions have an answer that is not"
    ):
        load(compose(*OURS))


def test_sets_that_wait_for_the_last_update_are_looked_at_first_and_then_read_once(
    compose: Compose, questions: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    questions("train", [4, 4])
    questions("validation", [4])
    read: list[str] = []
    original = files.read

    def counted(task: Any, split: Any, *rest: Any) -> Any:
        read.append(split.split)
        return original(task, split, *rest)

    monkeypatch.setattr(files, "read", counted)
    run(Run(compose(*OURS, "protocol.epochs=2")))
    assert read == ["validation", "train", "validation"]
