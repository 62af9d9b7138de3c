"""Choices on a command line: one part of a group, several different methods and probes, and names only."""

from __future__ import annotations

import pytest

from benchmark.config.compose import run_config
from benchmark.config.overrides import as_written
from benchmark.errors import BenchmarkError


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("protocol=0", "unknown protocol '0' (valid: bert, "),
        ("task=null", "unknown task 'None'"),
        ("tracker=true", "unknown tracker 'True' (valid: none, wandb)"),
        ("method=[null]", "unknown method 'None'"),
        ("probe=[[]]", "unknown probe '[]'"),
        ("model='${..}'", "unknown model '${..}'"),
        ("data=[1k,full]", "data=[1k,full]: a run has one data; for a run with each, give -m data=A,B"),
        ("task=[]", "task=[]: a run has one task"),
        ("method=[r3f,r3f]", "method=[r3f,r3f]: 'r3f' is there twice; a run has it once"),
        ("method=[],[sage,sage]", "method=[sage,sage]: 'sage' is there twice"),
        (
            "probe=[linear_probe,linear_probe_embedded]",
            "'linear_probe_embedded' and 'linear_probe' are both probe.linear_probe",
        ),
        ("~method=[r3f]", "leave out a group with ~method, without a value"),
        ("+table.title=x", "table is declared by a file of sweeps/"),
        ("table={title:x}", "table is declared by a file of sweeps/"),
    ],
)
def test_a_choice_that_is_none_is_named(override: str, line: str) -> None:
    with pytest.raises(BenchmarkError) as refused:
        as_written([override])
    assert line in str(refused.value)


@pytest.mark.parametrize(
    "override",
    ["data=1k", "data=[1k]", "data=1k,full", "method=[]", "method=[r3f,sage]", "method=r3f", "method=[],[sage]",
     "model='a/b'", "~tracker", "~tracker=none", "seed=range(1,3)", "task=glob(*)", "task=[un"],
)  # fmt: skip
def test_other_choices_stay_as_they_are(override: str) -> None:
    assert as_written([override]) == [override]


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("task.labels=[[a],b]", r"task.labels\[0\]=\['a'\]: expected a single value"),
        ("task.text=[{a:b}]", r"task.text\[0\]=\{'a': 'b'\}: expected a single value"),
        ("protocol.betas=[0.9,[1]]", r"protocol.betas\[1\]=\[1\]: expected a single value"),
        ("+task.train.label_map={a:[b]}", r"task.train.label_map.a=\['b'\]: expected a single value"),
        ("+task.evaluate.validation.rows={a:{b:c}}", r"task.evaluate.validation.rows.a=\{'b': 'c'\}"),
        (
            "+task.settings={x:{train:[{split:a,text:[[b]]}]}}",
            r"task.settings.x.train\[0\].text\[0\]=\['b'\]",
        ),
    ],
)
def test_a_value_that_the_schema_does_not_see_is_refused(override: str, line: str) -> None:
    with pytest.raises(BenchmarkError, match=line):
        run_config(override)


def test_values_of_any_type_may_be_nested() -> None:
    assert run_config("+protocol.values.mine={a:[[1]]}").protocol.values["mine"] == {"a": [[1]]}
