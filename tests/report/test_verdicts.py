"""Verdicts in two scopes, against controls, by equal budgets, and in the words of their recipe."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from benchmark import report
from benchmark.config.schema import RunConfig
from benchmark.report.build import Report, build
from benchmark.report.overall import distinct
from benchmark.report.words import (
    CONTRADICTED,
    FAILS_HERE,
    HOLDS_HERE,
    NOT_MEASURED,
    PREDICTIONS_MISSING,
    REPRODUCED,
    SEEDS_ALONE,
    UNDECIDED,
)
from helpers.grids import load
from helpers.hand_made import claim, noise, predicted, scored

RTE = ("noisytune/table2", "model=minilm", "task=rte")
FIGURE4 = ("noisytune/figure4", "data.share=0.1")
AT_A_TENTH = {"data.share": 0.1}  # all that a claim covers is in the grid
HYPE = ("hype/table1", "model=bert_large_uncased", "task=rte")
BERT = {"model": "bert_large_uncased"}
EXAMPLES = 277


@pytest.fixture
def made(record_of, monkeypatch) -> Callable[..., Report]:
    """``made(table, score, claims)``: the report of hand-made scores; ``claims`` in place of the table's."""

    def built(table: tuple[str, ...], score: Any, *claims: dict[str, Any]) -> Report:
        planned = load(*table)
        if claims:
            monkeypatch.setitem(planned.table, "claims", list(claims))
        return build(planned, scored(planned, record_of, score))

    return built


def gain(**by_method: float) -> Callable[[RunConfig], float]:
    return lambda config: 70 + sum(by_method.get(name, 0) for name in config.method) + noise(config, 0.1)


def test_reproduced_is_a_word_for_the_declared_grid(made):
    stated = claim(
        better={"method": ["noisytune"]} | AT_A_TENTH, than={"method": []} | AT_A_TENTH, where="every column"
    )

    def words(size: float, *changes: str) -> list[str]:
        shown = made((*FIGURE4, *changes), gain(noisytune=size), stated)
        assert bool(shown.preface) == any("seed" not in change for change in changes)
        assert all(change in shown.preface[0] for change in changes if shown.preface)
        return [shown.verdicts[0].verdict]

    assert words(5) == [REPRODUCED]
    assert words(-5) == [CONTRADICTED]
    assert words(5, "model=minilm") == words(5, "protocol.epochs=1") == [HOLDS_HERE]
    assert words(-5, "model=minilm", "protocol.epochs=1") == [FAILS_HERE]
    assert words(5, "seed=11,12,13,14,15") == [REPRODUCED]  # other seeds are no other recipe
    assert words(5, "seed=1,2,3") == [UNDECIDED]
    [few] = made((*FIGURE4, "seed=1,2,3"), gain(noisytune=5), stated).verdicts
    assert few.why.endswith("but 3 of the 5 declared seeds were run")


def right(gained: int) -> Callable[[RunConfig], np.ndarray]:
    """NoisyTune is right on ``gained`` more examples than plain fine-tuning, the same in every seed but for one."""

    def of(config: RunConfig) -> np.ndarray:
        correct = np.arange(EXAMPLES) < 180
        if "noisytune" in config.method:
            correct[180 : 180 + gained] = True
            correct[config.seed] = config.seed % 2 == 0
        return correct

    return of


def test_a_gain_on_few_examples_is_one_of_this_set_alone(record_of, monkeypatch):
    planned = load(*RTE)
    monkeypatch.setitem(planned.table, "claims", [claim()])
    [few], [many] = (
        build(planned, *predicted(planned, record_of, right(gained))).verdicts for gained in (5, 25)
    )
    assert (few.verdict, few.sentences) == (HOLDS_HERE, UNDECIDED)
    assert (many.verdict, many.sentences) == (HOLDS_HERE, HOLDS_HERE)
    [comparison] = few.comparisons
    # The mean difference of an example over five seeds: 5 gained always, 3 lost in one seed each.
    apart = np.zeros(EXAMPLES)
    apart[:5], apart[5:8] = 1, -0.2
    assert comparison.examples[0] == pytest.approx(100 * apart.std() / np.sqrt(EXAMPLES))
    assert comparison.examples[1] == EXAMPLES - 1


def test_without_predictions_or_scores_the_second_scope_says_so(made):
    missing, memory = made(RTE, gain(noisytune=5), claim(), claim(of="collapsed")).verdicts
    assert (missing.verdict, missing.sentences) == (HOLDS_HERE, PREDICTIONS_MISSING)
    assert memory.sentences == SEEDS_ALONE


def test_a_gain_that_a_control_has_as_well_is_not_the_noises(made):
    control = {"noisytune_gaussian_matched": 5}
    for size, word, says in ((0, HOLDS_HERE, False), (5, UNDECIDED, True), (9, FAILS_HERE, True)):
        [judged] = made(RTE, gain(noisytune=5, **(control | {next(iter(control)): size})), claim()).verdicts
        [against] = judged.controls
        assert (judged.verdict, against.verdict) == (HOLDS_HERE, word)
        assert against.why.startswith("not the noise's") == says
        assert [comparison.others for comparison in against.comparisons] == [
            "minilm noisytune_gaussian_matched"
        ]
    [judged] = made(RTE, gain(), claim()).verdicts  # no gain: there is nothing to take away
    assert "not the noise's" not in judged.controls[0].why


def test_a_control_that_was_not_run_is_not_measured(made):
    [judged] = made((*RTE, "method=[],[noisytune]"), gain(noisytune=5), claim()).verdicts
    assert [against.verdict for against in judged.controls] == [NOT_MEASURED]
    [judged] = made((*RTE, "method=[]"), gain(), claim()).verdicts
    assert (judged.verdict, judged.controls) == (NOT_MEASURED, ())  # it would say the same again


def test_a_control_that_was_run_in_part_takes_no_gain_away(made, record_of, monkeypatch):
    planned = load(*RTE)
    monkeypatch.setitem(planned.table, "claims", [claim()])
    control = "noisytune_gaussian_matched"
    for seeds in (1, 3):
        found = scored(planned, record_of, gain(noisytune=5))
        for run in planned.runs:
            if control in run.config.method and run.config.seed > seeds:
                del found[run.run_id]
        [judged] = build(planned, found).verdicts
        [against] = judged.controls
        assert (judged.verdict, against.verdict) == (HOLDS_HERE, UNDECIDED)
        assert against.why.startswith("whether the gain is the noise's is open; ")
        assert "not the noise's" not in against.why


def test_a_technique_beside_the_control_stands_for_a_technique_beside_the_method(made):
    table = (
        "hype/table16",
        "model=roberta_large",
        "task=rte",
        "method=[rdrop],[hype_n,rdrop],[no_dropout,rdrop]",
    )
    stated = claim(better={"method": ["hype_n", "rdrop"]}, than={"method": ["rdrop"]})
    [judged] = made(table, gain(hype_n=5, no_dropout=5), stated).verdicts
    assert [against.verdict for against in judged.controls] == [UNDECIDED]
    assert judged.controls[0].comparisons[0].others == "roberta_large no_dropout+rdrop"


def test_an_arm_with_more_tries_is_better_only_leak_free(made, record_of, monkeypatch):
    hype = claim(better={"method": ["hype_n"]} | BERT, than={"method": []} | BERT)
    techniques = claim(better={"method": ["hype_u"]} | BERT, than={"method": ["hype_n"]} | BERT)
    searched, equal = made(HYPE, gain(hype_n=5, hype_u=9), hype, techniques).verdicts
    assert (searched.verdict, equal.verdict) == (UNDECIDED, REPRODUCED)
    assert "settings tried: 2 against 1 (the paper: 8 against 4); no leak-free score" in searched.why
    assert searched.why.startswith("reproduced by the paper's rule")
    loss = hype | {"better": {}, "lower": hype["better"]}
    assert made(HYPE, gain(hype_n=-5), loss).verdicts[0].verdict == REPRODUCED  # the search did not help it

    planned = load(*HYPE)
    monkeypatch.setitem(planned.table, "claims", [hype])

    def answers(config: RunConfig) -> np.ndarray:
        return np.random.default_rng(config.seed).random(EXAMPLES) < (0.9 if config.method else 0.6)

    [fair] = build(planned, *predicted(planned, record_of, answers)).verdicts
    assert (fair.verdict, fair.why.endswith("by the leak-free rule reproduced")) == (REPRODUCED, True)


def test_runs_that_stand_in_for_others_count_once(made):
    table = ("noisytune/table3", "model=xlm_roberta_base", "task=udpos")
    stated = claim(where=["pos"])
    shown = made(table, gain(noisytune=5), stated)
    [judged] = shown.verdicts
    assert len(judged.comparisons) == 1
    numbers = shown.numbers[shown.numbers["task"] == "pos"]
    assert numbers["stands_in"].tolist() == [False] * 3 + [True] * 3
    tests = numbers["difference_p"].dropna().tolist()
    assert len(tests) == 4
    assert tests[:2] == tests[2:]
    assert max(tests) <= 2 * numbers["difference_p_alone"].max()  # two tests, not four
    cells = [cell for row in shown.sections[0].rows for cell in row if "stands in" in cell]
    assert len(cells) == 3
    assert any("stand in" in note for note in shown.notes)
    assert len(distinct(shown.frame)) == len(shown.frame[shown.frame["task"] == "pos"]) / 2


def test_every_form_has_both_scopes_controls_and_the_head(record_of, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("COLUMNS", "300")
    planned = load(*RTE)
    monkeypatch.setitem(planned.table, "claims", [claim()])
    records = scored(planned, record_of, gain(noisytune=5, noisytune_gaussian_matched=5))
    report.write(planned, records, tmp_path)
    texts = [capsys.readouterr().out]
    texts += [(tmp_path / f"table.{end}").read_text() for end in ("md", "tex", "html")]
    for text in texts:
        plain = text.replace("\\", "").lower()
        assert (
            "claims hold here or fail here" in plain.split("mnli")[0].split("begin{itemize}")[0]
            or "tex" in text
        )
        for said in (HOLDS_HERE, PREDICTIONS_MISSING, "on this evaluation set", "for sentences like these"):
            assert said in plain
        assert "against the control noisytune" in plain
        assert "not the noise" in plain
    sheet = pd.read_csv(tmp_path / "claims.csv")
    assert sheet["verdict"].tolist() == [HOLDS_HERE] * 2
    assert sheet["for_sentences"].tolist() == [PREDICTIONS_MISSING] * 2
    assert sheet["control"].fillna("").tolist() == ["", "noisytune_gaussian_matched"]
    assert sheet["control_verdict"].fillna("").tolist() == ["", UNDECIDED]
    assert sheet[["tried_ours", "tried_others"]].to_numpy().tolist() == [[1, 1]] * 2
