"""What is said of how far a grid or a run is."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from benchmark import progress
from benchmark.engines import machine
from benchmark.grids.grid import PlannedRun
from benchmark.progress import (
    CONTINUING,
    IMPORTING,
    IN_STORE,
    LOADING,
    PRETRAINED,
    Line,
    RunProgress,
    hearer,
    shown,
)
from benchmark.records.ongoing import notes
from benchmark.records.store import Store


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


@pytest.fixture
def cell(compose) -> PlannedRun:
    return PlannedRun(compose("seed=3"), (), "")


def test_progress_says_what_is_left_from_what_it_took_so_far(clock, cell):
    lines: list[str] = []
    shown = machine.GridProgress(8, 2, lines.append)
    clock.now += 30
    for _ in range(2):
        shown.finished(cell)
    shown.show(running=2, failed=0)
    assert lines == ["2/8 runs, 2 running, 30s so far, 1m30s left  (last: embedded opinion [] seed 3)\n"]


def test_progress_makes_no_guess_before_the_first_run_is_finished(clock):
    lines: list[str] = []
    shown = machine.GridProgress(4, 2, lines.append)
    clock.now += 30
    shown.show(running=2, failed=0)
    assert lines == ["0/4 runs, 2 running, 30s so far, …\n"]


def test_progress_counts_failures(clock, cell):
    lines: list[str] = []
    shown = machine.GridProgress(1, 1, lines.append)
    shown.finished(cell)
    shown.show(running=0, failed=1)
    assert "1/1 runs, 0 running, 0s so far, 0s left, 1 FAILED" in lines[0]


def test_progress_is_seldom_in_a_log(clock, cell):
    lines: list[str] = []
    shown = machine.GridProgress(100, 2, lines.append)
    for _ in range(9):
        clock.now += 1
        shown.finished(cell)
        shown.show(running=2, failed=0)
    assert lines == []


class Terminal(io.StringIO):
    """A terminal's stderr that keeps what is written."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def on_terminal(monkeypatch) -> Callable[[], Terminal]:
    """Puts a terminal in place of stderr, from its call on."""

    def made() -> Terminal:
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setenv("COLUMNS", "160")
        monkeypatch.setattr(sys, "stderr", Terminal())
        return sys.stderr

    return made


def test_progress_on_a_terminal_is_one_line_with_a_bar_and_the_method(clock, on_terminal, compose):
    terminal = on_terminal()
    shown = machine.GridProgress(2, 1)
    shown.phase("importing")
    for _ in range(2):
        clock.now += 100
        shown.finished(PlannedRun(compose("seed=3", "method=[hype_n]"), (), ""))
        shown.show(running=1, failed=0)
    sys.stderr.write("a warning\n")  # by rich above the bar
    shown.close()
    text = terminal.getvalue()
    assert "importing" in text
    assert "2/2 runs, 1 running" in text
    assert "━" in text
    assert "(last: embedded opinion [hype_n] seed 3)" in text
    assert "a warning\n" in text
    assert "\x1b[?25h" in text.rpartition("\x1b[?25l")[2]  # the cursor is back


def test_what_is_piped_stays_out_of_the_display(clock, on_terminal, monkeypatch):
    terminal = on_terminal()
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    line = Line()
    line.show("1/2 runs")
    print("a result")
    line.close()
    assert sys.stdout.getvalue() == "a result\n"
    assert "a result" not in terminal.getvalue()


def test_a_run_on_a_terminal_names_its_phases_and_itself(clock, on_terminal):
    terminal = on_terminal()
    tell = RunProgress(subject="minilm rte [lnsr] seed=1")
    for unit, done, total in (
        (IMPORTING, 0, 0),
        (CONTINUING, 14, 320),
        ("updates", 15, 320),
        ("evaluation sets", 0, 1),
    ):
        tell(unit, done, total)
    tell.line.close()
    text = terminal.getvalue()
    assert "minilm rte [lnsr] seed=1: importing" in text
    assert "minilm rte [lnsr] seed=1: continues from update 14 of 320" in " ".join(text.split())
    assert "minilm rte [lnsr] seed=1: evaluating, 0/1 evaluation sets" in text


def test_a_dumb_terminal_gets_lines(on_terminal, monkeypatch):
    on_terminal()
    monkeypatch.setenv("TERM", "dumb")
    assert not Line().live


def test_phases_are_named_in_a_log_once_they_are_long(clock):
    lines: list[str] = []
    tell = RunProgress(Line(lines.append))
    tell(IMPORTING, 0, 0)
    clock.now += 11
    tell(LOADING, 0, 0)
    clock.now += 1
    tell(CONTINUING, 14, 320)
    assert lines == ["loading data and model, 11s so far\n", "continues from update 14 of 320\n"]


def test_a_record_that_was_there_is_no_progress(clock):
    lines: list[str] = []
    tell = RunProgress(Line(lines.append))
    assert not tell.in_store
    clock.now += 60
    tell(IN_STORE, 0, 0)
    assert tell.in_store
    assert lines == []


def test_a_grids_note_is_there_while_it_goes_on(tmp_path, clock):
    store = Store(tmp_path)
    store.open()
    shown = machine.GridProgress(3, 2, [].append, store.folder, "demo/noisytune")
    shown.show(running=2, failed=1)
    [(name, facts, _)] = notes(store.folder)
    assert name.startswith("grid-")
    assert (facts["table"], facts["total"], facts["running"], facts["failed"]) == ("demo/noisytune", 3, 2, 1)
    shown.close()
    assert list(notes(store.folder)) == []


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0s"), (59.4, "59s"), (59.6, "1m00s"), (75, "1m15s"), (3661, "1h01m")]
)
def test_durations_are_told_in_two_units_at_most(seconds, text):
    assert progress.duration(seconds) == text


def test_a_run_tells_what_is_left_of_what_it_is_at(clock):
    lines: list[str] = []
    tell = RunProgress(Line(lines.append))
    tell("updates", 20, 100)  # continued from there
    clock.now += 10
    tell("updates", 40, 100)
    tell("updates", 41, 100)
    clock.now += 10
    tell("evaluation sets", 0, 3)
    clock.now += 10
    tell("updates", 50, 100)
    clock.now += 20
    tell("evaluation sets", 0, 3)
    assert lines == [
        "training, 40/100 updates, 10s so far, 30s left\n",
        "evaluating, 0/3 evaluation sets, 20s so far, …\n",
        "training, 50/100 updates, 30s so far, 50s left\n",
        "evaluating, 0/3 evaluation sets, 50s so far, …\n",
    ]


def test_a_short_run_tells_nothing(clock):
    lines: list[str] = []
    tell = RunProgress(Line(lines.append))
    clock.now += 4
    tell("updates", 3, 3)
    assert lines == []


def test_work_before_the_first_run_is_on_the_grids_line_and_in_its_note(clock, tmp_path):
    store = Store(tmp_path)
    store.open()
    lines: list[str] = []
    grid = machine.GridProgress(3, 2, lines.append, store.folder)
    for update in (0, 100, 200):
        grid.before(PRETRAINED, update, 1200)
        clock.now += 10
    [(_, facts, _)] = notes(store.folder)
    grid.show(running=2, failed=0)
    grid.close()
    assert facts["phase"] == "making an encoder (once)"
    assert lines == [
        "making an encoder (once), 100/1200 updates of pretraining, 10s so far, 1m50s left\n",
        "making an encoder (once), 200/1200 updates of pretraining, 20s so far, 1m40s left\n",
        "0/3 runs, 2 running, 30s so far, …\n",
    ]
    assert grid.idle == 20  # it is not counted as time of runs


def test_work_in_a_block_is_on_one_display_that_goes_at_its_end(on_terminal):
    terminal = on_terminal()
    with shown() as tell:
        tell("looking", 0, 0)
        hearer(progress.silence)("records looked up", 3, 8)
    text = terminal.getvalue()
    assert "looking" in text
    assert "3/8 records looked up" in text
    assert text.rpartition("looked up")[2].count("\x1b[2K") == 1  # the last thing done is to remove the line
    assert hearer(progress.silence) is progress.silence


def test_a_display_is_closed_by_an_error(on_terminal):
    terminal = on_terminal()

    def work() -> None:
        with shown() as tell:
            tell("looking", 0, 0)
            raise ValueError("wrong")

    with pytest.raises(ValueError, match="wrong"):
        work()
    assert "\x1b[?25h" in terminal.getvalue().rpartition("\x1b[?25l")[2]  # the cursor is back


def test_a_block_without_a_terminal_is_quiet_and_then_seldom(clock, capsys):
    with shown() as tell:
        for done in range(25):
            tell("tables judged", done, 25)
            clock.now += 1
    assert capsys.readouterr().err.count("\n") == 2
