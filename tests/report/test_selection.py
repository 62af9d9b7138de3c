"""Which checkpoint and which searched setting a table reports, and what choosing them costs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from benchmark.config.schema import RunConfig, SplitConfig, TaskConfig
from benchmark.records.record import Evaluation
from benchmark.report.build import build
from benchmark.report.numbers import frame, selection
from helpers.grids import load

HYPE = ("hype/table1", "model=bert_large_uncased", "task=rte")


def sigma(config: RunConfig) -> float:
    return next((settings.get("sigma", 0.0) for settings in config.method.values()), 0.0)


def searched(record_of: Any, small: float, large: float) -> Any:
    planned = load(*HYPE)
    scores = {0.0: 70.0, 1e-5: small, 1e-4: large}
    found = {
        cell.run_id: record_of(
            cell.config,
            {"validation": {"accuracy": (scores[sigma(cell.config)] + cell.config.seed) / 100}},
        )
        for cell in planned.runs
    }
    return build(planned, found)


@pytest.mark.parametrize(("small", "large", "best"), [(75, 72, "1e-05"), (72, 75, "0.0001")])
def test_rows_fall_together_at_the_best_mean_of_a_search(record_of, small, large, best):
    table = searched(record_of, small, large)
    numbers = table.numbers.set_index("methods")
    assert list(numbers.index) == ["", "hype_n", "hype_u", "no_dropout", "hype_u_released"]
    assert numbers.loc["hype_n", "score_mean"] == pytest.approx(77)
    assert (
        numbers.loc["hype_n", "chosen"].replace("1e-5", "1e-05").replace("1e-4", "0.0001") == f"sigma={best}"
    )
    assert "at sigma=" in table.sections[0].rows[1][2]


def test_a_search_that_plain_fine_tuning_did_not_have_is_said(record_of):
    notes = " ".join(searched(record_of, 75, 72).notes)
    assert "Budgets are not equal: hype_n over 2, hype_u over 2, hype_u_released over 2 settings" in notes
    planned = load("demo/noisytune", "task=opinion", "seed=1")
    assert "Budgets" not in " ".join(build(planned, {}).notes)


def logits_of(right: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """(evaluations, examples, 2), right where ``right`` says so."""
    answers = np.where(right, targets, 1 - targets)
    return np.eye(2, dtype=np.float32)[answers]


def test_the_leak_free_score_is_of_the_half_that_did_not_choose(record_of):
    """The first evaluation is right on one half, the second on the other: either half chooses its own."""
    planned = load("demo/noisytune", "task=opinion", "method=[]", "seed=1,2", "protocol.selection=best")
    targets = np.arange(40) % 2
    one, other = selection.split(40)
    right = np.zeros((2, 40), bool)
    right[0, one] = right[1, other] = True
    curve = [{"step": i, "scores": {"validation": {"accuracy": 0.5}}} for i in (1, 2)]
    found = {
        c.run_id: record_of(c.config, {"validation": {"accuracy": 0.5}}, curve=curve) for c in planned.runs
    }
    stored = {"logits/validation": logits_of(right, targets), "targets/validation": targets}
    numbers = build(planned, found, lambda _: stored).numbers
    assert (numbers["score_mean"].tolist(), numbers["fair_mean"].tolist()) == ([50], [0])


def test_the_leak_free_rule_can_be_the_rule_of_a_table(record_of):
    planned = load("demo/noisytune", "task=opinion", "method=[]", "seed=1,2", "protocol.selection=leak_free")
    targets = np.arange(40) % 2
    stored = {
        "logits/validation": logits_of(np.ones((2, 40), bool), targets),
        "targets/validation": targets,
    }
    found = {c.run_id: record_of(c.config, {"validation": {"accuracy": 0.1}}) for c in planned.runs}
    two = [Evaluation(i, 1.0, 0.5, {}, {"validation": {"accuracy": 0.1}}) for i in (1, 2)]
    for record in found.values():
        record.curve = two
    table = build(planned, found, lambda _: stored)
    assert table.numbers["score_mean"].tolist() == [100]
    assert "fair_mean" not in table.numbers
    assert "Checkpoint scored: leak_free." in table.notes


def both_ways(logits: np.ndarray, targets: np.ndarray) -> np.ndarray:
    stored = {"logits/v": logits, "targets/v": targets}
    task = TaskConfig(labels=["a", "b"], evaluate={"v": SplitConfig()})
    scored = selection.scores_of_halves(stored, ["accuracy"], RunConfig(task=task))
    return selection._both_ways(scored, "last")


def test_the_best_of_equal_settings_is_not_better_by_the_leak_free_rule(record_of):
    """Twenty settings that are all a coin: the best looks good, and on the other half it is a coin again."""
    drawn = np.random.default_rng(0)
    targets = drawn.integers(0, 2, 200)
    best, fair = [], []
    for _ in range(40):
        coins = [logits_of(drawn.random((1, 200)) < 0.5, targets) for _ in range(20)]
        halves = [{1: both_ways(coin, targets)} for coin in coins]
        settings = {str(i): {1: selection.Crossing(one[1])} for i, one in enumerate(halves)}
        fair += [score for _, score, _ in selection._crossed(settings)]
        best.append(max(one[1].mean() for one in halves))
    assert np.mean(best) > 0.54
    assert np.mean(fair) == pytest.approx(0.5, abs=0.015)


def test_halves_are_halves_and_always_the_same():
    one, other = selection.split(277)
    assert sorted([*one, *other]) == list(range(277))
    assert abs(len(one) - len(other)) <= 1
    assert np.array_equal(one, selection.split(277)[0])


def test_a_gap_is_reported_where_the_development_score_is_best(record_of):
    planned = load(
        "lnsr/table3",
        "model=bert_large_uncased",
        "task=rte",
        "seed=1",
        "method=[]",
        "protocol.selection=best",
    )
    curve = [
        {"step": i, "scores": {"train": {"accuracy": train}, "validation": {"accuracy": dev}}}
        for i, (train, dev) in enumerate([(0.7, 0.6), (0.8, 0.75), (1.0, 0.7)], 1)
    ]
    record = record_of(planned.runs[0].config, {}, curve=curve)
    numbers = build(planned, {planned.runs[0].run_id: record}).numbers.set_index("task")["score_mean"]
    assert numbers["rte_gap"] == pytest.approx(5)


def test_a_set_that_is_scored_at_the_end_alone_leaves_no_other_choice(compose, record_of) -> None:
    config = compose("protocol.selection=best")
    early = [{"scores": {"dev": {"accuracy": value}}} for value in (0.9, 0.8)]
    last = {"scores": {"test": {"accuracy": 0.3}, "dev": {"accuracy": 0.7}}}
    record = record_of(config, {}, curve=[*early, last])
    chosen = {
        name: frame.selected(record, config, [name], [])
        for name in ("dev/accuracy", "test/accuracy", "accuracy")
    }
    assert chosen == {"dev/accuracy": -3, "test/accuracy": -1, "accuracy": -1}
    assert frame.reported(record, config, ["dev/accuracy", "test/accuracy"], []) == pytest.approx(0.5)
    assert frame.reported(record, config, ["dev/accuracy"], []) == 0.9


def test_the_mean_of_sets_has_the_evaluations_of_all() -> None:
    targets = np.zeros(40, int)
    often, once = np.zeros((3, 40), bool), np.ones((1, 40), bool)
    often[-1] = True
    stored = {
        "logits/dev": logits_of(often, targets), "targets/dev": targets,
        "logits/test": logits_of(once, targets), "targets/test": targets,
    }  # fmt: skip
    task = TaskConfig(labels=["no", "yes"], evaluate={})
    scored = selection.scores_of_halves(stored, ["dev/accuracy", "test/accuracy"], RunConfig(task=task))
    np.testing.assert_array_equal(scored, [[1.0, 1.0]])


def test_the_leak_free_choice_stands_beside_the_papers(record_of):
    """One rate is right on a half, the others on the other half or a little more than both: each rule takes its own."""
    planned = load("demo/noisytune", "task=opinion", "method=[]", "seed=1,2", "search=paper")
    targets = np.arange(40) % 2
    one, other = selection.split(40)
    right = {rate: np.zeros((1, 40), bool) for rate in (5e-4, 1e-3, 2e-3)}
    right[5e-4][0, one] = right[1e-3][0, other] = True
    right[2e-3][0, [*one[:12], *other[:12]]] = True
    found, stored = {}, {}
    for run in planned.runs:
        answers = right[run.config.protocol.learning_rate]
        found[run.run_id] = record_of(run.config, {"validation": {"accuracy": answers.mean()}})
        stored[run.run_id] = {"logits/validation": logits_of(answers, targets), "targets/validation": targets}
    report = build(planned, found, lambda run: stored[run])
    numbers = report.numbers.iloc[0]
    assert (numbers["score_mean"], numbers["chosen"]) == (60, "learning_rate=0.002")
    assert numbers["fair_mean"] == 0
    assert numbers["fair_chosen"] == "learning_rate=0.0005 / learning_rate=0.001"
    texts = [line[2] for section in report.sections for line in section.rows]
    assert any(text.endswith("at learning_rate=0.0005 / learning_rate=0.001") for text in texts)


def kept_by_dev(compose: Any, record_of: Any, *changes: str) -> tuple[RunConfig, Any]:
    """A run whose second evaluation of three is the best on ``dev``, and whose ``test`` is scored at the end."""
    sets = "+task.evaluate={dev:{config:opinion,split:validation},test:{config:opinion,split:validation,last_only:true}}"
    config = compose("task=opinion", sets, "protocol.selection=dev", *changes)
    values = [(0.7, 0.6), (0.8, 0.75), (0.9, 0.75)]
    curve = [
        {"step": i, "scores": {"validation": {"accuracy": on}, "dev": {"accuracy": dev}}}
        for i, (on, dev) in enumerate(values, 1)
    ]
    curve[-1]["scores"]["test"] = {"accuracy": 0.5}  # type: ignore[index]
    return config, record_of(config, {}, curve=curve)


def test_a_set_that_chooses_gives_the_evaluation_of_all_others(compose, record_of) -> None:
    config, record = kept_by_dev(compose, record_of)
    columns = ("validation/accuracy", "dev/accuracy", "test/accuracy")
    assert {name: frame.selected(record, config, [name], []) for name in columns} == {
        "validation/accuracy": -2,
        "dev/accuracy": -2,
        "test/accuracy": -1,
    }
    assert frame.reported(record, config, ["validation/accuracy"], []) == 0.8


def test_an_evaluation_that_another_set_chose_is_no_leak(compose) -> None:
    for rule, reported, leaks in (
        ("dev", "test/accuracy", False),
        ("dev", "dev/accuracy", True),
        ("validation", "accuracy", True),
        ("last", "dev/accuracy", False),
        ("best", "dev/accuracy", True),
    ):
        config = compose("task=opinion", f"protocol.selection={rule}")
        assert selection.itself_chooses(config, [reported]) == leaks


def test_the_leak_free_score_of_a_searched_setting_is_at_the_evaluation_that_another_set_chose(
    compose, record_of
) -> None:
    planned = load("demo/noisytune", "task=opinion", "method=[]", "seed=1", "search=paper")
    targets = np.arange(40) % 2
    right = np.zeros((3, 40), bool)
    right[0] = right[2] = True  # all but the evaluation that is the best on dev
    found, stored = {}, {}
    runs = []
    for run in planned.runs:
        rate = f"protocol.learning_rate={run.config.protocol.learning_rate}"
        config, record = kept_by_dev(compose, record_of, rate)
        runs.append(replace(run, config=config))
        found[run.run_id] = record
        stored[run.run_id] = {"logits/validation": logits_of(right, targets), "targets/validation": targets}
    numbers = build(replace(planned, runs=runs), found, lambda run: stored[run]).numbers.iloc[0]
    assert (numbers["score_mean"], numbers["fair_mean"]) == (80, 0)


def test_a_note_names_the_set_that_chose(record_of) -> None:
    planned = load("demo/noisytune", "task=opinion", "method=[]", "seed=1", "protocol.selection=validation")
    found = {run.run_id: record_of(run.config, {"validation": {"accuracy": 0.5}}) for run in planned.runs}
    assert "Checkpoint scored: the best evaluation on validation." in build(planned, found).notes


def test_a_set_that_should_choose_and_has_no_gold_labels_leaves_the_last_evaluation(
    compose, record_of
) -> None:
    config = compose("task=opinion", "+task.evaluate={dev:{split:validation}}", "protocol.selection=dev")
    record = record_of(config, {"validation": {"accuracy": 0.5}})
    assert frame.selected(record, config, ["accuracy"], []) == -1
