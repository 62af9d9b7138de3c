"""What is said of how far a grid or a run is."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from benchmark import progress
from benchmark.engines import machine
from benchmark.grids.grid import PlannedRun
from benchmark.progress import Line, RunProgress


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
    assert lines == ["2/8 runs, 2 running, 30s so far, 1m30s left  (last: embedded opinion seed 3)\n"]


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


def test_progress_on_a_terminal_overwrites_its_line(clock, cell, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    lines: list[str] = []
    shown = machine.GridProgress(2, 1, lines.append)
    for _ in range(2):
        clock.now += 100
        shown.finished(cell)
        shown.show(running=1, failed=0)
    assert [line[0] for line in lines] == ["\r", "\r"]
    assert len(lines[0]) <= len(lines[1])


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
        "40/100 updates, 10s so far, 30s left\n",
        "0/3 evaluation sets, 20s so far, …\n",
        "50/100 updates, 30s so far, 50s left\n",
        "0/3 evaluation sets, 50s so far, …\n",
    ]


def test_a_short_run_tells_nothing(clock):
    lines: list[str] = []
    tell = RunProgress(Line(lines.append))
    clock.now += 4
    tell("updates", 3, 3)
    assert lines == []
