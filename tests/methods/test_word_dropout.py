"""Word dropout replaces words at its rate, never special tokens, by zeros or by what the mask token gives."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from scipy import stats

from benchmark.errors import BenchmarkError
from benchmark.methods import prepare
from benchmark.methods.word_dropout import WordDropout
from benchmark.models.special_tokens import SpecialTokens
from benchmark.testing.fixtures import SPECIAL, small_task, tiny_model
from helpers.draws import check_distribution
from helpers.models import ARCHITECTURES
from helpers.refusals import check_refused
from helpers.small_models import bert, check_neutral_pass, xlnet
from helpers.toys import scripted

IDS = torch.tensor([[2, 11, 12, 13, 3], [2, 14, 15, 3, 1]])  # of special ones 2, 3 and the padding 1
DRAWN = torch.tensor([[0.0, 0.0, 0.29, 0.31, 0.0], [0.9, 0.9, 0.1, 0.0, 0.0]])
DROPPED = torch.tensor([[0, 1, 1, 0, 0], [0, 0, 1, 0, 0]]).bool()  # below 0.3, and no special one


def embedded(method: Any, model: Any, ids: torch.Tensor = IDS) -> torch.Tensor:
    """The word embeddings of ``ids`` in a training pass of ``model``."""
    model.special_tokens = SPECIAL
    prepare({"it": method}, model, 1)
    seen: list[torch.Tensor] = []
    model.get_input_embeddings().register_forward_hook(lambda _, __, output: seen.append(output.detach()))
    model.train()(input_ids=ids, attention_mask=(ids != 1).long())
    return seen[0]


@pytest.mark.parametrize("by", ["zero", "mask"])
def test_the_words_that_are_drawn_are_replaced_and_no_special_token_is(by: str) -> None:
    model = bert()
    found = embedded(scripted(WordDropout, [DRAWN], rate=0.3, by=by), model)
    table = model.get_input_embeddings().weight.detach()
    other = torch.zeros_like(table[0]) if by == "zero" else table[4]
    torch.testing.assert_close(found, torch.where(DROPPED[..., None], other, table[IDS]), rtol=0, atol=0)


def test_the_mask_token_gives_the_pass_of_a_text_that_has_it() -> None:
    rates = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    model, stock = bert(**rates), bert(**rates)
    model.special_tokens = SPECIAL
    prepare({"it": scripted(WordDropout, [DRAWN], rate=0.3, by="mask")}, model, 1)
    mask = (IDS != 1).long()
    given, written = model(input_ids=IDS, attention_mask=mask), IDS.masked_fill(DROPPED, 4)
    torch.testing.assert_close(given.logits, stock(input_ids=written, attention_mask=mask).logits)


@pytest.mark.parametrize("kind", sorted(ARCHITECTURES))
@pytest.mark.parametrize("by", ["zero", "mask"])
def test_every_architecture_drops_all_words_at_a_rate_of_one(kind: str, by: str) -> None:
    torch.manual_seed(0)
    model, ids = ARCHITECTURES[kind](), torch.tensor([[2, 11, 3], [2, 15, 3]])
    found = embedded(WordDropout(rate=1.0, by=by), model, ids)
    words = found.movedim(0, 1)[1] if kind != "xlnet" else found[1]
    other = (
        torch.zeros_like(words) if by == "zero" else model.get_input_embeddings().weight[4].expand_as(words)
    )
    torch.testing.assert_close(words, other.detach(), rtol=0, atol=0)


def test_draws_are_uniform_and_words_are_dropped_at_the_rate() -> None:
    method = WordDropout(rate=0.3)
    prepare({"it": method}, tiny_model(), 1)
    rng = torch.Generator().manual_seed(0)
    check_distribution(method.draw(torch.empty(300, 400), rng), stats.uniform(0, 1))
    words = torch.full((300, 400), 9)
    dropped = int(method.dropped(words).sum())
    assert stats.binomtest(dropped, words.numel(), 0.3).pvalue > 1e-4


def test_every_pass_drops_other_words() -> None:
    method = WordDropout(rate=0.5)
    prepare({"it": method}, tiny_model(), 1)
    words = torch.full((8, 8), 9)
    assert not torch.equal(method.dropped(words), method.dropped(words))


@pytest.mark.parametrize("by", ["zero", "mask"])
def test_evaluation_drops_none(by: str) -> None:
    model, task = tiny_model(), small_task()
    prepare({"it": WordDropout(rate=0.9, by=by)}, model, 1)
    inputs = task.batch(task.training, range(4))
    assert torch.equal(model.eval()(**inputs).logits, tiny_model().eval()(**inputs).logits)
    assert not torch.equal(model.train()(**inputs).logits, model(**inputs).logits)


@pytest.mark.parametrize("by", ["zero", "mask"])
def test_a_rate_of_zero_is_plain_fine_tuning_bit_for_bit(by: str) -> None:
    check_neutral_pass(WordDropout(rate=0.0, by=by))


def test_a_model_without_what_it_needs_is_refused() -> None:
    with pytest.raises(BenchmarkError, match="its special tokens are not known"):
        prepare({"it": WordDropout()}, xlnet(), 1)
    model = bert()
    model.special_tokens = SpecialTokens((0, 1))
    with pytest.raises(BenchmarkError, match="by=mask: the model's tokenizer has no mask token; valid: zero"):
        prepare({"it": WordDropout(by="mask")}, model, 1)
    prepare({"it": WordDropout()}, model, 1)


def test_a_wrong_hyper_parameter_is_named() -> None:
    check_refused("word_dropout.WordDropout", {"rate": 1.1}, "rate=1.1")
    check_refused("word_dropout.WordDropout", {"by": "noise"}, "by")
