"""SWA evaluates the average that PyTorch's own class makes of the last weights."""

from __future__ import annotations

import pytest

from benchmark.config.schema import TaskConfig
from benchmark.errors import BenchmarkError
from benchmark.methods.swa import SWA
from benchmark.testing.fixtures import PROTOCOL
from helpers.averages import STEADY, Averaging, check_average, check_evaluated
from helpers.refusals import check_refused


@pytest.mark.parametrize(("part", "first"), [(1.0, 1), (0.5, 5), (0.25, 7)])
def test_the_average_is_that_of_pytorch(part: float, first: int) -> None:
    check_average(SWA(part=part), Averaging(first))


def test_the_average_is_evaluated_and_the_weights_are_trained() -> None:
    check_evaluated(SWA(part=0.5))


def test_a_wrong_hyper_parameter_is_named() -> None:
    check_refused("swa.SWA", {"part": 1.5}, "part=1.5")


def test_a_mean_under_a_rate_that_ends_at_zero_is_refused() -> None:
    with pytest.raises(BenchmarkError, match=r"protocol\.schedule=linear: the rate ends at 0"):
        SWA().check(PROTOCOL, TaskConfig())
    SWA().check(STEADY, TaskConfig())
    SWA(part=0.0).check(PROTOCOL, TaskConfig())
