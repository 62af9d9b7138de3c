"""NEFTune's noise is as large as each example's length says, and transformers' own on examples of one length."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from scipy import stats
from transformers.integrations.neftune import neftune_post_forward_hook

from benchmark.methods import prepare
from benchmark.methods.neftune import NEFTune
from benchmark.testing.fixtures import small_task, tiny_model
from helpers.draws import check_fresh
from helpers.refusals import check_refused
from helpers.small_models import bert, check_neutral_pass, small_step, xlnet
from helpers.toys import attached, scripted

UNITS = 16


def embedded(method: Any, model: Any, mask: torch.Tensor) -> torch.Tensor:
    """The word embeddings of a batch of zeros, with noise."""
    prepare({"it": method}, model, 1)
    words, seen = model.get_input_embeddings(), []
    with torch.no_grad():
        words.weight.zero_()
    words.register_forward_hook(lambda _, __, output: seen.append(output))
    model(input_ids=torch.full(mask.shape, 7), attention_mask=mask)
    return seen[0]


@pytest.mark.parametrize("kind", [bert, xlnet], ids=["bert", "xlnet"])
def test_the_noise_of_an_example_goes_by_its_own_length(kind: Any) -> None:
    mask = torch.tensor([[1, 1, 1, 1], [1, 0, 0, 0]])
    length_first = kind is xlnet
    ones = torch.ones(4, 2, UNITS) if length_first else torch.ones(2, 4, UNITS)
    noise = embedded(scripted(NEFTune, [ones], alpha=3.0), kind(), mask)
    noise = noise.transpose(0, 1) if length_first else noise
    torch.testing.assert_close(noise[0], torch.full((4, UNITS), 3 / (4 * UNITS) ** 0.5))
    torch.testing.assert_close(noise[1], torch.full((4, UNITS), 3 / UNITS**0.5))


def test_examples_of_one_length_get_the_noise_of_transformers() -> None:
    method = NEFTune(alpha=3.0)
    model, theirs = bert(), torch.nn.Embedding(1, UNITS)
    prepare({"it": method}, model, 1)
    theirs.neftune_noise_alpha = 3.0
    method.rng, method.mask = torch.Generator().manual_seed(5), torch.ones(2, 6)
    state = torch.zeros(2, 6, UNITS)
    torch.manual_seed(5)
    torch.testing.assert_close(
        method.noised(state), neftune_post_forward_hook(theirs.train(), (), state.clone())
    )


def test_noise_is_uniform_and_every_pass_has_its_own() -> None:
    method = attached(NEFTune(alpha=3.0), small_step())
    size = 3 / (30 * 40) ** 0.5
    check_fresh(lambda: method.noised(torch.zeros(20, 30, 40)) / size, stats.uniform(-1, 2))


def test_evaluation_has_none() -> None:
    model, task = tiny_model(), small_task()
    prepare({"it": NEFTune(alpha=50.0)}, model, 1)
    inputs = task.batch(task.training, range(4))
    assert torch.equal(model.eval()(**inputs).logits, tiny_model().eval()(**inputs).logits)
    assert not torch.equal(model.train()(**inputs).logits, model(**inputs).logits)


def test_strength_zero_is_plain_fine_tuning_bit_for_bit() -> None:
    check_neutral_pass(NEFTune(alpha=0.0))


def test_a_wrong_hyper_parameter_is_named() -> None:
    check_refused("neftune.NEFTune", {"alpha": -1.0}, "alpha=-1.0")
