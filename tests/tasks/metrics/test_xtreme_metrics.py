"""XTREME's metrics equal the values of XTREME's own evaluator, case by case.

Theirs are percentages, ours are fractions.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from statistics import fmean
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf

from benchmark.config.compose import ROOT
from benchmark.report import published
from benchmark.report.numbers.frame import average
from benchmark.tasks import neighbours
from benchmark.tasks.metrics import score
from benchmark.tasks.metrics.spans import aligned, mlqa_tokens, question_scores, squad_tokens
from helpers import metric_vectors
from helpers.metric_vectors import Case
from helpers.vectors import Entry

driven: set[str] = set()


def drives(metric: str) -> Callable[..., Any]:
    driven.add(metric)
    return metric_vectors.drives(metric)


def percent(values: dict[str, float]) -> dict[str, float]:
    return {name: 100 * value for name, value in values.items()}


@drives("accuracy")
def test_accuracy(case: Case) -> None:
    classes = sorted({*case["predictions"], *case["references"]})
    predictions, references = ([classes.index(x) for x in case[key]] for key in ("predictions", "references"))
    case.close(percent(score(["accuracy"], predictions, references)), case["expected"])


@drives("ner_f1")
def test_entities(case: Case) -> None:
    case.close(percent(score(["ner"], case["predictions"], case["references"])), case["expected"])


@drives("pos_f1")
def test_part_of_speech(case: Case) -> None:
    case.close(percent(score(["pos"], case["predictions"], case["references"])), case["expected"])
    later = percent(score(["pos_seqeval_1"], case["predictions"], case["references"]))
    case.close(later, {f"{name}_seqeval_1": value for name, value in case["seqeval_1_2_2"].items()})


@drives("squad_em_f1")
def test_squad_answers(case: Case) -> None:
    compare_answers("squad", squad_tokens, case)


@drives("mlqa_em_f1")
def test_mlqa_answers(case: Case) -> None:
    compare_answers("mlqa", partial(mlqa_tokens, language=case["language"]), case)


def compare_answers(metric: str, tokens: Any, case: Case) -> None:
    answers = {reference["id"]: reference["answers"] for reference in case["references"]}
    predictions, references = aligned(case["predictions"], answers)
    case.close(percent(score([metric], predictions, references, case["language"])), case["expected"])
    for question, said, wanted in zip(answers, predictions, references, strict=True):
        exact_match, f1 = question_scores(said, wanted, tokens)
        # A single question's are fractions.
        case.close(
            {"exact_match": exact_match, "f1": f1}, case["per_question"][question], question, share=0.01
        )


@drives("bucc_f1")
def test_pairs(case: Case) -> None:
    case.close(percent(score(["bucc"], [case["predictions"]], [case["references"]])), case["expected"])


@drives("bucc_mining")
def test_mining(case: Case) -> None:
    case.only("neighbourhood", 4)
    case.only("margin", "ratio")
    case.only("retrieval", "max")

    def candidates(split: dict[str, Any]) -> list[tuple[neighbours.Pair, float]]:
        sides = (split["source"], split["target"])
        vectors = [torch.tensor([line["embedding"] for line in side]) for side in sides]
        lines = [[(line["id"], line["text"]) for line in side] for side in sides]
        return neighbours.mine(vectors[0], lines[0], vectors[1], lines[1])

    found = {split: candidates(case[split]) for split in ("dev", "test")}
    gold = {split: {(source, target) for source, target in case[split]["gold"]} for split in found}
    threshold = neighbours.best_threshold(found["dev"], gold["dev"])
    case.close(threshold, case["expected"]["threshold"])
    for split, pairs in found.items():
        expected = case["expected"][split]
        case.equal([list(pair) for pair, _ in pairs], [one["pair"] for one in expected["candidates"]])
        case.close([margin for _, margin in pairs], [one["score"] for one in expected["candidates"]])
        kept = neighbours.above(pairs, threshold)
        case.equal(sorted(map(list, kept)), sorted(expected["extracted"]))
        for name, value in percent(score(["bucc"], [kept], [sorted(gold[split])])).items():
            case.close(value, expected[name], f"{split} {name}")


@drives("tatoeba_accuracy")
def test_retrieved_rows(case: Case) -> None:
    predictions, references = ([int(row) for row in case[key]] for key in ("predictions", "references"))
    case.close(percent(score(["accuracy"], predictions, references)), case["expected"])


@drives("tatoeba_retrieval")
def test_nearest_neighbours(case: Case) -> None:
    english, source = (torch.tensor(case[f"{side}_embeddings"]) for side in ("english", "source"))
    found = neighbours.nearest(queries=english, candidates=source).tolist()
    case.equal(found, case["expected"]["predictions"])
    accuracy = percent(score(["accuracy"], found, case["references"]))["accuracy"]
    case.close(accuracy, case["expected"]["accuracy"])


TABLE3: Any = OmegaConf.to_container(OmegaConf.load(ROOT / "sweeps/noisytune/table3.yaml").table)
OVERALL = "XTREME (nine tasks)"
GROUPS = {
    "classification": "Sentence pair",
    "tagging": "Structured prediction",
    "retrieval": "Sentence retrieval",
    "qa": "Question answering",
    "all_task": OVERALL,
}


@drives("aggregate")
def test_averages(case: Case) -> None:
    expected = case["expected"]
    if "columns" in case:
        by_task = {k: v if isinstance(v, dict) else {"": v} for k, v in case["columns"].items()}
    else:
        by_task = {
            task: {name: fmean(by_language.values()) for name, by_language in scores.items()}
            for task, scores in case["per_language"].items()
        }
    values = {}
    for key, column in TABLE3["columns"].items():
        task, _, name = column["report"][0].partition("/")
        if task in by_task:
            values[key] = by_task[task].get(name, by_task[task].get(""))
    found = {name: average(values, rule) for name, rule in TABLE3["averages"].items()}
    groups = {name: found[label] for name, label in GROUPS.items() if found[label] is not None}
    if "mean_of_nine_tasks" in expected:
        case.close(groups.pop("all_task"), expected["mean_of_nine_tasks"])
        noisytune = average(values, published.rule_of(published.load("noisytune/table3")))
        case.close(noisytune, expected["mean_of_four_groups"])
    case.close(groups, expected["groups"])
    for task, label in {"xquad": "XQuAD", "mlqa": "MLQA", "tydiqa": "TyDiQA"}.items():
        if task in expected.get("tasks", {}):
            case.close(found[label], expected["tasks"][task]["avg_metric"])


@pytest.mark.parametrize("case", metric_vectors.others(driven) or [None], ids=str)
def test_a_file_of_no_metric_above_is_skipped_with_its_name(case: Entry | None) -> None:
    if case:
        case.load()


@pytest.mark.parametrize(("prediction", "right"), [([], 1.0), ([""], 1.0), (["the"], 1.0), (["a mill"], 0.0)])
def test_a_question_without_an_answer_is_right_without_a_prediction(
    prediction: list[str], right: float
) -> None:
    assert question_scores(prediction, [], squad_tokens) == (right, right)
    assert question_scores([], ["mill"], squad_tokens) == (0.0, 0.0)
