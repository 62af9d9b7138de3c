"""Tasks whose labels, metrics, columns and sets do not fit each other are refused before anything is loaded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from benchmark.config.compose import ROOT
from benchmark.config.forms import METRIC_FORMS
from benchmark.config.schema import KINDS, METRICS, RunConfig, SplitConfig
from benchmark.config.splits import evaluation_splits, language_groups, place_of
from benchmark.config.validation import validate
from benchmark.errors import BenchmarkError

Compose = Callable[..., RunConfig]
TAGGING = ["task.kind=tagging", "task.text=[tokens]", "task.labels=[O,B-X,I-X]", "task.metrics=[ner]"]
TASKS = sorted(path.stem for path in (ROOT / "conf" / "task").glob("*.yaml"))


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        (["task.labels=[a,b,c]", "task.metrics=[f1]"], "task.metrics: 'f1' is for 2 classes, .* has 3"),
        (["task.metrics=[pearson]"], "'pearson' does not score classification of 2 classes"),
        (["task.metrics=[spearman]"], "'spearman' does not score classification"),
        (["task.labels=[]"], r"'accuracy' does not score regression .*valid: pearson, spearman"),
        (["task.metrics=[ner]"], "'ner' does not score classification"),
        (["task.metrics=[squad]"], "'squad' does not score classification"),
        (["task.metrics=[]"], r"task.metrics=\[\]: name at least one metric"),
        (["task.metrics=[accuracy,accuracy]"], "'accuracy' and 'accuracy' both give the value 'accuracy'"),
        (["task.labels=[a,b,a]"], "'a' is named twice"),
        (["task.labels=[a,' ']"], "' ' is not a name for a label"),
        (["task.labels=[a]"], "a classification has at least two labels"),
        (["task.text=[a,b,c]"], "one column, or two for a pair"),
        ([*TAGGING, "task.labels=[]"], "a tagging has at least two labels"),
        ([*TAGGING, "task.text=[tokens,more]"], "one column, in a set of the kind 'tagging'"),
        ([*TAGGING, "task.metrics=[accuracy]"], "'accuracy' does not score tagging"),
        ([*TAGGING, "task.metrics=[ner,pos]"], "'ner' and 'pos' both give the value 'f1'"),
        ([*TAGGING, "task.labels=[O,PER,LOC]"], "'ner' reads O and tags such as B-PER.* has 'PER'"),
        ([*TAGGING, "task.labels=[O,B-X,L-X]"], "'ner' reads O .* has 'L-X'"),
        ([*TAGGING, "+task.train.label_map={a: O}"], "task.train.label_map: for a classification"),
        ([*TAGGING, "+task.evaluate.validation.fold={O: B-X}"], "evaluate.validation.fold: for a classif"),
        (["task.train.kind=tagging"], "a run trains on task.kind=classification"),
        (["task.kind=answers", "task.metrics=[squad]", "task.text=[q]"], "two columns, in a set of the kind"),
        (["task.evaluate.validation.max_length=0"], "validation.max_length=0: must be at least 3"),
        (["task.evaluate.validation.metrics=[ner]"], "task.evaluate.validation.metrics: 'ner' does not"),
    ],
)
def test_what_does_not_fit_is_refused(compose: Compose, overrides: list[str], line: str) -> None:
    with pytest.raises(BenchmarkError, match=line):
        validate(compose("task=opinion", *overrides))


def test_a_task_without_an_evaluation_set_is_refused(compose: Compose) -> None:
    config = compose("task=opinion")
    config.task.evaluate = {}
    with pytest.raises(BenchmarkError, match=r"task.evaluate=\{\}: name at least one evaluation set"):
        validate(config)
    config.task.score_training = True
    validate(config)


def test_two_sets_of_one_name_are_refused(compose: Compose) -> None:
    config = compose("task=opinion")
    split = config.task.evaluate["validation"]
    config.task.evaluate = {"x": replace(split, languages=["de"]), "x/de": split}
    with pytest.raises(BenchmarkError, match="two sets have the name 'x/de'"):
        validate(config)


def test_only_a_set_with_languages_has_sets_of_its_languages(compose: Compose) -> None:
    config = compose("task=opinion")
    split = config.task.evaluate["validation"]
    config.task.evaluate = {"dev/easy": split, "dev/hard": split, "x": replace(split, languages=["de", "fr"])}
    assert language_groups(config.task) == {"x/de": "x", "x/fr": "x"}
    assert set(evaluation_splits(config.task)) == {"dev/easy", "dev/hard", "x/de", "x/fr"}


@pytest.mark.parametrize("name", TASKS)
def test_every_task_of_the_project_is_sound(compose: Compose, name: str) -> None:
    validate(compose(f"task={name}"))


def test_every_metric_has_the_forms_that_it_is_for() -> None:
    assert set(METRIC_FORMS) == set(METRICS)
    assert {form for forms in METRIC_FORMS.values() for form in forms} == {*KINDS, "regression"}


@pytest.mark.parametrize(
    ("split", "name"),
    [
        (SplitConfig(config="a", split="dev"), "a/dev"),
        (SplitConfig(config="a", split="dev", repo="me/mine"), "me/mine/a/dev"),
        (SplitConfig(config="a", split="dev", repo="/home/me/mine.csv"), "mine.csv/a/dev"),
        (SplitConfig(config="a", split="dev", rows={"id": "de-*"}), "a/dev [id=de-*]"),
    ],
)
def test_a_split_is_named_without_folders_of_the_machine(split: SplitConfig, name: str) -> None:
    assert place_of(split) == name
