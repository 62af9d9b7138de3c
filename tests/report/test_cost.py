"""What a table says of the cost of methods, from hand-made times and memories."""

from __future__ import annotations

import functools
import math
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from benchmark import report
from benchmark.grids import grid
from benchmark.records.record import Record
from benchmark.report import latex, render
from benchmark.report.build import Report, build
from benchmark.report.numbers.cost import COLUMNS, TITLE

NARROW = ("task=opinion,closeness", "method=[],[rdrop]", "seed=range(1,4)")
MB = 1_000_000

load = functools.cache(lambda *changes: grid.load("demo/methods", changes))


def measure(record: Record, update: float, survey: float = 0.0, peak: int | None = None) -> None:
    """Let a run of 100 updates have taken so many seconds per update and for surveys, and so many bytes."""
    record.curve[-1].step = 100
    record.seconds.per_update, record.seconds.survey = update, survey
    record.memory.peak = peak


@pytest.fixture
def measured(records) -> Callable[..., tuple[grid.Grid, dict[str, Any]]]:
    """Plain fine-tuning: 10 ms and 100 MB. The method: twice the time on one task, eight times on the other."""

    def made(*changes: str) -> tuple[grid.Grid, dict[str, Any]]:
        planned = load(*(changes or NARROW))
        found = records(planned, {1: 80, 2: 80, 3: 80}, {1: 80, 2: 80, 3: 80})
        for cell in planned.runs:
            factor = {"opinion": 2, "closeness": 8}[cell.config.task.name] if cell.config.method else 1
            odd = 5 if cell.config.seed == 3 else 1  # one slow seed, which a median passes over
            survey = 1.0 if cell.config.method else 0.0
            measure(found[cell.run_id], 0.01 * factor * odd, survey, 100 * MB * factor)
        return planned, found

    return made


def cells(table: Report) -> list[list[str]]:
    section = next(section for section in table.sections if section.title == TITLE)
    assert section.columns == list(COLUMNS.values())
    return [row[1:] for row in section.rows]


def of_method(found: dict[str, Record], task: str | None = None) -> list[Record]:
    return [
        record
        for record in found.values()
        if record.config["method"] and task in (None, record.config["task"]["name"])
    ]


def test_costs_are_geometric_means_over_tasks_of_medians_over_seeds(measured):
    # Times 2 and 8: mean 4. Training 100 updates and a survey of 1 s: (2 + 1) / 1 and (8 + 1) / 1, mean sqrt(27).
    assert cells(build(*measured())) == [
        ["plain fine-tuning", "1.00× (10 ms)", "1.00× (1 s)", "1.00× (100 MB)"],
        ["rdrop", "4.00× (40 ms)", "5.20× (5.2 s)", "4.00× (400 MB)"],
    ]


def test_the_numbers_have_the_costs_of_every_task(measured):
    numbers = build(*measured()).numbers
    ours = numbers[numbers["methods"] == "rdrop"].set_index("task")
    assert ours["update_ratio"].to_dict() == pytest.approx({"opinion": 2, "closeness": 8, "Avg.": 4})
    assert ours["training_s"].to_dict() == pytest.approx(
        {"opinion": 3, "closeness": 9, "Avg.": math.sqrt(27)}
    )
    assert ours["memory_MB"].to_dict() == pytest.approx({"opinion": 200, "closeness": 800, "Avg.": 400})


def test_a_table_of_one_task_has_costs_too(measured):
    shown = build(*measured("task=opinion", *NARROW[1:]))
    assert cells(shown)[1][1] == "2.00× (20 ms)"
    assert list(shown.numbers["task"]) == ["opinion"] * 2


def test_a_system_that_does_not_tell_its_memory_leaves_the_times(measured):
    planned, found = measured()
    for record in found.values():
        record.memory.peak = None
    assert [row[1:] for row in cells(build(planned, found))] == [
        ["1.00× (10 ms)", "1.00× (1 s)", "–"],
        ["4.00× (40 ms)", "5.20× (5.2 s)", "–"],
    ]


def test_a_mean_over_some_of_the_tasks_is_not_shown(measured):
    planned, found = measured()
    for record in of_method(found, "closeness"):
        del found[record.run_id]
    assert cells(build(planned, found))[1] == ["rdrop", "–", "–", "–"]


def test_times_of_different_machines_are_not_compared(measured):
    planned, found = measured()
    for record in of_method(found):
        record.environment = record.environment | {"device": "another processor"}
    assert cells(build(planned, found))[1][1:] == ["– (40 ms)", "– (5.2 s)", "– (400 MB)"]


def test_a_method_without_plain_fine_tuning_has_no_ratio(measured):
    planned, found = measured("task=opinion", "method=[rdrop]", NARROW[2])
    assert cells(build(planned, found)) == [["rdrop", "– (20 ms)", "– (3 s)", "– (200 MB)"]]


def test_a_run_that_diverged_before_it_was_evaluated_is_no_obstacle(measured):
    planned, found = measured()
    for record in of_method(found):
        record.status, record.curve = "diverged", []
    assert cells(build(planned, found))[1] == ["rdrop", "4.00× (40 ms)", "–", "4.00× (400 MB)"]


def test_a_table_without_a_single_run_has_its_rows(records):
    planned = load(*NARROW)
    assert {text for row in cells(build(planned, {})) for text in row[1:]} == {"–"}


def test_only_a_table_that_asks_for_costs_shows_them(records):
    planned = grid.load("demo/noisytune", ("task=opinion",))
    shown = build(planned, records(planned, {1: 80}, {1: 80}))
    assert TITLE not in [section.title for section in shown.sections]


def test_every_form_shows_the_costs_under_their_own_headings(measured, tmp_path, capsys):
    planned, found = measured()
    report.write(planned, found, tmp_path)
    texts = [capsys.readouterr().out, *((tmp_path / f"table.{end}").read_text() for end in ("md", "html"))]
    texts.append((tmp_path / "table.tex").read_text())
    for text in texts:
        assert all(part in text for part in (TITLE, *COLUMNS.values(), "4.00× (40 ms)")), text
    read = pd.read_csv(tmp_path / "table.csv")
    assert read["update_ms"].tolist() == pytest.approx([10, 10, 10, 20, 80, 40])


def test_a_narrow_terminal_does_not_turn_the_costs(measured):
    lines = render.terminal(build(*measured()), 60).splitlines()
    assert any(line.split()[:1] == ["Model"] and "Peak memory" in line for line in lines)


def test_latex_has_room_for_the_costs_beside_a_single_task(measured):
    tabulars = latex.latex(build(*measured("task=opinion", *NARROW[1:]))).split(r"\begin{tabular}")[1:]
    assert any("Peak memory" in tabular for tabular in tabulars)
    for tabular in tabulars:
        columns = tabular[1 : tabular.index("}")]
        rows = [line for line in tabular.splitlines() if " & " in line]
        assert {line.count(" & ") + 1 for line in rows} == {len(columns)}


def test_a_report_needs_no_torch():
    code = "import sys, benchmark.report; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
