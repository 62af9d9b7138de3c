"""A few dozen mangled configurations, data and models end as they should; `make fuzz` tries thousands."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

from benchmark.errors import BenchmarkError
from benchmark.progress import Tell
from helpers.fuzz import configurations, data_folders, model_folders
from helpers.fuzz.tries import DIVERGED, RAN, REFUSED, STOPPED, Fault, Try, judged

TRIES = 24


@pytest.mark.parametrize("generator", [configurations, data_folders, model_folders])
def test_mangled_input_is_refused_in_a_line_or_runs_as_it_should(
    generator: ModuleType, tmp_path: Path
) -> None:
    generator.prepare(tmp_path)
    ends = set()
    for number in range(TRIES):
        this = generator.make(number, tmp_path)
        try:
            end, _ = judged(this)
        except Fault as fault:
            pytest.fail(f"{generator.__name__} {number}: {this.said}: {fault}")
        ends.add(end)
    assert {RAN, REFUSED} <= ends <= {RAN, REFUSED, STOPPED, DIVERGED}


def test_a_try_can_be_repeated_by_its_number(tmp_path: Path) -> None:
    for folder in (tmp_path / "a", tmp_path / "b"):
        data_folders.prepare(folder)
    first, second = (data_folders.make(7, tmp_path / name).said for name in "ab")
    assert first == second
    assert first != data_folders.make(8, tmp_path / "a").said


def raising(error: Exception, updates: int = 0) -> Try:
    def act(tell: Tell) -> list:  # type: ignore[type-arg]
        if updates:
            tell("updates", updates, 9)
        raise error

    return Try("", act)


@pytest.mark.parametrize(
    ("this", "fault"),
    [
        (raising(ValueError("x")), "traceback"),
        (raising(BenchmarkError("x"), updates=1), "refused after 1 updates"),
        (raising(BenchmarkError("")), "without a word"),
        (raising(BenchmarkError("x" * 5000)), None),  # shortened
        (Try("", lambda tell: [], valid=False), "ran, and must be refused"),
        (Try("", raising(BenchmarkError("x")).act, valid=True), "refused, and must run: x"),
    ],
)
def test_a_fault_is_seen(this: Try, fault: str | None) -> None:
    if fault is None:
        assert judged(this)[0] == REFUSED
        return
    with pytest.raises(Fault, match=fault):
        judged(this)
