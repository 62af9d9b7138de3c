"""Numbers of a configuration that mean nothing are refused with the range, before anything is loaded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from benchmark.config.ranges import check_settings
from benchmark.config.schema import RunConfig
from benchmark.config.targets import built
from benchmark.config.validation import validate
from benchmark.errors import BenchmarkError

Compose = Callable[..., RunConfig]
STEPS = "protocol.epochs=null"


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        (["seed=-1"], "seed=-1: a seed is a whole number from 0 to 4294967295"),
        (["seed=4294967296"], "seed=4294967296: a seed"),
        (["seed=99999999999999999999"], "from 0 to 4294967295"),
        (["data.subset_seed=-1"], "data.subset_seed=-1: a seed"),
        (["data.subset_seed=18446744073709551616"], "data.subset_seed=18446744073709551616: a seed"),
        (["protocol.learning_rate=1e30"], "protocol.learning_rate=1e+30: must be from 1e-37 to 10"),
        (["protocol.learning_rate=1e-320"], "must be from 1e-37 to 10"),
        (["protocol.learning_rate=11"], "protocol.learning_rate=11.0: must be from"),
        (["protocol.epsilon=0"], "protocol.epsilon=0.0: must be above 0"),
        (["protocol.epsilon=1e-300"], "must be from 1e-16 to 1"),
        (["protocol.epsilon=2"], "must be from 1e-16 to 1"),
        (["protocol.weight_decay=1e30"], "protocol.weight_decay=1e+30: must be 0, or from 1e-12 to 10"),
        (["protocol.max_grad_norm=1e-320"], "must be 0, or from 1e-09 to 1e+09"),
        (["protocol.betas=[0.9,0.9999999999]"], "protocol.betas[1]=0.9999999999: must be 0, or from"),
        (["protocol.betas=[1e-320,0.9]"], "protocol.betas[0]=1e-320: must be 0, or from"),
        (["protocol.batch_size=2147483648"], "protocol.batch_size=2147483648: must be from 1 to 1000000"),
        (["protocol.epochs=1e18"], "protocol.epochs=1e+18: must be from 1e-06 to 1000000"),
        (["protocol.epochs=1e-320"], "must be from 1e-06 to 1000000"),
        ([STEPS, "protocol.steps=99999999999"], "protocol.steps=99999999999: must be from 1 to 100000000"),
        (["protocol.evaluations_per_epoch=1000000000"], "must be from 0 to 10000"),
        (["protocol.warmup=2147483648"], "protocol.warmup=2147483648.0: must be 0, or from"),
        (["protocol.warmup=1e-320"], "protocol.warmup=1e-320: must be 0, or from"),
        (["protocol.max_length=100000"], "protocol.max_length=100000: must be from"),
        (["protocol.max_length=1"], "protocol.max_length=1: must be at least 3"),
        (["protocol.max_length=2"], "protocol.max_length=2: must be at least 3"),
        (["task.evaluate.validation.max_length=2"], "validation.max_length=2: must be at least 3"),
        (["protocol.micro_batch_size=33"], "micro_batch_size=33: no divisor of protocol.batch_size=32"),
        (["protocol.micro_batch_size=7"], "(the next lower one is 4)"),
        (["protocol.micro_batch_size=64"], "(the next lower one is 32)"),
        (["data.count=1"], "data.count=1: must be at least 2"),
        (["data.share=1e-320"], "data.share=1e-320: must be from 1e-09 to 1"),
    ],
)
def test_a_number_out_of_range_is_refused_with_the_range(
    overrides: list[str], line: str, compose: Compose
) -> None:
    with pytest.raises(BenchmarkError) as refused:
        validate(compose("task=opinion", *overrides))
    assert line in str(refused.value)


@pytest.mark.parametrize(
    "override",
    ["seed=0", "seed=4294967295", "protocol.learning_rate=1e-30", "protocol.learning_rate=1", "protocol.epsilon=1e-12",
     "protocol.weight_decay=0", "protocol.warmup=500", "protocol.betas=[0,0.9999]", "protocol.micro_batch_size=32",
     "protocol.max_length=3", "data.count=2", "data.share=1", "protocol.max_grad_norm=0"],
)  # fmt: skip
def test_what_papers_use_is_in_range(override: str, compose: Compose) -> None:
    validate(compose("task=opinion", override))


@dataclass
class Settings:
    strength: float = 0.1
    layers: list[int] = field(default_factory=list)
    on: bool = True


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({"strength": 1e30}, r"method.x: strength=1e\+30: must be 0, or from 1e-20 to 1e\+06 in size"),
        ({"strength": -1e30}, r"strength=-1e\+30"),
        ({"strength": "1e30"}, r"strength=1e\+30"),
        ({"strength": 1e-320}, r"strength=1e-320"),
        ({"layers": [1, 2**40]}, r"layers=\[1, 1099511627776\]"),
    ],
)
def test_a_setting_of_a_method_has_a_bound(values: dict[str, Any], line: str) -> None:
    settings = {"_target_": f"{__name__}.Settings"} | values
    with pytest.raises(BenchmarkError, match=line):
        built("method.x", settings, Settings)


def test_zero_and_switches_are_in_bounds() -> None:
    check_settings({"a": 0.0, "b": True, "c": None, "d": "1e30", "e": [0, 1], "f": -5e5})
