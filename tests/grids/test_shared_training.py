"""One trained run answers several evaluation sets: no table trains the same twice."""

from __future__ import annotations

import json
from collections import defaultdict

import numpy as np
import pytest

from benchmark.config.compose import run_config
from benchmark.config.identity import identity
from benchmark.config.schema import RunConfig
from benchmark.grids import grid
from benchmark.grids.grid import Grid
from benchmark.records.store import Store
from benchmark.runs.run import Run, run
from helpers.grids import load

ANSWERS_ONLY = {"evaluate", "metrics", "retrieval", "languages"}  # keys of a task that training does not see


def trained(config: RunConfig) -> str:
    """What of a run its training depends on."""
    whole = identity(config)
    task = {key: value for key, value in whole["task"].items() if key not in ANSWERS_ONLY}
    return json.dumps(whole | {"task": task}, sort_keys=True)


def trained_twice(planned: Grid) -> list[set[str]]:
    """The tasks of runs that train alike, of the first seed."""
    tasks = defaultdict(dict)
    for each in planned.runs:
        if each.config.seed == planned.runs[0].config.seed:
            tasks[trained(each.config)][each.run_id] = each.config.task.name
    return [set(names.values()) for names in tasks.values() if len(names) > 1]


@pytest.mark.parametrize("name", grid.tables())
def test_no_table_trains_twice_what_one_run_can_answer(name: str) -> None:
    assert trained_twice(load(name)) == []


def test_a_table_that_did_would_be_found() -> None:
    twice = trained_twice(load("hype/table6", "task=mnli,mnli_adversarial,rte", "method=[]"))
    assert twice == [{"mnli", "mnli_adversarial"}]


@pytest.mark.parametrize(
    ("name", "learnt", "sets"),
    [
        ("xnli_retrieval", "xnli", {"xnli", "dev", "bucc2018", "tatoeba"}),
        (
            "mnli_everything",
            "mnli",
            {"matched", "mismatched", "adversarial_matched", "adversarial_mismatched", "ax"},
        ),
    ],
)
def test_a_task_of_several_sets_is_learnt_as_the_one_that_it_adds_to(
    name: str, learnt: str, sets: set[str]
) -> None:
    more, few = (run_config("model=minilm", f"task={task}") for task in (name, learnt))
    assert trained(more) == trained(few)
    assert set(more.task.evaluate) == sets


def test_further_sets_change_no_bit_of_training_or_of_the_other_scores(tmp_path) -> None:
    few = ["task=opinion", "data.count=64", "protocol.epochs=1", f"store={tmp_path}"]
    more = [*few, "+task.evaluate={further:{config:opinion,split:validation}}"]
    one, other = (run(Run(run_config(*words))) for words in (few, more))
    assert one.scores["validation"] == other.scores["validation"] == other.scores["further"]
    arrays = [Store(str(tmp_path)).arrays(record.run_id) for record in (one, other)]
    for name in arrays[0]:
        np.testing.assert_array_equal(arrays[0][name], arrays[1][name])
