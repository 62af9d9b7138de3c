"""The promises of a method, one check each, and comparisons of two fine-tunings."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import numpy as np
import torch

from benchmark.errors import BenchmarkError
from benchmark.methods import Method
from benchmark.methods.base import overrides
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
    tuned_once,
)
from benchmark.training import live_rows


def neutral(settings: Settings) -> None:
    """Check that with its ``neutral`` values the method is plain fine-tuning, bit for bit."""
    method = method_of(settings)
    if excused(method, neutral):
        return
    assert method.neutral is not None, (
        f"{type(method).__name__} declares no `neutral` values; if it has none, give the reason in `exempt`"
    )
    assert_same(tuned_once(), tuned(settings | method.neutral), "plain fine-tuning", f"with {method.neutral}")


def evaluation(settings: Settings) -> None:
    """Check that evaluation is never perturbed.

    Before and after fine-tuning, the model gives the outputs of a stock model with the same weights.
    """
    after = tuned(settings, protocol={"epochs": 0.1})
    for when, model in (("made ready", made_ready(settings)), ("fine-tuned", after.model)):
        outputs, again = logits_of(model), logits_of(model)
        assert np.array_equal(outputs, again), f"{when}, two evaluations of the same weights differ"
        if excused(method_of(settings), evaluation):
            continue
        stock = tiny_model()
        stock.load_state_dict(model.state_dict(), strict=True)
        if not after.outcome.padded and when == "fine-tuned":
            # The same sums in the same order as without padding
            packed = packing.install(encoder_of(stock))
            assert packed is not None
            packed.first_only = not method_of(settings).needs_last_states
        assert np.array_equal(outputs, logits_of(stock)), (
            f"{when}, the model has other outputs than a stock model with its weights"
        )
    method = method_of(settings)
    if excused(method, evaluation) and overrides(method, "evaluated"):
        return  # other weights are evaluated
    assert np.array_equal(after.outcome.outputs["validation"][-1], outputs), (
        "the last evaluation was perturbed"
    )


def repetition(settings: Settings) -> None:
    """Check that the same seed gives the same bits.

    If the method draws, another seed of its own must give others.
    """
    first = tuned_once(settings)
    assert_same(first, tuned(settings), "a run", "its repetition")
    if first.draws:
        other = tuned(settings, seed_of_methods=2)
        assert not same_weights(first.model, other.model), "its draws do not depend on the seed"


def accumulation(settings: Settings) -> None:
    """Check that the gradients of a batch's parts add up to the batch's gradient.

    A method that draws for every part is exempt.
    """
    if excused(method_of(settings), accumulation):
        return
    whole, parts = (
        tuned(settings, dropout=0.0, protocol={"micro_batch_size": size, "epochs": 0.1}) for size in (None, 2)
    )
    assert_alike(whole.gradients, parts.gradients)


def continuation(settings: Settings) -> None:
    """Check that a run that is interrupted twice gives the bits of an uninterrupted one."""
    straight = tuned_once(settings)
    with tempfile.TemporaryDirectory() as folder:
        stops = (1, 3)  # in both epochs
        continued = tuned(settings, interrupted=(Path(folder), stops))
    assert continued.outcome.resumed == len(stops), "the run was not continued"
    assert_same(straight, continued, "a run", f"one interrupted after {stops[0]} and {stops[1]} updates")


def precision(settings: Settings) -> None:
    """Check that in bfloat16 the method changes training, as in float32.

    It may also refuse bfloat16, or warn that it has no effect.
    """
    exact = not same_weights(tuned_once().model, tuned_once(settings).model)
    messages: list[logging.LogRecord] = []
    with heard(messages):
        try:
            plain, rounded = (tuned_once(s, protocol={"precision": "bfloat16"}) for s in (None, settings))
        except BenchmarkError:
            return
    said = any(name in record.getMessage() for record in messages for name in ("bfloat16", "precision"))
    assert said or not exact or not same_weights(plain.model, rounded.model), (
        "it changes training in float32 and, without a warning, nothing in bfloat16"
    )


def words(settings: Settings) -> None:
    """Check that a method that ``leaves_words_alone`` gives the same bits if all words are trained."""
    if not live_rows.ignores_words(method_of(settings)):
        return
    # The model's table is smaller than those that rows are left out of; without clipping no norm has to be the same.
    unclipped = {"max_grad_norm": 0.0}
    with mock.patch.multiple(live_rows, LEAST=1, LANES=1):
        live = tuned(settings, protocol=unclipped)
    whole = tuned_once(settings, protocol=unclipped)
    assert_same(live, whole, "a run without unread words", "one with all words")


CHECKS: list[Callable[[Settings], None]] = [
    neutral,
    evaluation,
    repetition,
    accumulation,
    continuation,
    precision,
    words,
]


def excused(method: Method, check: Callable[..., None]) -> bool:
    """True if ``method`` gives a reason why it cannot pass ``check``."""
    return bool(method.exempt.get(check.__name__, "").strip())


def assert_same(first: Tuned, other: Tuned, name: str, other_name: str) -> None:
    """Compare losses, weights, outputs and curves to the bit."""
    where = np.flatnonzero(first.outcome.losses != other.outcome.losses)
    assert len(where) == 0, f"from update {where[0] + 1} on, {name} and {other_name} have other losses"
    assert same_weights(first.model, other.model), f"{name} and {other_name} have other weights"
    outputs, theirs = first.outcome.outputs["validation"], other.outcome.outputs["validation"]
    assert np.array_equal(outputs, theirs), f"{name} and {other_name} have other outputs"
    assert first.outcome.curve == other.outcome.curve, f"{name} and {other_name} have other curves"


def assert_alike(whole: dict[str, torch.Tensor], parts: dict[str, torch.Tensor]) -> None:
    """Compare gradients up to float32's rounding, relative to the largest entry."""
    largest = max(float(gradient.abs().max()) for gradient in whole.values())
    assert whole.keys() == parts.keys()
    for name, gradient in whole.items():
        gap = float((gradient - parts[name]).abs().max()) / largest
        assert gap < 1e-6, f"{name}: the parts' gradient is off by {gap:.2g} of the largest entry"


@contextmanager
def heard(messages: list[logging.LogRecord]) -> Iterator[None]:
    """Collect warnings in ``messages`` for a while, without showing them."""
    handler = logging.Handler(logging.WARNING)
    handler.emit = messages.append  # type: ignore
    root = logging.getLogger()
    others, root.handlers = root.handlers, [handler]
    try:
        yield
    finally:
        root.handlers = others
