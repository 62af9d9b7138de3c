"""XTREME's metrics equal the values of XTREME's own evaluator, case by case.

The cases stand in ``../shared/vectors/xtreme_metrics`` beside the repository, or in the folder that the
environment variable ``METRIC_VECTORS`` names; without them the tests skip with a message. Theirs are
percentages, ours are fractions.
"""

from __future__ import annotations

import json
import os
from functools import cache, partial
from pathlib import Path
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

FOLDER = Path(os.environ.get("METRIC_VECTORS") or ROOT.parent / "shared" / "vectors" / "xtreme_metrics")


@cache
def cases(name: str) -> dict[str, Any]:
    path = FOLDER / f"{name}.json"
    if not path.is_file():
        return {"tolerance": 0.0, "cases": {"none": None}}
    content = json.loads(path.read_text())
    return content | {"cases": {case["id"]: case for case in content["cases"]}}


def each(name: str) -> pytest.MarkDecorator:
    """Run a test once for every case of a file, called with the case and the file's tolerance."""
    content = cases(name)
    absent = pytest.mark.skip(reason=f"no {name}.json: neither METRIC_VECTORS nor ../shared/vectors has it")
    return pytest.mark.parametrize(
        ("case", "tolerance"),
        [
            pytest.param(case, content["tolerance"], id=label, marks=() if case else absent)
            for label, case in content["cases"].items()
        ],
    )


def percent(values: dict[str, float]) -> dict[str, float]:
    return {name: 100 * value for name, value in values.items()}


@each("accuracy")
def test_accuracy(case: dict[str, Any], tolerance: float) -> None:
    classes = sorted({*case["predictions"], *case["references"]})
    predictions, references = ([classes.index(x) for x in case[key]] for key in ("predictions", "references"))
    assert percent(score(["accuracy"], predictions, references)) == pytest.approx(
        case["expected"], abs=tolerance
    )


@each("ner_f1")
def test_entities(case: dict[str, Any], tolerance: float) -> None:
    values = percent(score(["ner"], case["predictions"], case["references"]))
    assert values == pytest.approx(case["expected"], abs=tolerance)


@each("pos_f1")
def test_part_of_speech(case: dict[str, Any], tolerance: float) -> None:
    values = percent(score(["pos"], case["predictions"], case["references"]))
    assert values == pytest.approx(case["expected"], abs=tolerance)
    later = percent(score(["pos_seqeval_1"], case["predictions"], case["references"]))
    expected = {f"{name}_seqeval_1": value for name, value in case["seqeval_1_2_2"].items()}
    assert later == pytest.approx(expected, abs=tolerance)


@each("squad_em_f1")
def test_squad_answers(case: dict[str, Any], tolerance: float) -> None:
    check_answers("squad", squad_tokens, case, tolerance)


@each("mlqa_em_f1")
def test_mlqa_answers(case: dict[str, Any], tolerance: float) -> None:
    check_answers("mlqa", partial(mlqa_tokens, language=case["language"]), case, tolerance)


def check_answers(metric: str, tokens: Any, case: dict[str, Any], tolerance: float) -> None:
    answers = {reference["id"]: reference["answers"] for reference in case["references"]}
    predictions, references = aligned(case["predictions"], answers)
    values = percent(score([metric], predictions, references, case["language"]))
    assert values == pytest.approx(case["expected"], abs=tolerance)
    for question, said, wanted in zip(answers, predictions, references, strict=True):
        exact_match, f1 = question_scores(said, wanted, tokens)
        found = {"exact_match": exact_match, "f1": f1}
        assert found == pytest.approx(case["per_question"][question], abs=tolerance / 100), question


@each("bucc_f1")
def test_pairs(case: dict[str, Any], tolerance: float) -> None:
    values = percent(score(["bucc"], [case["predictions"]], [case["references"]]))
    assert values == pytest.approx(case["expected"], abs=tolerance)


@each("bucc_mining")
def test_mining(case: dict[str, Any], tolerance: float) -> None:
    def candidates(split: dict[str, Any]) -> list[tuple[neighbours.Pair, float]]:
        sides = (split["source"], split["target"])
        vectors = [torch.tensor([line["embedding"] for line in side]) for side in sides]
        lines = [[(line["id"], line["text"]) for line in side] for side in sides]
        return neighbours.mine(vectors[0], lines[0], vectors[1], lines[1])

    found = {split: candidates(case[split]) for split in ("dev", "test")}
    gold = {split: {(source, target) for source, target in case[split]["gold"]} for split in found}
    threshold = neighbours.best_threshold(found["dev"], gold["dev"])
    assert threshold == pytest.approx(case["expected"]["threshold"], abs=tolerance)
    for split, pairs in found.items():
        expected = case["expected"][split]
        assert [list(pair) for pair, _ in pairs] == [one["pair"] for one in expected["candidates"]]
        scores = [one["score"] for one in expected["candidates"]]
        assert [margin for _, margin in pairs] == pytest.approx(scores, abs=tolerance)
        kept = neighbours.above(pairs, threshold)
        assert sorted(map(list, kept)) == sorted(expected["extracted"])
        for name, value in percent(score(["bucc"], [kept], [sorted(gold[split])])).items():
            assert value == pytest.approx(expected[name], abs=tolerance), (split, name)


@each("tatoeba_accuracy")
def test_retrieved_rows(case: dict[str, Any], tolerance: float) -> None:
    predictions, references = ([int(row) for row in case[key]] for key in ("predictions", "references"))
    assert percent(score(["accuracy"], predictions, references)) == pytest.approx(
        case["expected"], abs=tolerance
    )


@each("tatoeba_retrieval")
def test_nearest_neighbours(case: dict[str, Any], tolerance: float) -> None:
    english, source = (torch.tensor(case[f"{side}_embeddings"]) for side in ("english", "source"))
    found = neighbours.nearest(queries=english, candidates=source).tolist()
    assert found == case["expected"]["predictions"]
    accuracy = percent(score(["accuracy"], found, case["references"]))["accuracy"]
    assert accuracy == pytest.approx(case["expected"]["accuracy"], abs=tolerance)


TABLE3: Any = OmegaConf.to_container(OmegaConf.load(ROOT / "sweeps/noisytune/table3.yaml").table)
OVERALL = "XTREME (nine tasks)"
GROUPS = {
    "classification": "Sentence pair",
    "tagging": "Structured prediction",
    "retrieval": "Sentence retrieval",
    "qa": "Question answering",
    "all_task": OVERALL,
}


@each("aggregate")
def test_averages(case: dict[str, Any], tolerance: float) -> None:
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
        assert groups.pop("all_task") == pytest.approx(expected["mean_of_nine_tasks"], abs=tolerance)
        noisytune = average(values, published.rule_of(published.load("noisytune/table3")))
        assert noisytune == pytest.approx(expected["mean_of_four_groups"], abs=tolerance)
    assert groups == pytest.approx(expected["groups"], abs=tolerance)
    for task, label in {"xquad": "XQuAD", "mlqa": "MLQA", "tydiqa": "TyDiQA"}.items():
        if task in expected.get("tasks", {}):
            assert found[label] == pytest.approx(expected["tasks"][task]["avg_metric"], abs=tolerance)
