"""Rows of the word embedding that no example has stay out of the updates, and every bit is as if they did not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
import torch
from torch import nn
from transformers import BertConfig, BertForSequenceClassification

from benchmark.config.schema import ProtocolConfig
from benchmark.methods import Method, prepare
from benchmark.methods.pats import PATS
from benchmark.randomness import Seeds
from benchmark.records.store import Store
from benchmark.step.adam import VARIANTS
from benchmark.testing.fixtures import Interrupting, ProcessGoneError, small_task
from benchmark.training import live_rows
from benchmark.training.assemble import Training, assembled
from benchmark.training.journal import Outcome
from benchmark.training.live_rows import LiveRows
from benchmark.training.loop import fine_tune
from benchmark.training.onlooker import Onlooker
from benchmark.training.snapshot import NEVER, Snapshot
from helpers.learning import FILES, of

CPU = torch.device("cpu")
WORDS = 700  # of 32 units; the task has tokens below 32
PROTOCOL = ProtocolConfig(
    name="test", learning_rate=0.01, epochs=4.0, batch_size=4, weight_decay=0.1, evaluations_per_epoch=1
)


@pytest.fixture(autouse=True)
def small_tables_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_rows, "LEAST", 1)


def model(width: int = 32, words: int = WORDS, **changes: Any) -> Any:
    shape = {"num_hidden_layers": 4, "num_attention_heads": 2, "intermediate_size": 16}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return BertForSequenceClassification(
            BertConfig(vocab_size=words, hidden_size=width, **shape | changes)
        )


def made(method: str | None = None, made_model: Any = None, **protocol: Any) -> Training:
    """A run whose evaluation set has words that no training example has."""
    task = small_task(12)
    others = replace(task.training, ids=[ids + 300 for ids in task.training.ids])
    task = replace(task, evaluation={"validation": others})
    mine = model() if made_model is None else made_model
    acting = {} if method is None else of(method)
    prepare(acting, mine, 1)
    return assembled(mine, task, acting, replace(PROTOCOL, **protocol), Seeds.all(1), CPU)


def dense(training: Training) -> Outcome:
    with mock.patch.object(live_rows, "separable", return_value=False):
        return fine_tune(training)


def same(first: tuple[Training, Outcome], other: tuple[Training, Outcome]) -> bool:
    """True if weights, moments, losses, outputs and curves are the same to the bit."""

    def bits(of: tuple[Training, Outcome]) -> list[bytes]:
        training, outcome = of
        state = training.optimizer.state()
        tensors = [*training.model.state_dict().values(), *state["first"].values(), *state["second"].values()]
        arrays = [tensor.detach().numpy() for tensor in tensors] + [outcome.losses, *outcome.outputs.values()]
        return [np.ascontiguousarray(array).tobytes() for array in arrays] + [repr(outcome.curve).encode()]

    return bits(first) == bits(other)


def skips(training: Training, **watched: Any) -> bool:
    return isinstance(live_rows.live_rows(training, **watched), LiveRows)


@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize("clip", [0.0, 0.5])
@pytest.mark.parametrize("variant", VARIANTS)
def test_every_optimiser_computes_the_same_bits_without_the_rows_that_no_example_has(
    variant: str, clip: float, decay: float
) -> None:
    values = {"optimizer": variant, "weight_decay": decay, "max_grad_norm": clip}
    one, other = made(**values), made(**values)
    added = variant == "adamax_mtdnn" and decay  # whose decay is added up, not multiplied
    assert skips(one) == (not added and not VARIANTS[variant].whole)
    assert same((one, fine_tune(one)), (other, dense(other)))
    assert one.model.get_input_embeddings().weight.shape == (WORDS, 32)


def test_the_row_of_padding_has_no_gradient_wherever_it_lies() -> None:
    one, other = (made(made_model=model(pad_token_id=20)) for _ in range(2))  # the task has this token
    words = live_rows.live_rows(one)
    with words.alone():
        assert one.encoder.words.padding_idx != 20
    assert same((one, fine_tune(one)), (other, dense(other)))


@pytest.mark.parametrize(
    "name", sorted({name for method, name in FILES.items() if vars(method).get("leaves_words_alone")})
)
def test_a_method_that_says_it_leaves_words_alone_computes_the_same_bits(name: str) -> None:
    one, other = made(name), made(name)
    assert skips(one)
    assert same((one, fine_tune(one)), (other, dense(other)))


class Elsewhere(PATS):
    """It chooses its weights itself, and says nothing of its own."""

    def attach(self, *given: Any) -> None:
        super().attach(*given)
        self.sensitivity.names = {"bert.embeddings.word_embeddings.weight"}


class Unsaid(Method):
    """It says nothing."""


@pytest.mark.parametrize(
    ("method", "said"),
    [(PATS(), True), (Elsewhere(), False), (Unsaid(), False)],
    ids=["says so", "derived", "says nothing"],
)
def test_a_method_that_does_not_say_it_itself_is_handed_all_words(method: Method, said: bool) -> None:
    assert live_rows.separable(replace(made(), methods={"it": method})) == said


def shared(made_model: Any) -> Any:
    made_model.other = nn.Embedding(WORDS, 32)
    made_model.other.weight = made_model.get_input_embeddings().weight
    return made_model


def limited(made_model: Any) -> Any:
    made_model.get_input_embeddings().max_norm = 1.0
    return made_model


def frozen(made_model: Any) -> Any:
    made_model.get_input_embeddings().weight.requires_grad_(False)
    return made_model


@pytest.mark.parametrize(
    "other",
    [shared(model()), limited(model()), frozen(model()), model(width=24), model(words=32)],
    ids=["used twice", "limited norm", "frozen", "rows that are no whole lanes", "all words have examples"],
)
def test_other_tables_are_trained_whole(other: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_rows, "LEAST", 1 << 10)
    assert not skips(made(made_model=other))


def test_an_onlooker_sees_the_whole_table() -> None:
    training = made()
    assert not skips(training, watch=Onlooker())


@pytest.mark.parametrize("method", [None, "pats", "sage", "anti_pgd"])
def test_a_snapshot_has_the_whole_table_and_continues_either_way(tmp_path: Path, method: str | None) -> None:
    whole = made(method)
    expected = (whole, dense(whole))
    for continued in (fine_tune, lambda training, snapshot: dense_from(training, snapshot)):
        store = Store(tmp_path / str(id(continued)))
        store.open()
        with pytest.raises(ProcessGoneError):
            fine_tune(made(method), Interrupting(store, "it", 0, {}, stop=5))
        saved = torch.load(store.snapshot("it"), weights_only=True)
        (name,) = (name for name in saved["weights"] if name.endswith("word_embeddings.weight"))
        assert saved["weights"][name].shape == saved["optimizer"]["first"][name].shape == (WORDS, 32)
        training = made(method)
        assert same((training, continued(training, Snapshot(store, "it", None, {}))), expected)


def dense_from(training: Training, snapshot: Any = NEVER) -> Outcome:
    with mock.patch.object(live_rows, "separable", return_value=False):
        return fine_tune(training, snapshot)


def test_a_run_that_diverges_is_recorded_alike() -> None:
    values = {"learning_rate": 1e30, "max_grad_norm": 0.0, "epochs": 10.0}
    one, other = fine_tune(made(**values)), dense(made(**values))
    assert one.diverged == other.diverged is not None
    assert one.losses.tobytes() == other.losses.tobytes()


def test_a_word_that_is_no_row_of_the_small_table_is_refused() -> None:
    training = made()
    words = live_rows.live_rows(training)
    look_up: Callable[..., Any] = training.model.get_input_embeddings()
    with words.alone(), pytest.raises(IndexError):
        look_up(torch.tensor([[WORDS - 1]]))


@pytest.mark.parametrize("threads", [1, 2])
def test_rows_of_zeros_change_no_bit_of_a_norm(threads: int) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        for seed in range(20):
            rng = torch.Generator().manual_seed(seed)
            live = torch.randperm(5000, generator=rng)[: 1 + 37 * seed].sort().values
            gradient = torch.zeros(5000, 48)
            gradient[live] = torch.randn(len(live), 48, generator=rng)
            small = torch.cat([gradient[live], torch.zeros(1, 48)])
            assert torch.equal(torch._foreach_norm([gradient])[0], torch._foreach_norm([small])[0])
    finally:
        torch.set_num_threads(before)
