"""A small model, a small task and very short fine-tunings for checks of methods."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
from omegaconf import DictConfig, OmegaConf
from torch import nn
from transformers import BertConfig, BertForSequenceClassification, PreTrainedModel

from benchmark.config.compose import register
from benchmark.config.schema import ProtocolConfig, RunConfig
from benchmark.methods import Context, Method, build, prepare
from benchmark.models.special_tokens import SpecialTokens
from benchmark.randomness import Seeds
from benchmark.records.store import Store
from benchmark.step.update import Update
from benchmark.tasks import Classification, Examples, Task
from benchmark.training.assemble import assembled
from benchmark.training.evaluation import evaluate
from benchmark.training.journal import Outcome
from benchmark.training.loop import fine_tune
from benchmark.training.snapshot import NEVER, Keeping, Snapshot

Settings = dict[str, Any]

LAYERS = 4
SHAPE: dict[str, Any] = {
    "vocab_size": 32,
    "hidden_size": 8,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": 2,
    "intermediate_size": 12,
    "max_position_embeddings": 24,
    "pad_token_id": 1,
}
SPECIAL = SpecialTokens((0, 1, 2, 3, 4), mask=4)
PROTOCOL = ProtocolConfig(
    name="small", batch_size=4, epochs=2, learning_rate=1e-3, weight_decay=0.01, warmup=0.0
)
CPU = torch.device("cpu")
EXAMPLES = 8  # training examples of a check: two updates in each of two epochs


def settings_of(path: str | Path, **run: Any) -> Settings:
    """Read the settings of a method from a file of `conf/method/`.

    References are resolved in a run with the values ``run`` (`model`, `protocol` …).
    """
    register()
    config = OmegaConf.merge(_defaults(), run)
    OmegaConf.set_struct(config, False)
    config.method = {"one": OmegaConf.load(path)}
    resolved = OmegaConf.to_container(config.method.one, resolve=True)
    assert isinstance(resolved, dict)
    return {str(key): value for key, value in resolved.items()}


@functools.cache
def _defaults() -> DictConfig:
    """A run's schema, made once: it is large, and merging copies it."""
    values = {"reinit_layers": LAYERS}  # the default is more than this model has
    return OmegaConf.structured(RunConfig(protocol=ProtocolConfig(values=values)))


def method_of(settings: Settings) -> Method:
    """Make the method of ``settings``."""
    return build({"one": settings})["one"]


@dataclass
class Tuned:
    """The result of a small fine-tuning.

    ``gradients`` are those of the first update, as its optimiser saw them, by parameter name; ``draws`` tells if
    a method asked for a random stream.
    """

    model: PreTrainedModel
    outcome: Outcome
    gradients: dict[str, torch.Tensor]
    draws: bool


class Gradients(Method):
    """A method that keeps the first update's gradients, as the optimiser sees them."""

    leaves_words_alone = True  # it only looks on, and nobody asks it for words that are left out

    def __init__(self) -> None:
        self.seen: dict[str, torch.Tensor] = {}

    def gradient(self, update: Update) -> None:
        if update.number == 1:
            for name, gradient in zip(update.names, update.gradients, strict=True):
                self.seen[name] = gradient.clone()


class ProcessGoneError(Exception):
    """The simulated end of the process."""


@dataclass
class Interrupting(Snapshot):
    """A snapshot that ends the process after update ``stop``."""

    stop: int = 0

    def due(self) -> bool:
        return True

    def take(self, progress: Any, *rest: Any) -> None:
        super().take(progress, *rest)
        if progress.done == self.stop:
            raise ProcessGoneError


def tiny_model(dropout: float = 0.1) -> PreTrainedModel:
    """Make a small random BERT, the same on every call."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = BertForSequenceClassification(
            BertConfig(**SHAPE, hidden_dropout_prob=dropout, attention_probs_dropout_prob=dropout)
        )
    model.special_tokens = SPECIAL  # type: ignore[assignment]
    return model


def small_task(examples: int = 12, pad_left: bool = False) -> Task:
    """A task of random examples of different lengths in two classes."""
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
    interrupted: tuple[Path, Sequence[int]] | None = None,
) -> Tuned:
    """Fine-tune a small model with a method, or with none.

    ``protocol`` changes values of `PROTOCOL`. ``interrupted`` names a folder and the updates after which a process ends. Return the result of the
    last process.
    """
    chosen = {} if settings is None else {"one": settings}
    return tuned_with(chosen, dropout, replace(PROTOCOL, **(protocol or {})), seed_of_methods, interrupted)


def tuned_once(settings: Settings | None = None, **named: Any) -> Tuned:
    """`tuned`, remembered: the checks of a method compare with the same fine-tunings."""
    kind: Any = (
        None if settings is None else type(method_of(settings))
    )  # an edited class counts as another one
    return _remembered(kind, json.dumps([settings, named], sort_keys=True))


@functools.lru_cache(maxsize=16)
def _remembered(_: type | None, key: str) -> Tuned:
    settings, named = json.loads(key)
    return tuned(settings, **named)


def tuned_with(
    chosen: dict[str, Settings],
    dropout: float = 0.1,
    protocol: ProtocolConfig = PROTOCOL,
    seed_of_methods: int = 1,
    interrupted: tuple[Path, Sequence[int]] | None = None,
) -> Tuned:
    """Fine-tune a small model with the methods ``chosen``, by name."""
    snapshots: list[Keeping] = [NEVER]
    if interrupted:
        folder, stops = interrupted
        store = Store(folder)
        snapshots = [Interrupting(store, "small", 0, {}, stop) for stop in stops]
        snapshots.append(Snapshot(store, "small", None, {}))
    for snapshot in snapshots:
        model, gradients = tiny_model(dropout), Gradients()
        methods = build(chosen)
        acting = methods | {"gradients": gradients}
        with suppress(ProcessGoneError), streams_watched() as asked:
            prepare(methods, model, seed_of_methods)
            training = assembled(model, small_task(EXAMPLES), acting, protocol, Seeds.all(1), CPU)
            outcome = fine_tune(training, snapshot)
    if interrupted:
        store.drop_snapshot("small")
    return Tuned(model, outcome, gradients.seen, bool(asked))


@contextmanager
def streams_watched() -> Iterator[list[str]]:
    """Collect the names of the methods that ask for a random stream."""
    asked: list[str] = []
    stream = Context.stream

    def watched(context: Context, *purpose: Any, **named: Any) -> torch.Generator:
        asked.append(context.name)
        return stream(context, *purpose, **named)

    with mock.patch.object(Context, "stream", watched):
        yield asked


def logits_of(model: PreTrainedModel) -> np.ndarray:
    """The outputs of ``model`` in evaluation."""
    return evaluate(model, small_task(EXAMPLES), "float32", CPU)[0]["validation"]


def same_weights(first: nn.Module, other: nn.Module) -> bool:
    """True if all weights are the same to the bit."""
    theirs = other.state_dict()
    return all(torch.equal(value, theirs[name]) for name, value in first.state_dict().items())
