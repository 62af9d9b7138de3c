"""Printed numbers beside ours: shown wherever they exist, with a footnote where something is to be said."""

from __future__ import annotations

import numpy as np
import pytest

from benchmark.report import latex, page, render
from benchmark.report.build import build
from helpers.grids import load

PLAIN, METHOD = {1: 70.0, 2: 71.0, 3: 73.0}, {1: 71.0, 2: 73.0, 3: 74.0}


@pytest.fixture
def table(records):
    def built(name: str, *changes: str):
        planned = load(name, *changes)
        return build(planned, records(planned, PLAIN, METHOD))

    return built


def section(report, title):
    [found] = [one for one in report.sections if one.title.startswith(title)]
    return found


def cell(report, methods, task):
    numbers = report.numbers.set_index(["methods", "task"])
    return numbers.loc[(methods, task)]


def footnote(report, marked: str) -> str:
    number = marked[marked.index("[") :]
    [line] = [note for note in report.notes if note.startswith(number)]
    return line


def test_a_footnote_stands_behind_its_number_in_every_form(table):
    report = table("hype/table18", "method.hype_n.layers=null")
    printed = section(report, "Published").rows[0][-1]
    assert printed.startswith("79.31 [")
    assert footnote(report, printed).endswith("The mean of its row is 79.15.")
    [beside] = [row for row in section(report, "Measured").rows if row[1] == "plain fine-tuning"]
    assert beside[-1].endswith(printed[5:])
    assert cell(report, "", "Avg.")["published_note"] == "The mean of its row is 79.15"
    for form in (render.markdown, latex.latex, lambda of: page.page(of, []), render.terminal):
        assert "The mean of its row is 79.15." in form(report).replace("\n", " ")
    assert printed in render.markdown(report)


def test_a_whole_row_is_marked_at_its_method(table):
    report = table("hype/table5", "method=[],[mixout]", "task=rte,mrpc")
    rows = {row[1].partition(" ")[0]: row[1] for row in section(report, "Published").rows}
    assert footnote(report, rows["mixout"]).endswith("copied (starred in the table).")
    assert "F1" in footnote(report, rows["lnsr"])
    assert "[" not in rows["hype_n"]
    assert "copied" in cell(report, "mixout", "mrpc")["published_note"]


def test_population_deviations_are_made_sample_deviations_before_they_are_compared(table):
    report = table("hype/table1", "model=bert_large_uncased", "task=rte")
    stds = section(report, "Sample std")
    assert stds.title == "Sample std over seeds (published, which n divides, × 1.2247)"
    assert cell(report, "", "rte")["published_std"] == 2.18
    assert cell(report, "", "rte")["published_sample_std"] == pytest.approx(2.18 * np.sqrt(1.5))
    assert stds.rows[0][2].startswith(f"{np.std([*PLAIN.values()], ddof=1):.2f} (2.67) [")
    assert any("34 cannot be anything else" in note for note in report.notes)


def test_deviations_of_a_paper_that_does_not_show_its_divisor_stay_as_printed(table):
    report = table("lnsr/table1", "task=rte", "method=[]")
    assert section(report, "Sample std").title == "Sample std over seeds (published)"
    assert "published_sample_std" not in report.numbers
    assert section(report, "Maximum").rows[0][2] == "73.00 (72.56)"


def test_a_number_in_another_metric_is_shown_and_hides_no_average(table):
    report = table("noisytune/table3", "seed=11", "model=xlm_roberta_base", "task.setting=zero_shot")
    printed = dict(zip(report.columns, section(report, "Published").rows[0][2:], strict=True))
    [bucc] = [text for name, text in printed.items() if name.startswith("BUCC (bucc2018 f1)")]
    assert bucc.startswith("77.6 [")
    assert footnote(report, bucc).endswith("The paper's metric is accuracy; ours is bucc2018/f1.")
    assert printed["Avg."] == "70.0" + bucc[4:]
    assert cell(report, "", "bucc")["published"] == 77.6
    assert cell(report, "noisytune", "Avg.")["published"] == 70.5
    assert "metric is accuracy" in cell(report, "", "Avg.")["published_note"]


def test_no_gap_is_computed_between_two_metrics(table):
    report = table(
        "noisytune/table2", "model=bert_base_uncased", "task=mrpc,rte", "protocol.report.mrpc=[f1]"
    )
    mrpc, rte = section(report, "Measured").rows[0][2:4]
    assert mrpc.startswith("– (87.1) [")
    assert rte == "+3.63 (67.7)"


def test_every_printed_number_of_a_table_of_gaps_is_shown(table):
    report = table("lnsr/table3", "seed=11")
    row = section(report, "Published").rows[0][2:]
    assert "–" not in row
    assert [text.partition(" ")[0] for text in row[:3]] == ["95.89", "70.13", "25.76"]
    assert footnote(report, row[8]).endswith("The difference of its two scores is 36.15.")


def test_a_table_of_maxima_is_compared_with_maxima(table):
    report = table("lnsr/table5", "task=rte", "method.lnsr.layer=1")
    assert section(report, "Maximum").rows[0][2] == "74.00 (79.10)"
    assert not any("for other models" in note for note in report.notes)


def test_sentences_and_p_values_that_do_not_hold_are_notes_below_their_table(table):
    notes = table("lnsr/pvalues", "task=rte").notes
    assert "Printed p 9.7e-07 of rte: Welch's test of the printed moments gives 3.3e-08." in notes
    report = table("hype/table1", "model=xlnet_large_cased", "task=rte")
    assert any(
        "XLNet gains 7.45 on average. Its tables say: 10.45 (HyPe-N)." in note for note in report.notes
    )


def test_a_table_without_anything_to_say_has_no_footnotes(table):
    report = table("noisytune/table2", "model=bert_base_uncased", "task=rte")
    assert "published_note" not in report.numbers
    assert not any(note.startswith("[") for note in report.notes)
