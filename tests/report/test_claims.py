"""Verdicts on claims, from hand-made scores."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from benchmark import report
from benchmark.config.schema import RunConfig
from benchmark.grids import grid
from benchmark.report import claims_sheet as sheet
from benchmark.report import judge
from benchmark.report.build import build
from benchmark.report.judge import CONTRADICTED, NOT_MEASURED, REPRODUCED, UNDECIDED, Verdict, tempered
from benchmark.report.paired_tests import Comparison
from benchmark.report.words import FAILS_HERE, HOLDS_HERE, UNTESTABLE
from helpers.claims import reported, table, verdicts_on
from helpers.grids import load

TABLE2 = "noisytune/table2"
ONE_MODEL = "model=minilm"


def scored(planned: grid.Grid, record_of: Any, score: Any) -> dict[str, Any]:
    """A record per cell with the score in percent that ``score(config)`` gives, on every set and metric."""
    found = {}
    for cell in planned.runs:
        by_metric = dict.fromkeys(("accuracy", "f1", "matthews_correlation", "pearson", "spearman"))
        by_set = {
            name: dict.fromkeys(by_metric, score(cell.config) / 100) for name in cell.config.task.evaluate
        }
        found[cell.run_id] = record_of(cell.config, by_set)
    return found


def noise(config: RunConfig, size: float = 1.0) -> float:
    """The same for the same run, and not to be told from chance."""
    text = f"{config.task.name} {sorted(config.method)} {config.seed} {config.method}"
    return size * float(np.random.default_rng(list(text.encode())).normal())


def verdicts(planned: grid.Grid, record_of: Any, score: Any) -> list[Verdict]:
    return verdicts_on(planned, scored(planned, record_of, score))


def gain(size: float) -> Any:
    return lambda config: 70 + config.seed + size * bool(config.method) + noise(config, 0.1)


def test_a_gain_everywhere_reproduces_and_a_loss_contradicts(record_of):
    planned = load(TABLE2, ONE_MODEL)
    better, worse, same = (verdicts(planned, record_of, gain(size)) for size in (5, -5, 0))
    assert [one.verdict for one in better[:2]] == [HOLDS_HERE] * 2
    assert better[0].why == "9 of 9 comparisons as claimed"
    assert [one.verdict for one in worse[:2]] == [FAILS_HERE] * 2
    assert [one.verdict for one in same[:2]] == [UNDECIDED] * 2
    assert "seeds would decide" in same[0].why


def test_one_column_that_does_not_gain_leaves_a_claim_on_every_column_open(record_of):
    def score(config: RunConfig) -> float:
        return gain(5 * (config.task.name != "rte"))(config)

    first, average, small, *_ = verdicts(load(TABLE2, ONE_MODEL), record_of, score)
    assert (first.verdict, first.why.split(";")[0]) == (UNDECIDED, "8 of 9 comparisons as claimed")
    assert average.verdict == HOLDS_HERE
    # One of three small sets gains less than the others, and two of three are most.
    assert (small.verdict, small.why.split(";")[0]) == (
        UNDECIDED,
        "0 of 3 comparisons as claimed, 1 the other way",
    )


def test_chance_alone_decides_few_claims(record_of):
    """Noise alone, ten times: at a level of 5 % a false verdict is rare."""
    words = []
    for shift in range(10):
        found = verdicts(
            load(TABLE2, ONE_MODEL),
            record_of,
            lambda config, shift=shift: 70 + noise(replace(config, seed=config.seed + 100 * shift)),
        )
        words += [one.verdict for one in found]
    assert words.count(NOT_MEASURED) == 10  # the claim on sizes of training sets, which are all alike here
    assert words.count(UNDECIDED) >= 0.9 * (len(words) - 10)


def test_what_was_left_out_keeps_a_claim_from_being_reproduced(record_of):
    planned = load(TABLE2, ONE_MODEL, "task=rte,wnli")
    every, average, gains, *_ = verdicts(planned, record_of, gain(5))
    assert every.verdict == average.verdict == UNDECIDED
    assert "but task=mnli,qnli,qqp,sst2,mrpc,cola,stsb was left out" in every.why
    assert gains.verdict == NOT_MEASURED
    assert verdicts(planned, record_of, gain(-5))[0].verdict == FAILS_HERE


def test_verdicts_on_other_models_say_so(record_of):
    planned = load(TABLE2, ONE_MODEL)
    notes = build(planned, scored(planned, record_of, gain(5))).notes
    assert any("The verdicts are about MiniLM" in note for note in notes), notes
    declared = load(TABLE2, "model=bert_base_uncased")
    shown = build(declared, scored(declared, record_of, gain(5)))
    assert not any("The verdicts are about" in note for note in shown.notes)
    assert shown.verdicts[0].verdict == UNDECIDED  # three models were not run


def test_a_table_without_runs_has_nothing_measured():
    assert {one.verdict for one in build(load(TABLE2, ONE_MODEL), {}).verdicts} == {NOT_MEASURED}


def test_one_seed_decides_nothing(record_of):
    found = verdicts(load(TABLE2, ONE_MODEL, "seed=1"), record_of, gain(10))
    assert {one.verdict for one in found if one.id != "N5"} == {UNDECIDED}  # sizes are all alike here
    assert "one seed shows no spread" in found[0].why


def test_every_pair_of_values_has_to_hold_and_an_optimum_is_two_contrasts(record_of):
    """Figure 6: 0.1 and 0.15 against smaller and larger values, against both, and each against plain fine-tuning."""

    def score(config: RunConfig) -> float:
        strength = config.method.get("noisytune", {}).get("intensity", 0)
        return 70 + config.seed - 40 * abs(strength - 0.125) + noise(config, 0.05)

    found = verdicts(load("noisytune/figure6", ONE_MODEL), record_of, score)
    assert [len(one.comparisons) for one in found] == [2, 1, 2]
    assert [one.verdict for one in found] == [HOLDS_HERE] * 3


def test_settings_are_compared_at_equal_values_of_other_axes(record_of):
    planned = load("noisytune/figure4", ONE_MODEL)
    every, larger = verdicts(planned, record_of, gain(5))
    assert len(every.comparisons) == 10  # one per share
    assert [c.n for c in larger.comparisons] == [5]  # the slope of the gain over all ten shares
    assert (every.verdict, larger.verdict) == (HOLDS_HERE, UNDECIDED)


def test_a_claim_about_spread_compares_spreads(record_of):
    def score(config: RunConfig) -> float:
        return 70 + noise(config, 0.2 if config.method else 4.0)

    [found] = verdicts(load("lnsr/figure2", ONE_MODEL), record_of, score)
    assert found.verdict == HOLDS_HERE
    [found] = verdicts(load("lnsr/figure2", ONE_MODEL), record_of, lambda c: 70 + noise(c))
    assert found.verdict == UNDECIDED


def test_a_gap_is_better_where_it_is_lower(record_of):
    planned = load("lnsr/table3", "task=rte,mrpc,cola,stsb")
    found = {}
    for cell in planned.runs:
        gap = (0.1 if cell.config.method else 0.3) + noise(cell.config, 0.01)
        names = ("accuracy", "f1", "matthews_correlation", "pearson", "spearman")
        sets = {"train": dict.fromkeys(names, 0.6 + gap), "validation": dict.fromkeys(names, 0.6)}
        found[cell.run_id] = record_of(cell.config, sets)
    table = build(planned, found)
    assert [one.verdict for one in table.verdicts] == [REPRODUCED]
    best = table.numbers[table.numbers["best"]].set_index(["model", "task"])["methods"]
    assert (best["bert_large_uncased", "rte_gap"], best["bert_large_uncased", "rte_train"]) == ("lnsr", "")


def compared(column: str, toward: float, p: float) -> Comparison:
    return Comparison(column, "ours", "others", toward, 5, p, lambda _: 7)


def test_a_number_of_columns_is_enough():
    claim = {"says": "on 2 of 3", "where": 2}
    yes, no, maybe = ((1.0, 1e-6), (-1.0, 1e-6), (1.0, 0.4))

    def word(*columns: tuple[float, float]) -> str:
        made = [compared(str(i), *one) for i, one in enumerate(columns)]
        return judge.verdict(claim, made).verdict

    assert word(yes, yes, no) == REPRODUCED
    assert word(yes, yes, maybe) == REPRODUCED
    assert word(yes, no, maybe) == UNDECIDED
    assert word(yes, no, no) == CONTRADICTED
    assert word(no) == UNDECIDED  # one column tells nothing of two of three


def test_a_number_of_comparisons_or_most_of_them_is_enough():
    yes, no, maybe = ((1.0, 1e-6), (-1.0, 1e-6), (1.0, 0.4))

    def word(at_least: Any, *pairs: tuple[float, float]) -> str:
        claim = {"says": "usually", "where": "every column", "at_least": at_least}
        return judge.verdict(claim, [compared("rte", *one) for one in pairs]).verdict

    assert word(2, yes, yes, no) == word("most", yes, yes, maybe) == REPRODUCED
    assert word(3, yes, yes, no) == word("most", yes, no, no) == CONTRADICTED
    assert word("most", yes, no, maybe) == word("most", yes, yes, maybe, maybe) == UNDECIDED
    assert word(None, yes, yes, maybe) == UNDECIDED
    assert word(None, yes, yes, yes) == REPRODUCED
    assert word(4, yes, yes, yes) == UNDECIDED
    # Two of three have p = .04: half of it is below .025 and twice that half is not.
    weak = (1.0, 0.04)
    assert word(2, weak, weak, maybe) == UNDECIDED
    assert word(None, weak, weak, weak) == REPRODUCED


def test_seeds_to_decide_are_the_fewest_that_contradict_or_the_most_that_reproduce():
    claim = {"says": "everywhere", "where": "every column"}
    made = [
        Comparison("a", "x", "y", 1.0, 5, 0.5, lambda _: 50),
        Comparison("b", "x", "y", 1.0, 5, 0.5, lambda _: 90),
    ]
    assert judge.verdict(claim, made).why.endswith("about 90 seeds would decide")
    against = Comparison("c", "x", "y", -1.0, 5, 0.5, lambda _: 300)
    assert judge.verdict(claim, [*made, against]).why.endswith("about 300 seeds would decide")


def test_what_the_leak_free_rule_does_not_bear_out_is_left_open():
    def found(word: str) -> list[Verdict]:
        return [Verdict("s", word, "w")]

    assert tempered(found(REPRODUCED), found(UNDECIDED))[0].verdict == UNDECIDED
    assert tempered(found(REPRODUCED), found(REPRODUCED))[0].verdict == REPRODUCED
    assert tempered(found(CONTRADICTED), found(REPRODUCED))[0].verdict == UNDECIDED
    assert "by the leak-free rule undecided" in tempered(found(REPRODUCED), found(UNDECIDED))[0].why


def test_every_form_shows_the_verdicts(record_of, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")  # no line is broken
    planned = load("noisytune/figure4", ONE_MODEL)
    report.write(planned, scored(planned, record_of, gain(5)), tmp_path)
    texts = [capsys.readouterr().out]
    texts += [(tmp_path / f"table.{end}").read_text() for end in ("md", "tex", "html")]
    for text in texts:
        assert "NoisyTune is better at every share" in text
        assert HOLDS_HERE in text
    lines = (tmp_path / "claims.csv").read_text().splitlines()
    assert len(lines) == 1 + 10 + 1


def test_a_claim_that_cannot_be_tested_has_its_reason_for_a_verdict(record_of: Any) -> None:
    reason = "no grid has all models"
    stated = {"id": "N20", "says": "it is universal", "untestable": reason}
    better = {"better": {"method": ["noisytune"]}, "than": {"method": []}}
    planned = table([stated, better], controls=[["noisytune"]])
    [judged, _] = reported(planned, record_of, gain(5)).verdicts
    assert (judged.verdict, judged.sentences, judged.why) == (UNTESTABLE, UNTESTABLE, reason)
    assert (judged.kind, judged.comparisons, judged.controls) == ("", [], ())
    assert tempered([judged], [judged], changed=True) == [judged]
    row = sheet.numbers([judged]).iloc[0]
    assert (row["id"], row["verdict"], row["why"]) == ("N20", UNTESTABLE, reason)
