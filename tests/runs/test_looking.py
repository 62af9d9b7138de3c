"""What a configuration says of its data is checked once per task, before a grid's first run trains."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmark import tasks
from benchmark.config.schema import RunConfig
from benchmark.errors import BenchmarkError
from benchmark.progress import silence
from benchmark.runs.looking import check_data, check_data_apart

Compose = Callable[..., RunConfig]
CSV = "text,label\na good film,1\na bad film,0\nthe good film,1\nthe bad film,0\n"


@pytest.fixture
def mine(compose: Compose, tmp_path: Path) -> Callable[..., RunConfig]:
    """``mine(**changes)``: a run on four examples in a file, with changes of its task."""
    for split in ("train", "dev"):
        (tmp_path / f"{split}.csv").write_text(CSV)

    def made(
        seed: int = 1, count: int | None = None, share: float | None = None, **changes: Any
    ) -> RunConfig:
        config = compose(
            "task=opinion",
            "task.builder=null",
            "task.revision=null",
            f"task.repo='{tmp_path}'",
            f"seed={seed}",
        )
        task = replace(config.task, text=["text"], labels=["bad", "good"], **changes)
        task.train = replace(task.train, config="default")
        task.evaluate = {"validation": replace(task.evaluate["validation"], config="default", split="dev")}
        return replace(config, task=task, data=replace(config.data, count=count, share=share))

    return made


def test_data_that_are_as_they_are_said_to_be_pass(mine: Callable[..., RunConfig]) -> None:
    check_data([mine(), mine(count=4), mine(share=0.5)])


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"target": "nothing"}, "no column 'nothing'"),
        ({"text": ["nothing"]}, "no column 'nothing'"),
        ({"count": 5}, "data.count=5: the training set has only 4 examples"),
        ({"share": 0.01}, "data.share=0.01: of 4 training examples it leaves none"),
        ({"name": "other", "target": "text"}, "task 'other'"),
    ],
)
def test_data_that_are_not_are_refused(
    changes: dict[str, Any], line: str, mine: Callable[..., RunConfig]
) -> None:
    text = changes.pop("text", None)
    config = mine(**changes)
    if text:
        config.task.text = text
    with pytest.raises(BenchmarkError, match=line):
        check_data([config])


def test_a_task_is_looked_at_once_and_every_faulty_one_is_named(
    mine: Callable[..., RunConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = []

    def look(config: RunConfig, tokenizer: object) -> None:
        looked.append(config.task.name)
        if config.task.name != "opinion":
            raise BenchmarkError(f"task {config.task.name!r} is faulty")

    monkeypatch.setattr(tasks, "look", look)
    grid = [mine(seed=seed, name=name) for name in ("opinion", "one", "two") for seed in (1, 2, 3)]
    with pytest.raises(BenchmarkError, match="task 'one' is faulty; task 'two' is faulty"):
        check_data(grid)
    assert looked == ["opinion", "one", "two"]


def test_a_task_is_looked_at_with_a_model_that_is_here(
    mine: Callable[..., RunConfig], compose: Compose
) -> None:
    config = mine(target="nothing")
    absent = replace(config, model=compose("model=roberta_base").model)
    absent.model.id = "nobody/nothing"
    check_data([absent])
    with pytest.raises(BenchmarkError, match="no column 'nothing'"):
        check_data([absent, config])


def test_another_process_tells_the_fault(mine: Callable[..., RunConfig]) -> None:
    context = multiprocessing.get_context("fork")
    told: list[tuple[str, int, int]] = []
    check_data_apart(context, [mine()], lambda *now: told.append(now))
    assert told == [("tasks looked at", 0, 1)]
    with pytest.raises(BenchmarkError, match="no column 'nothing'"):
        check_data_apart(context, [mine(target="nothing")], silence)
