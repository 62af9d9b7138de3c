from __future__ import annotations

import math
from collections.abc import Callable
from statistics import mean, stdev
from typing import Any

import pandas as pd
import pytest

from benchmark.errors import BenchmarkError
from benchmark.report.build import Report, build
from helpers.grids import load

DEMO, TABLE2 = "demo/noisytune", "noisytune/table2"
ONE, TWO = "task=opinion", "task=opinion,closeness"
PLAIN = {1: 80, 2: 82, 3: 84, 4: 86, 5: 88}  # mean 84, sample variance 40 / 4 = 10
NOISY = {1: 81, 2: 84, 3: 84, 4: 89, 5: 92}  # differences 1, 2, 0, 3, 4: mean 2, sample variance 2.5


@pytest.fixture
def table(records) -> Callable[..., Report]:
    def built(plain: dict[int, Any] = PLAIN, noisy: dict[int, Any] = NOISY, tasks: str = ONE) -> Report:
        return build(load(DEMO, tasks), records(load(DEMO, tasks), plain, noisy))

    return built


def row(table: Report, methods: str, task: str = "opinion") -> pd.Series:
    numbers = table.numbers
    return numbers[(numbers["methods"] == methods) & (numbers["task"] == task)].iloc[0]


def cells(table: Report, section: int) -> list[list[str]]:
    return [shown[2:] for shown in table.sections[section].rows]


def without(scores: dict[int, Any], *seeds: int) -> dict[int, Any]:
    return {seed: score for seed, score in scores.items() if seed not in seeds}


def notes(table: Report) -> str:
    return "\n".join(table.notes)


def test_a_cell_is_the_mean_and_the_sample_deviation_over_seeds(table):
    cell = row(table(), "")
    assert (cell.score_mean, cell.score_std, cell.score_n) == pytest.approx((84, math.sqrt(10), 5))


def test_the_interval_of_a_mean_is_students(table):
    cell, half = row(table(), ""), 2.776445 * math.sqrt(10 / 5)  # t(0.975; 4 degrees of freedom)
    assert (cell.score_low, cell.score_high) == pytest.approx((84 - half, 84 + half), abs=1e-4)


def test_a_method_is_compared_with_plain_fine_tuning_seed_by_seed(table):
    cell, half = row(table(), "noisytune"), 2.776445 * math.sqrt(2.5 / 5)
    assert cell.difference_mean == pytest.approx(2)
    assert (cell.difference_low, cell.difference_high) == pytest.approx((2 - half, 2 + half), abs=1e-4)


def test_a_table_shows_means_deviations_and_differences(table):
    assert cells(table(), 0) == [["84.00 ± 3.16 (5)"], ["86.00* ± 4.42 (5)"]]
    assert cells(table(), 1) == [["+2.00 [+0.04, +3.96]"]]


def test_a_mean_over_four_of_five_seeds_says_so(table):
    assert cells(table(plain=without(PLAIN, 5)), 0)[0] == ["83.00 ± 2.58 (4 of 5)"]


def test_a_difference_over_the_seeds_that_both_have_says_so(table):
    shown = table(plain=without(PLAIN, 5), noisy=without(NOISY, 1))  # differences 2, 0, 3
    assert cells(shown, 1)[0][0].startswith("+1.67 [")
    assert cells(shown, 1)[0][0].endswith("(3 of 5)")


def test_a_single_seed_has_no_spread(table):
    assert cells(table(plain={2: 82}, noisy={2: 84}), 0)[0] == ["82.00 (1 of 5)"]


def test_missing_runs_are_counted_in_a_note(table):
    assert "2 of 10 runs are missing" in notes(table(noisy=without(NOISY, 1, 2)))


def test_diverged_runs_are_counted_in_a_note(table):
    assert "1 of 10 runs diverged" in notes(table(noisy=NOISY | {3: None}))


def test_a_diverged_run_has_no_score_and_shortens_the_mean(table):
    assert cells(table(plain=PLAIN | {5: None}), 0)[0] == ["83.00 ± 2.58 (4 of 5)"]


def test_a_cell_whose_runs_all_diverged_says_so(table):
    shown = table(noisy=dict.fromkeys(NOISY))
    assert cells(shown, 0)[1] == ["diverged"]
    assert [section.title for section in shown.sections][1:] == ["Runs by their end"]
    assert cells(shown, 1) == [["5 finished"], ["5 diverged"]]


def test_collapsed_runs_are_counted_in_a_note(records):
    found = records(load(DEMO, ONE), PLAIN, NOISY)
    next(iter(found.values())).collapsed = ["validation"]
    assert "1 of 10 runs collapsed" in notes(build(load(DEMO, ONE), found))


def test_a_complete_table_has_no_note_of_missing_diverged_or_collapsed_runs(table):
    assert not any(word in notes(table()) for word in ("missing", "diverged", "collapsed"))


def test_a_table_without_a_single_run_says_what_is_missing_and_how_to_fill_it_in(table):
    shown = table({}, {}, TWO)
    assert {text for line in cells(shown, 0) for text in line} == {"missing"}
    assert "to fill them in: python -m benchmark.reproduce demo/noisytune" in notes(shown)


def test_the_best_mean_of_a_column_is_marked_and_a_single_row_is_not(table, records):
    assert [line[0].count("*") for line in cells(table(), 0)] == [0, 1]
    alone = load(DEMO, ONE, "method=[]")
    assert "*" not in cells(build(alone, records(alone, PLAIN, NOISY)), 0)[0][0]


def test_measured_stands_beside_published(records):
    section = published(records, "bert_base_uncased").sections[3]
    assert section.title.startswith("Measured − published")
    assert section.rows[0][2].endswith(" (67.7)")


def test_a_missing_run_costs_an_average_its_own_task_alone(records):
    planned = load(DEMO, TWO)
    found = records(planned, PLAIN, NOISY)
    for cell in planned.runs:
        if (cell.config.task.name, cell.config.seed) in (("closeness", 5), ("opinion", 1)):
            del found[cell.run_id]
    report = build(planned, found)
    for method, name in (("", "score_mean"), ("noisytune", "score_mean"), ("noisytune", "difference_mean")):
        opinion, closeness, average = (
            row(report, method, task)[name] for task in ("opinion", "closeness", "Avg.")
        )
        assert average == pytest.approx((opinion + closeness) / 2)  # the mean of the row
    assert row(report, "", "Avg.").score_n == 4
    whole = row(build(planned, records(planned, PLAIN, NOISY)), "noisytune", "Avg.")
    apart = [NOISY[seed] - PLAIN[seed] for seed in PLAIN]  # the same on both tasks
    assert (whole.difference_mean, whole.difference_std) == pytest.approx((mean(apart), stdev(apart)))


def test_an_average_with_a_run_missing_of_every_seed_is_not_missing(records):
    planned = load(DEMO, TWO)
    found = records(planned, PLAIN, NOISY)
    for cell in planned.runs:
        if cell.config.method and cell.config.task.name == ("closeness", "opinion")[cell.config.seed % 2]:
            del found[cell.run_id]
    report = build(planned, found)
    scores, differences = (
        next(s for s in report.sections if s.title.startswith(name)) for name in ("Score", "Diff")
    )
    assert scores.rows[1][-1].startswith("86.08 ± ")  # of 86.5 and 85.67
    assert differences.rows[0][-1].startswith("+2.")


def test_an_average_is_the_plain_mean_of_its_tasks(records):
    planned = load(DEMO, TWO)
    found = records(planned, PLAIN, NOISY)
    for cell in planned.runs:
        if cell.config.task.name == "closeness":
            found[cell.run_id].curve[0].scores = {"validation": {"pearson": 0.5}}
    assert row(build(planned, found), "", "Avg.").score_mean == pytest.approx((84 + 50) / 2)


def test_a_table_of_one_task_has_no_average(table):
    assert table().columns == ["Opinion (accuracy)"]


def test_a_changed_grid_says_how(table):
    assert "changed from the one declared: task=opinion." in notes(table())


def test_another_axis_makes_rows_of_its_own(records):
    planned = load(DEMO, ONE, "protocol.epochs=1,2")
    shown = build(planned, records(planned, PLAIN, NOISY))
    assert [line[0] for line in shown.sections[1].rows] == [
        f"Embedded protocol.epochs={epochs}" for epochs in (1, 1, 2, 2)
    ]


def published(records, model: str) -> Report:
    planned = load(TABLE2, f"model={model}", "task=rte,cola", "seed=1")
    return build(planned, records(planned, {1: 60.0}, {1: 62.0}))


def test_published_numbers_stand_beside_the_measured_ones(records):
    numbers = published(records, "bert_base_uncased").numbers
    tasks = numbers[numbers["task"].isin(["rte", "cola"])]
    printed = tasks.set_index("methods")["published"]
    assert printed.dropna().tolist() == [67.7, 58.1, 68.8, 59.0]
    assert printed["noisytune_gaussian_matched"].isna().all()  # the paper has no control


def test_published_rows_are_shown_as_printed_without_an_average_over_other_tasks(records):
    section = published(records, "bert_base_uncased").sections[4]
    assert section.rows[:2] == [
        ["BERT", "plain fine-tuning", "67.7", "58.1", "–"],
        ["BERT", "noisytune", "68.8", "59.0", "–"],
    ]


@pytest.mark.parametrize(("model", "others"), [("minilm", True), ("bert_base_uncased", False)])
def test_published_rows_of_other_models_are_said_to_be_so(model, others, records):
    assert ("for other models than" in notes(published(records, model))) == others


@pytest.mark.parametrize(("selection", "score"), [("last", 70), ("best", 90)])
def test_the_checkpoint_scored_is_the_one_that_the_protocol_selects(selection, score, record_of):
    planned = load(DEMO, ONE, "method=[]", "seed=1", f"protocol.selection={selection}")
    curve = [{"scores": {"validation": {"accuracy": value}}} for value in (0.5, 0.9, 0.7)]
    record = record_of(planned.runs[0].config, {"validation": {"accuracy": 0.7}}, curve=curve)
    shown = build(planned, {planned.runs[0].run_id: record})
    assert row(shown, "").score_mean == pytest.approx(score)
    assert f"Checkpoint scored: {selection}." in shown.notes


TWO_SETS = {"matched": {"accuracy": 0.8}, "mismatched": {"accuracy": 0.9}}


@pytest.mark.parametrize(
    ("task", "reported", "scores", "column", "score"),
    [
        (
            "mrpc",
            "[accuracy,f1]",
            {"validation": {"accuracy": 0.7, "f1": 0.8}},
            "MRPC (accuracy + f1)",
            75,
        ),
        ("mrpc", "[f1]", {"validation": {"accuracy": 0.7, "f1": 0.8}}, "MRPC (f1)", 80),
        (
            "mnli",
            "[matched/accuracy,mismatched/accuracy]",
            TWO_SETS,
            "MNLI (matched accuracy + mismatched accuracy)",
            85,
        ),
        ("mnli", "[mismatched/accuracy]", TWO_SETS, "MNLI (mismatched accuracy)", 90),
        ("mnli", "[accuracy]", TWO_SETS, "MNLI (accuracy)", 80),
    ],
)
def test_a_task_reports_the_mean_of_the_metrics_its_protocol_names(
    task, reported, scores, column, score, record_of
):
    planned = load(DEMO, f"task={task}", "method=[]", "seed=1", f"+protocol.report.{task}={reported}")
    shown = build(planned, {planned.runs[0].run_id: record_of(planned.runs[0].config, scores)})
    assert shown.columns == [column]
    assert row(shown, "", task).score_mean == pytest.approx(score)


def test_a_column_that_would_mix_metrics_is_refused(records):
    planned = load(DEMO, "task=mrpc", "protocol=noisytune,hype", "seed=1")
    with pytest.raises(
        BenchmarkError, match=r"mrpc is accuracy in some runs and f1 in others.*protocol\.report"
    ):
        build(planned, records(planned, {1: 60.0}, {1: 62.0}))


def test_a_published_number_of_another_metric_is_shown_with_a_note(records):
    narrow = ("model=bert_base_uncased", "task=mrpc,rte", "seed=1", "protocol.report.mrpc=[f1]")
    planned = load(TABLE2, *narrow)
    numbers = build(planned, records(planned, {1: 60.0}, {1: 62.0})).numbers.set_index(["task", "methods"])
    assert numbers.loc[("rte", ""), "published"] == 67.7
    assert numbers.loc["mrpc", "published"].dropna().tolist() == [87.1, 88.0]
    assert set(numbers.loc["mrpc", "published_note"]) - {""} == {"The paper's metric is accuracy; ours is f1"}
    assert set(numbers.loc["rte", "published_note"]) == {""}


def test_a_strength_is_part_of_a_method_and_compared_with_the_same_plain_runs(records):
    planned = load("hype/table8", "task=rte")
    shown = build(planned, records(planned, {1: 60, 2: 61, 3: 62}, {1: 61, 2: 62, 3: 63}))
    rows = [line[1] for line in shown.sections[0].rows]
    assert rows[:3] == ["plain fine-tuning", "hype_n sigma=1e-05", "hype_n sigma=0.0001"]
    assert len(shown.sections[1].rows) == 9
    rte = shown.numbers[shown.numbers["task"] == "rte"].set_index("methods")["published"]
    assert (rte[""], rte["hype_n sigma=0.01"], rte["hype_u sigma=0.0001"]) == (72.24, 74.13, 74.49)


def test_axes_that_do_not_tell_runs_of_a_task_apart_make_no_rows(records):
    planned = load("hype/table4", "model=deberta_base")
    assert len({cell.config.model.id for cell in planned.runs}) == 2
    shown = build(planned, {})
    assert [line[0] for line in shown.sections[0].rows] == ["DeBERTa"] * 3


def test_a_table_can_have_columns_of_its_own(record_of):
    planned = load("lnsr/table3", "task=rte", "seed=1")
    scores = {"validation": {"accuracy": 0.7}, "train": {"accuracy": 0.95}}
    found = {cell.run_id: record_of(cell.config, scores) for cell in planned.runs}
    shown = build(planned, found)
    numbers = shown.numbers[shown.numbers["methods"] == "lnsr"].set_index("task")["score_mean"]
    assert numbers.to_dict() == pytest.approx({"rte_train": 95, "rte": 70, "rte_gap": 25})
    assert shown.columns == ["RTE train (train accuracy)", "RTE (validation accuracy)", "RTE gap"]


def test_a_row_can_be_a_task(records):
    planned = load("hype/table7", "seed=1", "method=[]")
    shown = build(planned, {})
    names = [line[0] for line in shown.sections[0].rows]
    assert names == ["RoBERTa-large task=mnli_transfer", "RoBERTa-large task=snli_transfer"]
    numbers = shown.numbers[shown.numbers["task"] == "snli"]
    assert numbers["published"].tolist() == [90.67, 92.99]


def test_a_longer_training_has_its_own_published_row(records):
    planned = load("lnsr/table2", "task=rte", "seed=1")
    numbers = build(planned, {}).numbers
    published = {(row.variant, row.methods): row.published for row in numbers.itertuples()}
    assert published == {
        ("protocol.epochs=3", ""): 70.13,
        ("protocol.epochs=3", "ft_noise"): 70.62,
        ("protocol.epochs=3", "lnsr"): 73.31,
        ("protocol.epochs=4", ""): 70.69,
    }


def test_a_metric_that_was_not_measured_is_refused_by_name(record_of):
    planned = load(DEMO, "task=mrpc", "method=[]", "seed=1", "+protocol.report.mrpc=[f1]")
    record = record_of(planned.runs[0].config, {"validation": {"accuracy": 0.7}})
    with pytest.raises(BenchmarkError, match=r"a record of mrpc has no 'f1' among .*validation/accuracy"):
        build(planned, {planned.runs[0].run_id: record})


def test_a_record_that_cannot_be_used_is_not_called_a_run_that_was_not_made(tmp_path):
    planned = load(DEMO, "task=opinion", "method=[]", "seed=1,2", f"store='{tmp_path}'")
    (tmp_path / planned.runs[0].run_id).mkdir()
    says = "2 of 2 runs are missing (1 not run, 1 with a record that is damaged, cannot be read now, or was made from other data)"
    assert any(note.startswith(says) for note in build(planned, {}).notes)


def test_a_term_that_drowns_the_tasks_loss_has_a_note(records):
    planned = load(DEMO, ONE)
    found = records(planned, PLAIN, NOISY)
    noisy = [found[run.run_id] for run in planned.runs if run.config.method]
    for record, ratio in zip(noisy, (97.0, 11.0, 9.0, -12.0, 0.1), strict=True):
        record.terms = {"noisytune": ratio}
    line = "In 3 of 5 runs the term of noisytune is more than 10 times the task's loss at the first update (up to 97)"
    assert line in notes(build(planned, found))
