"""SWA evaluates the average that PyTorch's own class makes of the last weights."""

from __future__ import annotations

import pytest

from benchmark.config.schema import TaskConfig
from benchmark.errors import BenchmarkError
from benchmark.methods import prepare
from benchmark.methods.swa import SWA
from benchmark.testing.fixtures import CPU, PROTOCOL, small_task, tiny_model
from helpers.averages import STEADY, Averaging, check_average, check_evaluated
from helpers.refusals import check_refused
from helpers.tuning import finetune


@pytest.mark.parametrize(("part", "first"), [(1.0, 1), (0.5, 5), (0.25, 7)])
def test_the_average_is_that_of_pytorch(part: float, first: int) -> None:
    check_average(SWA(part=part), Averaging(first))


@pytest.mark.parametrize(
    ("part", "total", "averaged"), [(0.5, 5, 3), (0.5, 7, 4), (0.1, 30, 3), (0.3, 10, 3), (0.01, 32, 1)]
)
def test_the_part_is_rounded_up_as_it_is_written(part: float, total: int, averaged: int) -> None:
    shares = [SWA(part=part).share(number, total) for number in range(1, total + 1)]
    assert shares == [1.0] * (total - averaged) + [1 / n for n in range(1, averaged + 1)]


@pytest.mark.parametrize(("part", "warned"), [(0.1, True), (0.25, False), (0.0, False)])
def test_a_mean_of_one_update_is_said(part: float, warned: bool, caplog: pytest.LogCaptureFixture) -> None:
    prepare({"it": (method := SWA(part=part))}, model := tiny_model(), 1)
    finetune(model, small_task(), {"it": method}, STEADY, 1, CPU)
    said = [record.getMessage() for record in caplog.records if "SWA" in record.getMessage()]
    assert len(said) == warned
    assert all(f"part={part} of 8 updates is the last one alone" in line for line in said)


def test_the_average_is_evaluated_and_the_weights_are_trained() -> None:
    check_evaluated(SWA(part=0.5))


def test_a_wrong_hyper_parameter_is_named() -> None:
    check_refused("swa.SWA", {"part": 1.5}, "part=1.5")


def test_a_mean_under_a_rate_that_ends_at_zero_is_refused() -> None:
    with pytest.raises(BenchmarkError, match=r"protocol\.schedule=linear: the rate ends at 0"):
        SWA().check(PROTOCOL, TaskConfig())
    SWA().check(STEADY, TaskConfig())
    SWA(part=0.0).check(PROTOCOL, TaskConfig())
