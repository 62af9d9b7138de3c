"""The layer of a sentence retrieval, as a report chooses it."""

from __future__ import annotations

from typing import Any

import pytest

from benchmark.errors import BenchmarkError
from benchmark.records.record import Scores
from benchmark.report.build import build
from benchmark.report.numbers.layers import score
from benchmark.runs.run import Run, run
from helpers.grids import load

SCORES: Scores = {
    "tatoeba": {"accuracy": 0.9, "accuracy@1": 0.4, "accuracy@2": 0.5, "accuracy@3": 0.6},
    "tatoeba/de": {"accuracy": 0.9, "accuracy@1": 0.9, "accuracy@2": 0.1, "accuracy@3": 0.2},
    "tatoeba/fr": {"accuracy": 0.8, "accuracy@1": 0.2, "accuracy@2": 0.8, "accuracy@3": 0.4},
    "tatoeba/ru": {"accuracy": 0.8, "accuracy@1": 0.1, "accuracy@2": 0.6, "accuracy@3": 0.8},
    "bucc/de": {"f1": 0.7, "f1@1": 0.7, "f1@2": 0.3, "dev@1": 0.1, "dev@2": 0.2},
    "bucc/fr": {"f1": 0.6, "f1@1": 0.6, "f1@2": 0.5, "dev@1": 0.4, "dev@2": 0.4},
}


def test_a_languages_layer_is_the_best_of_the_others():
    # de: layer 2 (0.7 before 0.6); fr: layer 1 and 3 (0.5 each), the lower; ru: layer 1 (0.55 before 0.45)
    assert [score(SCORES, f"tatoeba/{code}", "accuracy@others") for code in ("de", "fr", "ru")] == [
        0.1,
        0.2,
        0.1,
    ]
    assert score(SCORES, "tatoeba", "accuracy@others") == pytest.approx(0.4 / 3)


def test_a_languages_layer_is_the_best_on_dev_and_the_lowest_of_equals():
    assert score(SCORES, "bucc", "f1@dev") == pytest.approx((0.3 + 0.6) / 2)


@pytest.mark.parametrize(
    ("name", "metric", "line"),
    [
        ("tatoeba/de", "accuracy@dev", "tatoeba/de: the run has no dev by layer"),
        ("alone", "accuracy@others", "alone/accuracy@others: there is nothing to choose a layer by"),
        (
            "xnli/de",
            "accuracy@others",
            r"xnli/fr: the run has no accuracy by layer; task\.retrieval\.rule=best",
        ),
    ],
)
def test_a_rule_without_its_scores_is_refused(name: str, metric: str, line: str):
    scores = SCORES | {
        "alone": {"accuracy@1": 1.0},
        "xnli/de": {"accuracy": 0.5},
        "xnli/fr": {"accuracy": 0.5},
    }
    with pytest.raises(BenchmarkError, match=line):
        score(scores, name, metric)


def test_a_run_at_all_layers_has_what_every_rule_needs(compose: Any):
    config = compose(
        "model=embedded_multilingual", "task=inference", "task.retrieval.rule=best_on_test",
        "data.count=32", "protocol.epochs=1",
    )  # fmt: skip
    scores = run(Run(config)).scores
    sets = ("mining", "f1@dev"), ("mining", "f1@others"), ("retrieval", "accuracy@others")
    for name, metric in sets:
        main = metric.partition("@")[0]
        layers = [values for key, values in scores[f"{name}/de"].items() if key.startswith(f"{main}@")]
        assert score(scores, f"{name}/de", metric) in layers
        assert score(scores, name, metric) <= scores[name][main]


def test_table_3_has_the_papers_layer_and_the_fair_one(record_of: Any):
    words = ("model=xlm_roberta_base", "task=xnli_retrieval", "method=[]", "seed=1", "task.setting=zero_shot")
    planned = load("noisytune/table3", *words)
    [one] = planned.runs
    assert one.config.task.retrieval.rule == "best_on_test"
    bucc = {name.replace("bucc", "bucc2018"): values for name, values in SCORES.items()}
    whole = {"xnli": {"accuracy": 0.5}, "bucc2018": {"f1": 0.65}}
    numbers = build(planned, {one.run_id: record_of(one.config, whole | bucc)}).numbers.set_index("task")
    found = {name: round(numbers.loc[name, "score_mean"], 4) for name in numbers.index}
    assert (found["tatoeba"], found["tatoeba_others"]) == (90, 13.3333)
    assert (found["bucc"], found["bucc_dev"]) == (65, 45)


def test_a_run_at_one_layer_has_no_column_of_another(record_of: Any):
    words = ("model=xlm_roberta_base", "task=xnli_retrieval", "method=[]", "seed=1", "task.setting=zero_shot")
    planned = load("noisytune/table3", *words, "task.retrieval.rule=fixed")
    [one] = planned.runs
    scores = {"xnli": {"accuracy": 0.5}, "bucc2018": {"f1": 0.65}, "tatoeba": {"accuracy": 0.5}}
    found = set(build(planned, {one.run_id: record_of(one.config, scores)}).numbers["task"])
    assert {"bucc", "tatoeba"} < found
    assert not {"bucc_dev", "tatoeba_others"} & found
