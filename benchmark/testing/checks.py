"""The promises of a method, one check each, and how two fine-tunings are compared."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch

from benchmark.errors import BenchmarkError
from benchmark.methods import Context, Method
from benchmark.models import packing
from benchmark.models.architecture import encoder_of
from benchmark.testing.fixtures import (
    Settings,
    Tuned,
    logits_of,
    made_ready,
    method_of,
    same_weights,
    tiny_model,
    tuned,
)


def neutral(settings: Settings) -> None:
    """With the values it declares as ``neutral``, the method is plain fine-tuning, bit for bit."""
    method = method_of(settings)
    if excused(method, neutral):
        return
    assert method.neutral is not None, (
        f"{type(method).__name__} declares no `neutral` values; without any, `exempt` says why"
    )
    assert_same(tuned(), tuned(settings | method.neutral), "plain fine-tuning", f"with {method.neutral}")


def evaluation(settings: Settings) -> None:
    """Evaluation is never perturbed: made ready or fine-tuned, the model answers as its weights in a stock one do."""
    after = tuned(settings, protocol={"epochs": 0.1})
    for when, model in (("made ready", made_ready(settings)), ("fine-tuned", after.model)):
        answers, again = logits_of(model), logits_of(model)
        assert np.array_equal(answers, again), f"{when}, two evaluations of the same weights differ"
        if excused(method_of(settings), evaluation):
            continue
        stock = tiny_model()
        stock.load_state_dict(model.state_dict(), strict=True)
        if not after.outcome.padded and when == "fine-tuned":  # the same sums in the same order
            hooks = packing.install(encoder_of(stock))
            assert hooks is not None
            hooks.first_only = not method_of(settings).needs_last_states
        assert np.array_equal(answers, logits_of(stock)), (
            f"{when}, the model answers otherwise than a stock model with its weights"
        )
    assert np.array_equal(after.outcome.outputs["validation"][-1], answers), (
        "the last evaluation was perturbed"
    )


def repetition(settings: Settings) -> None:
    """The same seed gives the same bits; where the method draws, another seed of its own gives others."""
    drawn: list[str] = []
    stream = Context.stream

    def watched(context: Context, *purpose: Any, **named: Any) -> torch.Generator:
        drawn.append(context.name)
        return stream(context, *purpose, **named)

    with mock.patch.object(Context, "stream", watched):
        first = tuned(settings)
    assert_same(first, tuned(settings), "a run", "its repetition")
    if drawn:
        other = tuned(settings, seed_of_methods=2)
        assert not same_weights(first.model, other.model), "its draws do not depend on the seed"


def accumulation(settings: Settings) -> None:
    """The gradients of the parts of a batch add up to that of the whole, where nothing is drawn for each."""
    if excused(method_of(settings), accumulation):
        return
    whole, parts = (
        tuned(settings, dropout=0.0, protocol={"micro_batch_size": size, "epochs": 0.1}) for size in (None, 2)
    )
    assert_alike(whole.gradients, parts.gradients)


def continuation(settings: Settings) -> None:
    """A run that is interrupted and continued gives the bits of one that is not."""
    straight = tuned(settings)
    with tempfile.TemporaryDirectory() as folder:
        for done in (1, 4):
            continued = tuned(settings, interrupted=(Path(folder), done))
            assert continued.outcome.resumed == 1, "the run was not continued"
            assert_same(straight, continued, "a run", f"one interrupted after {done} updates")


def precision(settings: Settings) -> None:
    """In bfloat16 the method still changes what it changes in float32, or says or refuses that it does not."""
    exact = not same_weights(tuned().model, tuned(settings).model)
    messages: list[logging.LogRecord] = []
    with heard(messages):
        try:
            plain, rounded = (tuned(s, protocol={"precision": "bfloat16"}) for s in (None, settings))
        except BenchmarkError:
            return
    said = any(name in record.getMessage() for record in messages for name in ("bfloat16", "precision"))
    assert said or not exact or not same_weights(plain.model, rounded.model), (
        "it changes training in float32 and, without a warning, nothing in bfloat16"
    )


CHECKS: list[Callable[[Settings], None]] = [
    neutral,
    evaluation,
    repetition,
    accumulation,
    continuation,
    precision,
]


def excused(method: Method, check: Callable[..., None]) -> bool:
    """Whether ``method`` says that it cannot pass ``check``, and why."""
    return bool(method.exempt.get(check.__name__, "").strip())


def assert_same(one: Tuned, other: Tuned, name: str, other_name: str) -> None:
    """Losses, weights and answers are the same to the bit."""
    where = np.flatnonzero(one.outcome.losses != other.outcome.losses)
    assert len(where) == 0, f"from update {where[0] + 1} on, {name} and {other_name} have other losses"
    assert same_weights(one.model, other.model), f"{name} and {other_name} have other weights"
    answers, theirs = one.outcome.outputs["validation"], other.outcome.outputs["validation"]
    assert np.array_equal(answers, theirs), f"{name} and {other_name} answer otherwise"
    assert one.outcome.curve == other.outcome.curve, f"{name} and {other_name} have other curves"


def assert_alike(whole: dict[str, torch.Tensor], parts: dict[str, torch.Tensor]) -> None:
    """Gradients agree to float32's rounding, next to the largest of all."""
    largest = max(float(gradient.abs().max()) for gradient in whole.values())
    assert whole.keys() == parts.keys()
    for name, gradient in whole.items():
        gap = float((gradient - parts[name]).abs().max()) / largest
        assert gap < 1e-6, f"{name}: the parts' gradient is off by {gap:.2g} of the largest entry"


@contextmanager
def heard(messages: list[logging.LogRecord]) -> Iterator[None]:
    """While this lasts, warnings are kept in ``messages`` and shown to nobody."""
    handler = logging.Handler(logging.WARNING)
    handler.emit = messages.append  # type: ignore
    root = logging.getLogger()
    others, root.handlers = root.handlers, [handler]
    try:
        yield
    finally:
        root.handlers = others
