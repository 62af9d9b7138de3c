"""What every method promises, as checks that anybody can run on a method of their own; no network, no GPU.

Each of ``CHECKS`` takes the settings of a method as its file in `conf/method/` has them (``_target_`` and
values) and raises AssertionError with the reason if the promise is broken. With pytest:

    from benchmark.testing import CHECKS, settings_of

    @pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
    def test_my_method(check):
        check(settings_of("conf/method/mine.yaml"))

A method that cannot keep a promise says so, with the reason, in its ``exempt``, by the name of the check.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
from omegaconf import OmegaConf
from torch import nn
from transformers import BertConfig, BertForSequenceClassification, PreTrainedModel

from benchmark import packing
from benchmark.architecture import encoder_of
from benchmark.checkpoint import Snapshot
from benchmark.config import register
from benchmark.errors import BenchmarkError
from benchmark.evaluation import evaluate
from benchmark.finetune import Outcome, finetune
from benchmark.methods import Method, Setting, build, prepare
from benchmark.optimizers import Update
from benchmark.schema import Run
from benchmark.store import Store
from benchmark.tasks import Classification, Examples, Task

Settings = dict[str, Any]

LAYERS = 6
SHAPE: dict[str, Any] = {
    "vocab_size": 32,
    "hidden_size": 8,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": 2,
    "intermediate_size": 12,
    "max_position_embeddings": 24,
    "pad_token_id": 1,
}
PROTOCOL: dict[str, Any] = {
    "batch_size": 4,
    "micro_batch_size": None,
    "epochs": 3,
    "steps": None,
    "evaluations_per_epoch": 1,
    "precision": "float32",
    "optimizer": "adamw",
    "learning_rate": 1e-3,
    "betas": [0.9, 0.999],
    "epsilon": 1e-8,
    "weight_decay": 0.01,
    "schedule": "linear",
    "warmup": 0.0,
    "max_grad_norm": 1.0,
}
CPU = torch.device("cpu")


# --- What is checked ------------------------------------------------------------------------------------


def neutral(settings: Settings) -> None:
    """With the values it declares as ``neutral``, the method is plain fine-tuning, bit for bit."""
    method = one(settings)
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
        if excused(one(settings), evaluation):
            continue
        stock = tiny_model()
        stock.load_state_dict(model.state_dict(), strict=True)
        if not after.outcome.padded and when == "fine-tuned":  # the same sums in the same order
            hooks = packing.install(encoder_of(stock))
            assert hooks is not None
            hooks.first_only = not one(settings).needs_last_states
        assert np.array_equal(answers, logits_of(stock)), (
            f"{when}, the model answers otherwise than a stock model with its weights"
        )
    assert np.array_equal(after.outcome.answers["validation"][-1], answers), (
        "the last evaluation was perturbed"
    )


def repetition(settings: Settings) -> None:
    """The same seed gives the same bits; where the method draws, another seed of its own gives others."""
    drawn: list[str] = []
    stream = Setting.stream

    def watched(setting: Setting, *purpose: Any, **named: Any) -> torch.Generator:
        drawn.append(setting.name)
        return stream(setting, *purpose, **named)

    with mock.patch.object(Setting, "stream", watched):
        first = tuned(settings)
    assert_same(first, tuned(settings), "a run", "its repetition")
    if drawn:
        other = tuned(settings, seed_of_methods=2)
        assert not same_weights(first.model, other.model), "its draws do not depend on the seed"


def accumulation(settings: Settings) -> None:
    """The gradients of the parts of a batch add up to that of the whole, where nothing is drawn for each."""
    if excused(one(settings), accumulation):
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


# --- With what ------------------------------------------------------------------------------------------


@dataclass
class Tuned:
    """What a small fine-tuning left: the model, the outcome, and the gradients that its optimiser saw."""

    model: PreTrainedModel
    outcome: Outcome
    gradients: dict[str, torch.Tensor]


class Gradients(Method):
    """Keeps the gradients of the first update, by parameter name, as the optimiser sees them."""

    def __init__(self) -> None:
        self.seen: dict[str, torch.Tensor] = {}

    def gradient(self, update: Update) -> None:
        if update.number == 1:
            for name, gradient in zip(update.names, update.gradients, strict=True):
                self.seen[name] = gradient.clone()


class ProcessGoneError(Exception):
    """The process would be gone by now."""


@dataclass
class Interrupting(Snapshot):
    """A snapshot after which the process is gone: the one of update ``stop``."""

    stop: int = 0

    def due(self) -> bool:
        return True

    def save(self, progress: Any, *rest: Any) -> None:
        super().save(progress, *rest)
        if progress.done == self.stop:
            raise ProcessGoneError


def settings_of(path: str | Path, **run: Any) -> Settings:
    """The settings in a file of `conf/method/`, resolved in a run with the values ``run`` (`model`, `protocol` …)."""
    register()
    context = OmegaConf.merge(OmegaConf.structured(Run), run)
    OmegaConf.set_struct(context, False)
    context.method = {"one": OmegaConf.load(path)}
    resolved = OmegaConf.to_container(context.method.one, resolve=True)
    assert isinstance(resolved, dict)
    return {str(key): value for key, value in resolved.items()}


def one(settings: Settings) -> Method:
    """The method of ``settings``."""
    return build({"one": settings})["one"]


def excused(method: Method, check: Callable[..., None]) -> bool:
    """Whether ``method`` says that it cannot pass ``check``, and why."""
    return bool(method.exempt.get(check.__name__, "").strip())


def tiny_model(dropout: float = 0.1) -> PreTrainedModel:
    """The same small random BERT every time."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return BertForSequenceClassification(
            BertConfig(**SHAPE, hidden_dropout_prob=dropout, attention_probs_dropout_prob=dropout)
        )


def small_task(examples: int = 12, pad_left: bool = False) -> Task:
    """Random examples of unlike length in two classes, which are learnt and evaluated."""
    rng = torch.Generator().manual_seed(0)
    lengths = [(7, 4, 7, 6, 5)[i % 5] for i in range(examples)]
    ids = [torch.randint(5, 32, (length,), generator=rng) for length in lengths]
    made = Examples(ids, None, torch.tensor([(0, 1, 1, 0, 1)[i % 5] for i in range(examples)]))
    return Task(
        name="small",
        kind=Classification(["no", "yes"]),
        metrics=["accuracy"],
        training=made,
        evaluation={"validation": made},
        pad_id=1,
        pad_left=pad_left,
        subset=np.arange(examples),
        stamp={},
    )


def made_ready(settings: Settings) -> PreTrainedModel:
    """A small model with the method attached."""
    model = tiny_model()
    prepare(build({"one": settings}), model, 1)
    return model


def tuned(
    settings: Settings | None = None,
    *,
    dropout: float = 0.1,
    protocol: dict[str, Any] | None = None,
    seed_of_methods: int = 1,
    interrupted: tuple[Path, int] | None = None,
) -> Tuned:
    """Fine-tune a small model with a method, or with none.

    ``interrupted`` names a folder and the update after which the process is taken to be gone; what is
    returned is then what a second process made of it.
    """
    chosen = {} if settings is None else {"one": settings}
    return tuned_with(chosen, dropout, PROTOCOL | (protocol or {}), seed_of_methods, interrupted)


def tuned_with(
    chosen: dict[str, Settings],
    dropout: float = 0.1,
    protocol: dict[str, Any] = PROTOCOL,
    seed_of_methods: int = 1,
    interrupted: tuple[Path, int] | None = None,
) -> Tuned:
    """Fine-tune a small model with the methods ``chosen``, by name."""
    snapshot: Snapshot | None = None
    if interrupted:
        folder, stop = interrupted
        snapshot = Interrupting(Store(folder), "small", 0, {}, stop)
    while True:
        model, gradients = tiny_model(dropout), Gradients()
        methods = build(chosen)
        prepare(methods, model, seed_of_methods)
        acting = [*methods.values(), gradients]
        try:
            outcome = finetune(model, small_task(), acting, protocol, 1, CPU, snapshot)
        except ProcessGoneError:
            snapshot = Snapshot(Store(folder), "small", None, {})
            continue
        if interrupted:
            Store(folder).drop_snapshot("small")
        return Tuned(model, outcome, gradients.seen)


def logits_of(model: PreTrainedModel) -> np.ndarray:
    """The answers of ``model`` in evaluation."""
    return evaluate(model, small_task(), "float32", CPU)[0]["validation"]


def same_weights(one: nn.Module, other: nn.Module) -> bool:
    """Whether all weights are the same to the bit."""
    theirs = other.state_dict()
    return all(torch.equal(value, theirs[name]) for name, value in one.state_dict().items())


def assert_same(one: Tuned, other: Tuned, name: str, other_name: str) -> None:
    """Losses, weights and answers are the same to the bit."""
    where = np.flatnonzero(one.outcome.losses != other.outcome.losses)
    assert len(where) == 0, f"from update {where[0] + 1} on, {name} and {other_name} have other losses"
    assert same_weights(one.model, other.model), f"{name} and {other_name} have other weights"
    answers, theirs = one.outcome.answers["validation"], other.outcome.answers["validation"]
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
