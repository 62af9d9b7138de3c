"""The stage that runs the tests for a GPU says once why several of them failed."""

from __future__ import annotations

from benchmark.speed.cuda_tests import by_reason


def test_failed_tests_are_grouped_by_their_reason() -> None:
    lines = [
        "..F.E",
        "FAILED test_a.py::test_two - RuntimeError: Invalid",
        "ERROR test_b.py::test_three",
        "2 failed, 1 passed in 3.00s",
    ]
    assert by_reason(lines[:1] + lines[-1:]) == {}
    assert by_reason(lines) == {
        "RuntimeError: Invalid": ["test_a.py::test_two"],
        "no reason given": ["test_b.py::test_three"],
    }
