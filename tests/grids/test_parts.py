"""Configurations that are put together from parts are those that Hydra composes as a whole."""

from __future__ import annotations

from typing import Any

import pytest
from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from benchmark.config.compose import ROOT, composing, run_config
from benchmark.config.conforming import Unsure
from benchmark.config.identity import run_id
from benchmark.config.schema import as_json
from benchmark.errors import BenchmarkError
from benchmark.grids import fragments, grid, parts
from helpers.grids import load

# Tables of several rectangles, of hyper-parameters, of subsets, of languages, and of probes.
SEVERAL = ("hype/table8", "lnsr/figure5", "noisytune/figure4", "noisytune/table3", "noisytune/figure3")


def with_types(value: Any) -> Any:
    """To Python 1, 1.0 and True are equal; a run may tell them apart."""
    if isinstance(value, dict):
        return {key: with_types(part) for key, part in value.items()}
    return [with_types(part) for part in value] if isinstance(value, list) else (type(value), value)


@pytest.mark.parametrize("name", grid.tables())
def test_a_table_has_the_configurations_that_its_runs_have_alone(name):
    runs = load(name).runs
    for run in runs[len(runs) // 2 :: max(1, len(runs) if name not in SEVERAL else len(runs) // 4)]:
        alone = run_config(*run.overrides)
        assert with_types(as_json(run.config)) == with_types(as_json(alone))
        assert with_types(run.config.task) == with_types(alone.task)
        assert run.run_id == run_id(alone)


@pytest.mark.parametrize(
    "changes",
    [
        ["protocol.epochs=1,2.5", "threads=2"],
        ["method=[noisytune]", "method.noisytune.intensity=0,1"],
        ["data.subset_seed=${seed}"],
        ["method=[],[noisytune]", "++method.noisytune.intensity=0.1,0.2"],
        ["++protocol.epochs=1,2", "++protocol.report.opinion=[accuracy]", "++seed=3,4"],
        [
            "++task.evaluate={other: {config: opinion, split: train}}",
            "++task.evaluate.other.split=validation",
        ],
        ["task.evaluate.validation.split=train", "++task.evaluate={validation: {config: closeness}}"],
        ["seeds.head=7,3"],
        ["seeds.order=${seed}", "seeds.noise=4"],
        ["+protocol.report.opinion=[accuracy]", "data=1k"],
        ["model=minilm", "model.revision=abc,null", "protocol=hype,pats"],
        ["+task.evaluate={other: {config: opinion, split: train}}"],
        ["protocol.learning_rate=${protocol.weight_decay}", "protocol.weight_decay=0.5"],
    ],
)
def test_so_has_a_table_that_was_changed(changes):
    for run in grid.load("demo/noisytune", ["task=opinion", "seed=3,4", *changes]).runs[::3]:
        alone = run_config(*run.overrides)
        assert with_types(as_json(run.config)) == with_types(as_json(alone))
        assert run.run_id == run_id(alone)


@pytest.mark.parametrize(
    "text", ["${nothing}", "${.nothing}", "${....nothing}", "${pick:nothing}", "${", "${}"]
)
def test_an_interpolation_of_nothing_is_refused_as_hydra_does(text):
    with pytest.raises((BenchmarkError, HydraException, OmegaConfBaseException)):
        grid.load("demo/noisytune", ["task=opinion", "seed=1", f"protocol.epochs={text}"])


def test_a_choice_that_changes_more_than_its_part_is_not_taken_for_one(monkeypatch):
    with composing():
        with pytest.raises(parts.Elsewhere):
            parts.configurations({"task": "opinion"}, ["~data.count"], [1])
        other = parts._composed("threads=2")
        monkeypatch.setattr(parts, "_defaults", lambda *_: other)
        with pytest.raises(parts.Elsewhere):
            parts.part.__wrapped__(
                "probe", "[linear_probe]"
            )  # its defaults list names other groups: it is composed


def test_evaluation_sets_keep_their_order_after_runs_of_other_tasks():
    for run in load("noisytune/table3", "seed=1").runs:
        assert next(iter(run.config.task.evaluate)) != "dev", run.config.task.name  # no file has it first


def test_ten_times_the_runs_take_no_more_composing(monkeypatch):
    calls = []
    composed = parts.compose
    monkeypatch.setattr(parts, "compose", lambda *given: calls.append(given) or composed(*given))
    for cached in (parts._defaults, parts.part, parts._value):
        cached.cache_clear()
    changes = ["seed=range(1,501)", "seeds.head=1,2", "store=somewhere", "threads=2"]
    cells = grid.load("lnsr/table1", changes).runs
    assert len({cell.run_id for cell in cells}) == 48_000
    assert (
        len(calls) == 1
    )  # the defaults; single values, methods, model and protocol are read from their files


@pytest.mark.parametrize("choice", ["snli_transfer", "xnli_retrieval", "xquad_mlqa", "udpos_xtreme"])
def test_a_task_over_other_tasks_is_the_composed_one(choice):
    with composing():
        assert with_types(fragments.part("task", choice)) == with_types(
            parts._composed(f"task={choice}")["task"]
        )


@pytest.mark.parametrize("group", [*fragments.PARTS, *fragments.LISTS])
def test_a_part_that_is_read_from_its_file_is_the_composed_one(group):
    read = 0
    with composing():
        for path in sorted((ROOT / "conf" / group).glob("*.yaml"))[::4]:
            choice = path.stem if group in fragments.PARTS else f"[{path.stem}]"
            if (part := fragments.part(group, choice)) is not None:
                read += 1
                assert with_types(part) == with_types(parts._composed(f"{group}={choice}")[group]), choice
    assert read


def test_a_part_is_not_read_from_its_file_where_that_does_not_do():
    with composing():
        for group, choice in [
            ("probe", "[linear_probe]"),
            ("task", "nothing"),
            ("method", "hype_n"),
            ("tracker", "none"),
        ]:
            assert fragments.part(group, choice) is None
        assert fragments.part("method", "[hype_n,hype_n]") is None
        tree = parts._defaults() | {"method": fragments.part("method", "[hype_n]")}
        assert fragments.value(tree, ["method", "hype_n", "sigma"], 1) == 1
        assert fragments.value(tree, ["data", "share"], None) is None
        assert fragments.value(tree, ["seeds", "head"], 3) == 3
        for path, new in [
            (["method", "hype_n", "sigmas"], 1),
            (["method", "hype_n"], 1),
            (["method"], {}),
            (["tracker", "project"], "mine"),
            (["data", "count"], "many"),
            (["data", "name"], None),
            (["threads"], "many"),
            (["threads", "a"], 1),
            (["seeds", "heads"], 1),
            (["nothing"], 1),
        ]:
            with pytest.raises(Unsure):
                fragments.value(tree, path, new)
        task = fragments.part("task", "rte")
        added = {"test": {"config": "rte", "split": "test"}}
        with pytest.raises(Unsure):  # only `+` adds keys
            fragments.value({"task": task}, ["task", "evaluate"], added)
        assert list(fragments.value({"task": task}, ["task", "evaluate"], added, adds=True)) == [
            *task["evaluate"],
            "test",
        ]
