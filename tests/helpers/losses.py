"""What every method that adds to the loss, or replaces it, must keep to."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch

from benchmark.methods import Context, Method, build
from benchmark.step.passes import total_loss
from helpers.small_models import small_step, tiny
from helpers.toys import attached


def configured(compose: Callable[..., Any], name: str, **hyper: Any) -> Any:
    """The method as ``conf/method/NAME.yaml`` sets it, but for ``hyper``."""
    settings = compose(f"method=[{name}]").method[name]
    return build({name: settings | hyper})[name]


def check_trains(method: Method) -> None:
    """Its loss is a number, and the word embeddings learn."""
    step = small_step(dropout=0.1)
    loss = total_loss(step, [attached(method, step)])
    step.backward(loss)
    assert loss.isfinite()
    assert step.encoder.words.weight.grad.abs().sum() > 0


def check_repeats(make: Callable[[], Method], kind: str) -> None:
    """The same seed gives the same loss, and gradients without NaN."""
    torch.manual_seed(0)
    losses = []
    for _ in range(2):
        step = small_step(kind, dropout=0.1)
        method = attached(make(), step)
        losses.append(total_loss(step, [method]))
        step.backward(losses[-1])
        gradients = [parameter.grad for parameter in step.model.parameters()]
        assert all(gradient is None or gradient.isfinite().all() for gradient in gradients)
    assert torch.equal(*losses)


def check_regression(method: Method) -> None:
    """A regression has a loss that is a number, and the model stays in training mode."""
    step = small_step(model=tiny(outputs=1), regression=True)
    attached(method, step)
    loss = total_loss(step, [method])
    step.backward(loss)
    assert loss.isfinite()
    assert step.model.training


def check_own_stream(make: Callable[[], Any], draw: Callable[[Any, Any], torch.Tensor]) -> None:
    """Noise comes from the method's own stream, named by the method, and leaves the global one alone."""
    step = small_step()
    ends = []
    for name in ("mine", "mine", "other"):
        method = make()
        method.attach(step.model, Context(name, 1, step.encoder))
        torch.manual_seed(0)
        expected = torch.rand(3)
        torch.manual_seed(0)
        ends.append(draw(method, step))
        assert torch.equal(torch.rand(3), expected)
    assert torch.equal(ends[0], ends[1])
    assert not torch.equal(ends[0], ends[2])


def check_neutral(method: Method) -> None:
    """It adds nothing: plain fine-tuning, bit for bit."""
    step = small_step(dropout=0.1)
    attached(method, step)
    assert method.loss(step) is None
    assert torch.equal(total_loss(step, [method]), small_step(dropout=0.1).task_loss())


def check_short_precision_is_warned_of(method: Method, caplog: pytest.LogCaptureFixture) -> None:
    """Noise that bfloat16 swallows is warned of, once."""
    step = small_step()
    step.precision = "bfloat16"
    attached(method, step)
    for _ in range(2):
        method.loss(copy.copy(step))
    assert len([record for record in caplog.records if "bfloat16" in record.message]) == 1
