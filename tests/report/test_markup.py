"""Names in a report are shown as they are: no markup, formula, further column or terminal escape comes of them."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmark import report
from benchmark.__main__ import summary
from benchmark.command import carried_out
from benchmark.errors import BenchmarkError
from benchmark.grids import grid
from benchmark.printable import printable
from benchmark.records.record import Record
from benchmark.report.latex import _row
from benchmark.report.render import _markdown
from benchmark.report.shared import _no_formula

NAMES = [
    "=2+5|<b>x</b> & 50%_$a",
    "+1", "-2+3", "@SUM(A1)", "\t=1", "＝1+1", "'=1",
    "<script>alert(1)</script>",
    "[x](javascript:alert(1))", "![x](http://a/b.png)", "*x* _y_ `z` ~~w~~ $\\frac$ &lt;",
    "# x", "\x1b[31mred\x1b[0m", "a\nb", "a\r\n| b", "\u202eabc", "a\x00b", "\udc80",
    "\\input{x}", "^^5c", "$x", "/home/me/secret/m",
]  # fmt: skip


class Tags(HTMLParser):
    """The tags of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)


@pytest.fixture(params=NAMES, ids=range(len(NAMES)))
def folder(
    request: pytest.FixtureRequest, records: Callable[..., dict[str, Record]], tmp_path: Path
) -> tuple[Path, str]:
    """A report of a model with such a label, and the name."""
    planned = grid.load("demo/noisytune", ["task=opinion", "seed=1,2"])
    runs = [
        replace(one, config=replace(one.config, model=replace(one.config.model, label=request.param)))
        for one in planned.runs
    ]
    report.write(
        replace(planned, runs=runs), records(planned, {1: 80, 2: 82}, {1: 81, 2: 85}), tmp_path / "out"
    )
    return tmp_path / "out", request.param


def test_no_form_of_a_report_takes_a_name_for_markup(
    folder: tuple[Path, str], capsys: pytest.CaptureFixture[str]
) -> None:
    place, _ = folder
    markdown = (place / "table.md").read_text()
    rows = [line for line in markdown.splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in rows} == {4}
    assert not re.search(r"<\w|(?<!\\)\]\(|(?<!\\)`", markdown)
    page = (place / "table.html").read_text()
    assert Tags(page[: page.index("<figure")]).tags <= {
        "html", "head", "meta", "title", "style", "body", "main", "h1", "h2", "div", "table", "thead", "tr",
        "th", "tbody", "td",
    }  # fmt: skip
    for path in place.glob("*.svg"):
        assert not {"script", "b"} & {node.tag.rpartition("}")[2] for node in ElementTree.parse(path).iter()}
    for path in place.glob("*.csv"):
        with path.open(newline="") as file:
            cells = [cell for row in csv.reader(file) for cell in row]
        assert not [
            cell
            for cell in cells
            if cell.strip()[:1] in ("=", "@", "＝") or re.match(r"[+-](?!\d*\.?\d+$)", cell)
        ]
    tex = (place / "table.tex").read_text()
    bare = re.sub(r"\$(\\pm|\\dagger|[+-][\d.]+)\$", "", tex)
    assert not re.search(r"(?<!\\)\$|\\input|\^\^|\\\\\n[\[*]", bare)
    for text in (markdown, page, tex, *(path.read_text() for path in place.iterdir() if path.is_file())):
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202e]", text.replace("\n", ""))
        assert "/home/me" not in text
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202e]", capsys.readouterr().out)


def test_ordinary_text_stays_as_it_is() -> None:
    for text in (
        "66.80* ± 7.62 (5)",
        "+1.50 [-3.85, +6.85]",
        "child_tuning_d lr=1e-05",
        "R&D",
        "a_b (f1)",
        "* best",
    ):
        assert _markdown(text) == text
    for text in ("naïve", "日本語", "می\u200cشود", "👩\u200d🔬"):
        assert printable(text) == text
    for text in ("-0.5", "+3", "1e-5", "a=b", "–"):
        assert _no_formula(text) == text


def test_a_row_of_latex_does_not_begin_with_an_argument_of_the_line_above() -> None:
    assert _row(["[x]", "1"]) == r"{}[x] & 1 \\"


def test_the_line_of_a_run_has_no_escapes(records: Callable[..., dict[str, Record]]) -> None:
    planned = grid.load("demo/noisytune", ["task=opinion", "seed=1"])
    [record, *_] = records(planned, {1: 80}, {}).values()
    record.config["model"]["name"] = "\x1b]0;title\x07\n"
    line = summary(record)
    assert line.isprintable()
    assert r"\x1b]0;title\x07\n" in line


def test_a_refusal_has_no_escapes(capsys: pytest.CaptureFixture[str]) -> None:
    def work() -> int:
        raise BenchmarkError("unknown task '\x1b[2J'")

    assert carried_out(work) == 2
    assert capsys.readouterr().err == "error: unknown task '\\x1b[2J'\n"
