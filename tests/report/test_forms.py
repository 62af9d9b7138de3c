from __future__ import annotations

import functools
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from benchmark import report
from benchmark.grids import grid
from benchmark.report import figures, latex, page, render
from benchmark.report.build import Report, build
from benchmark.report.numbers.statistics import estimate, paired_difference
from benchmark.report.sections import Section

DEMO = "demo/noisytune"
PLAIN, NOISY = {1: 80, 2: 82}, {1: 81, 2: 85}
VOID = {"meta", "link", "br", "img", "hr"}
GOLDEN = """\
# NoisyTune on the embedded tasks

Score: mean ± sample std (n seeds of 3); * best of its model

| Model    | Method            |    Opinion (accuracy) |
|----------|-------------------|----------------------:|
| Embedded | plain fine-tuning | 81.00 ± 1.41 (2 of 3) |
| Embedded | noisytune         | 83.00 ± 2.83 (2 of 3) |

Difference to plain fine-tuning, paired by seed: mean [95 % interval]

| Model    | Method    |              Opinion (accuracy) |
|----------|-----------|--------------------------------:|
| Embedded | noisytune | +2.00 [-10.71, +14.71] (2 of 3) |

p of the difference, corrected over the table (Holm)

| Model    | Method    | Opinion (accuracy) |
|----------|-----------|-------------------:|
| Embedded | noisytune |                0.3 |

Smallest true difference that these seeds find with 80% power

| Model    | Method    | Opinion (accuracy) |
|----------|-----------|-------------------:|
| Embedded | noisytune |              16.33 |

Uncertainty of the difference from the size of the evaluation set (95%)

| Model    | Method    | Opinion (accuracy) |
|----------|-----------|-------------------:|
| Embedded | noisytune |                  – |

- The grid was changed from the one declared: task=opinion, seed=1,2,3.
- 2 of 6 runs are missing (2 not run); to fill them in: python -m benchmark.reproduce demo/noisytune task=opinion seed=1,2,3
- Checkpoint scored: last.
- Measured with a processor, float32, torch 2.0.0, transformers 5.0.0, code 0123456789ab.
"""

load = functools.cache(lambda *changes: grid.load(DEMO, changes))


@pytest.fixture
def small(records) -> tuple[grid.Grid, dict[str, Any]]:
    planned = load("task=opinion", "seed=1,2,3")
    return planned, records(planned, PLAIN, NOISY)


@pytest.fixture
def written(small, tmp_path, capsys) -> Path:
    report.write(*small, tmp_path)
    capsys.readouterr()
    return tmp_path


def by_hand(text: str) -> Report:
    """A table with ``text`` wherever a table has text."""
    return Report(text, [text], [Section(text, [[text, text, text]])], [text], pd.DataFrame())


def test_a_small_table_is_this_markdown(small):
    assert render.markdown(build(*small)) == GOLDEN


def test_all_lines_of_a_markdown_table_are_equally_long(records):
    planned = load()
    lines = render.markdown(build(planned, records(planned, PLAIN, {1: 100, 2: 9}))).split("\n\n")
    tables = [block.splitlines() for block in lines if block.startswith("|")]
    assert [len({len(line) for line in table}) for table in tables] == [1] * 6


def test_the_terminal_shows_what_the_markdown_shows(small):
    shown = render.terminal(build(*small))
    assert all(text in shown for text in ("81.00 ± 1.41 (2 of 3)", "+2.00 [-10.71, +14.71] (2 of 3)"))


def test_the_terminal_shows_every_character_of_a_label():
    assert render.terminal(by_hand("BERT [draft]")).count("BERT [draft]") == 7


@pytest.mark.parametrize(
    ("plain", "escaped"), [("%", r"\%"), ("&", r"\&"), ("_", r"\_\allowbreak{}"), ("#", r"\#")]
)
def test_latex_escapes_what_it_would_not_print(plain, escaped):
    assert latex.latex(by_hand(f"a{plain}b")).count(f"a{escaped}b") == 7


@pytest.mark.parametrize("plain", ["{", "}", "$", "^", "~"])
def test_latex_escapes_the_rarer_characters_too(plain):
    assert f"a{plain}b" not in latex.latex(by_hand(f"a{plain}b"))


def test_latex_escapes_a_backslash_once():
    assert r"a\textbackslash{}b" in latex.latex(by_hand(r"a\b"))


def test_latex_has_a_column_for_every_cell(small):
    lines = latex.latex(build(*small)).splitlines()
    columns = next(line for line in lines if "begin{tabular}" in line).split("{")[-1].rstrip("}")
    assert {line.count(" & ") + 1 for line in lines if " & " in line} == {len(columns)}


def test_latex_has_a_label_a_caption_and_a_tabular_per_section_none_wider_than_a_page():
    wide = Section("Wide", [["model", f"method {i}", *["+65.05 [-0.51, +1.20]"] * 9] for i in range(50)])
    text = latex.latex(Report("A title", [f"task-{i}" for i in range(9)], [wide], [], pd.DataFrame()))
    assert (
        text.count(r"\begin{tabular}")
        == text.count(r"\caption{A title: Wide}")
        == text.count(r"\label{tab:a-title-")
    )
    rows = [line for line in text.splitlines() if " & " in line]
    assert {line.count("0.51") for line in rows} <= {0, 1, 2}
    assert max(map(len, (re.sub(r"[$\\]", "", line) for line in rows))) < 345 / 4.7
    assert sum(line.count("0.51") for line in rows) == 50 * 9


def test_latex_has_true_minus_signs_and_the_best_in_bold(small):
    text = latex.latex(build(*small))
    assert "$+2.00$ [$-10.71$, $+14.71$] (2 of 3)" in text
    assert r"83.00 {\footnotesize $\pm$ 2.83 (2 of 3)}" in text
    shown = latex._cell("66.80* ± 7.62 (5)")
    assert shown == r"\textbf{66.80}* {\footnotesize $\pm$ 7.62 (5)}"
    assert latex._tex("lr=1e-05, 2020-01 and -3") == r"lr=\allowbreak{}1e-05, 2020-01 and $-3$"


def test_csv_reads_back_to_the_numbers_of_the_table(small, written):
    numbers = build(*small).numbers
    names = [name for name in numbers if numbers[name].dtype.kind in "fi"]
    read = pd.read_csv(written / "table.csv")
    assert not read.select_dtypes(exclude="number").isna().to_numpy().any()
    np.testing.assert_allclose(read[names], numbers[names], atol=5e-5)


def test_csv_names_its_rows(written):
    read = pd.read_csv(written / "table.csv")
    assert read[["model", "methods", "task", "metric", "unit"]].values.tolist() == [
        ["embedded", "plain fine-tuning", "opinion", "accuracy", "percent"],
        ["embedded", "noisytune", "opinion", "accuracy", "percent"],
    ]


class Reader(HTMLParser):
    """Every tag that opens must close, in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.seen.append(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        self.seen.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_html_closes_every_tag_it_opens(written):
    assert Reader((written / "table.html").read_text()).open == []


def test_html_shows_tables_and_a_figure(written):
    seen = Reader((written / "table.html").read_text()).seen
    assert [seen.count(tag) for tag in ("table", "figure", "svg", "h1")] == [5, 1, 1, 1]


def test_html_shows_the_numbers_and_the_notes(written):
    text = Reader((written / "table.html").read_text()).text
    assert "81.00 ± 1.41 (2 of 3)" in text
    assert "2 of 6 runs are missing" in text


def test_html_needs_no_other_file(written):
    text = (written / "table.html").read_text()
    assert not any(word in text for word in ("<script", "<link", "<img", "@import"))


def test_html_is_for_small_and_dark_screens_and_has_one_main_part(written):
    text = (written / "table.html").read_text()
    assert 'name="viewport"' in text
    assert "prefers-color-scheme:dark" in text
    assert Reader(text).seen.count("main") == 1


def test_no_number_is_torn_and_long_text_is_wrapped():
    shown = page.page(by_hand("81.00 ± 1.41 (2 of 3)"), [])
    assert "white-space:nowrap" in shown
    assert "<td>81.00 ± 1.41 (2 of 3)</td>" in shown
    assert '<td class="long">' in page.page(by_hand("word " * 20), [])


def test_html_escapes_text():
    reader = Reader(page.page(by_hand("a < b & <i>c</i>"), []))
    assert "i" not in reader.seen
    assert reader.text.count("a < b & <i>c</i>") == 8


def test_a_table_without_differences_has_no_figure(records):
    planned = load("task=opinion", "seed=1,2,3")
    table = build(planned, records(planned, PLAIN, {}))
    assert figures.differences(table.numbers, table.labels) == ""


def test_the_same_numbers_give_the_same_figure(small):
    table = build(*small)
    one, other = (figures.differences(table.numbers, table.labels) for _ in range(2))
    assert one == other


def test_an_estimate_of_nothing_is_undefined():
    nothing = estimate(np.array([]))
    assert nothing.n == 0
    assert np.isnan([nothing.mean, nothing.std, nothing.low, nothing.high]).all()


def test_an_estimate_of_one_value_has_a_mean_and_no_spread():
    one = estimate(np.array([3.0]))
    assert (one.mean, one.n) == (3.0, 1)
    assert np.isnan([one.std, one.low, one.high]).all()


def test_an_estimate_of_two_values_has_the_interval_of_student():
    two = estimate(np.array([1.0, 3.0]))  # mean 2, std sqrt(2), t(0.975; 1) = 12.7062
    assert (two.mean, two.std, two.low, two.high) == pytest.approx((2, 2**0.5, -10.7062, 14.7062), abs=1e-4)


def test_an_estimate_of_equal_values_has_no_interval():
    same = estimate(np.full(4, 7.0))
    assert (same.mean, same.std) == (7, 0)
    assert np.isnan([same.low, same.high]).all()


def test_a_paired_difference_uses_only_seeds_that_both_have():
    difference = paired_difference({1: 5.0, 2: 7.0, 9: 100.0}, {1: 4.0, 2: 4.0, 3: 0.0})
    assert (difference.mean, difference.n) == (2.0, 2)


def test_a_paired_difference_without_common_seeds_is_undefined():
    assert paired_difference({1: 5.0}, {2: 4.0}).n == 0


def test_a_wide_table_is_turned_only_where_that_makes_it_narrower():
    few = Section("s", [["m", f"method-{i}", *["80.00 ± 1.00"] * 9] for i in range(2)])
    many = Section("s", [["m", f"method-{i}", *["80.00 ± 1.00"] * 2] for i in range(9)])
    shown = [
        render.terminal(Report("t", [f"task-{i}" for i in range(tasks)], [section], [], pd.DataFrame()), 60)
        for section, tasks in ((few, 9), (many, 2))
    ]
    assert ["Task" in text for text in shown] == [True, False]
