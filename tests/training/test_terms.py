"""The terms that methods add to the loss, over the task's own, at the first update."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmark.config.schema import ProtocolConfig, RunConfig
from benchmark.methods import Method, prepare
from benchmark.methods.sam import SAM
from benchmark.runs.run import Run, run
from benchmark.testing.fixtures import small_task, tiny_model
from benchmark.training.journal import Outcome
from benchmark.training.snapshot import Snapshot
from helpers.tuning import finetune

PROTOCOL = ProtocolConfig(name="test", learning_rate=1e-3, epochs=2.0, batch_size=12)


class Times(Method):
    """Adds ``factor`` times the task's loss to it."""

    def __init__(self, factor: float) -> None:
        self.factor = factor

    def loss(self, step: Any) -> torch.Tensor | None:
        return self.factor * step.task_loss() if self.factor else None


class Constant(Method):
    """Adds a number to the task's loss, which is the same wherever the weights are."""

    def loss(self, step: Any) -> torch.Tensor | None:
        return step.task_loss().detach() * 0 + 0.25


def tuned(protocol: ProtocolConfig = PROTOCOL, **methods: Method) -> Outcome:
    """A run whose batch of ten has three parts of unlike size if the micro-batch is 4."""
    model = tiny_model(dropout=0.0)
    prepare(methods, model, 1)
    return finetune(model, small_task(10), methods, protocol, 1, torch.device("cpu"))


@pytest.mark.parametrize("micro", [None, 4, 1])
def test_the_ratio_is_of_the_first_updates_whole_batch(micro: int | None) -> None:
    protocol = replace(PROTOCOL, micro_batch_size=micro)
    terms = tuned(protocol, one=Times(0.5), nothing=Times(0), three=Times(-3.0)).terms
    assert terms == {"one": pytest.approx(0.5), "three": pytest.approx(-3)}


@pytest.mark.parametrize("micro", [None, 4])
def test_parts_of_a_batch_count_by_their_share(micro: int | None) -> None:
    outcome = tuned(replace(PROTOCOL, micro_batch_size=micro), quarter=Constant())
    assert outcome.terms == {"quarter": pytest.approx(0.25 / (outcome.losses[0] - 0.25))}


def test_a_run_without_terms_has_none() -> None:
    assert tuned().terms == {}


def test_a_second_look_at_a_batch_counts_for_nothing() -> None:
    outcome = tuned(sam=SAM(rho=2.0), quarter=Constant())
    assert outcome.terms == {"quarter": pytest.approx(0.25 / (outcome.losses[0] - 0.25))}


@pytest.mark.parametrize(("factor", "warned"), [(9.9, False), (10.1, True), (-97.0, True)])
def test_a_term_above_ten_times_the_loss_is_warned_of_once(
    factor: float, warned: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        tuned(loud=Times(factor), quiet=Times(0.1))
    lines = [line for line in caplog.messages if "times the task's" in line]
    assert len(lines) == warned
    assert all(f"method.loud: its term of the loss is {factor:.3g} times" in line for line in lines)


def test_a_record_has_lnsrs_ratio_which_grows_with_sigma_squared(tiny: Callable[..., RunConfig]) -> None:
    runs = [Run(tiny("method=[lnsr]", f"method.lnsr.sigma={sigma}")) for sigma in (1e-4, 1e-3)]
    ratios = [run(one).terms["lnsr"] for one in runs]
    assert ratios[1] == pytest.approx(100 * ratios[0], rel=0.02)


def test_an_interrupted_run_has_the_ratio_of_its_first_update(
    tiny: Callable[..., RunConfig], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tiny("method=[lnsr]", "protocol.epochs=2", "snapshot_minutes=0")
    one, other = (replace(config, store=str(tmp_path / name)) for name in ("a", "b"))
    take = Snapshot.take

    def stopping(self: Snapshot, progress: Any, *rest: Any) -> None:
        take(self, progress, *rest)
        raise InterruptedError

    with monkeypatch.context() as patch:
        patch.setattr(Snapshot, "take", stopping)
        with pytest.raises(InterruptedError):
            run(Run(other))
    assert run(Run(other)).terms == run(Run(one)).terms != {}
