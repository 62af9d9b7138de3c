"""Values of a configuration: what turns something on changes no result, and what no model can have is refused."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import BertConfig, DebertaV2Config, GPT2Config, PreTrainedModel

from benchmark.config.schema import ModelConfig
from benchmark.errors import BenchmarkError
from benchmark.models import pretrained
from helpers.checkpoints import SHAPE, checkpoint, configured

TOKENS = "AutoModelForTokenClassification"


def loaded(folder: Path, head: str = pretrained.CLASSIFIER) -> PreTrainedModel:
    return pretrained.load(ModelConfig(name="mine", id=str(folder)), 2, 1, Path("cache"), head)


def refusal(folder: Path) -> str:
    """The refusal of a model in ``folder`` without its beginning, which names model and file."""
    with pytest.raises(BenchmarkError) as refused:
        loaded(folder)
    begin = f"model 'mine': {folder}/config.json: "
    assert str(refused.value).startswith(begin)
    assert "\n" not in str(refused.value)
    return str(refused.value).removeprefix(begin)


SWITCHES: list[dict[str, Any]] = [
    {"chunk_size_feed_forward": 3},
    {"return_dict": False},
    {"output_attentions": True},
    {"output_attentions": True, "attn_implementation": "sdpa"},
    {"output_hidden_states": True},
    {"gradient_checkpointing": True},
    {"attn_implementation": "flash_attention_2"},
    {"_attn_implementation": "flash_attention_2"},
    {"attn_implementation": "eager"},
    {"use_cache": False},
    {"torchscript": True},
    {"problem_type": "multi_label_classification"},
    {"num_labels": 7},
    {"dtype": "float16"},
]


@pytest.mark.parametrize("switch", SWITCHES, ids=str)
def test_what_turns_something_on_changes_nothing(switch: dict[str, Any], tmp_path: Path) -> None:
    stock = loaded(checkpoint(tmp_path)).eval()
    configured(tmp_path, **switch)
    ours = loaded(tmp_path).eval()
    outputs, expected = (model(input_ids=torch.tensor([[2, 5, 6, 3]])) for model in (ours, stock))
    assert torch.equal(outputs.logits, expected.logits)
    assert outputs.keys() == expected.keys()
    assert ours.dtype == torch.float32
    assert ours.config._attn_implementation == stock.config._attn_implementation
    assert not ours.is_gradient_checkpointing


def test_a_decoder_keeps_no_states_of_past_tokens(tmp_path: Path) -> None:
    gpt2 = GPT2Config(vocab_size=10, n_embd=16, n_layer=1, n_head=2, pad_token_id=0)
    model = loaded(checkpoint(tmp_path, gpt2))
    assert "past_key_values" not in model(input_ids=torch.tensor([[2, 5, 6, 3]]))


def test_quantization_of_null_is_none(tmp_path: Path) -> None:
    path = checkpoint(tmp_path) / "config.json"
    path.write_text(path.read_text().replace("{", '{"quantization_config": null,', 1))
    loaded(tmp_path)


VALUES: list[tuple[dict[str, Any], str]] = [
    ({"vocab_size": 0}, "vocab_size=0: must be at least 1"),
    ({"vocab_size": -1}, "vocab_size=-1: must be at least 1"),
    ({"vocab_size": "10"}, "vocab_size=\"10\" does not fit its model_type 'bert': must be of the type int"),
    ({"hidden_size": 0}, "hidden_size=0: must be at least 1"),
    ({"num_hidden_layers": 0}, "num_hidden_layers=0: must be at least 1"),
    ({"num_hidden_layers": -1}, "num_hidden_layers=-1: must be at least 1"),
    ({"num_hidden_layers": "two"}, 'num_hidden_layers="two" does not fit .*: must be of the type int'),
    ({"num_attention_heads": 0}, "num_attention_heads=0: must be at least 1"),
    ({"num_attention_heads": 3}, "hidden_size=16: must be a multiple of num_attention_heads=3"),
    ({"max_position_embeddings": 0}, "max_position_embeddings=0: must be at least 1"),
    ({"max_position_embeddings": -5}, "max_position_embeddings=-5: must be at least 1"),
    ({"max_position_embeddings": "24"}, 'max_position_embeddings="24" does not fit .* the type int'),
    (
        {"type_vocab_size": 0},
        "type_vocab_size=0: must be at least 1: its table .*token_type_embeddings has no",
    ),
    ({"type_vocab_size": -1}, "type_vocab_size=-1: must be 0 or more"),
    ({"hidden_dropout_prob": 1.5}, "hidden_dropout_prob=1.5: must be a probability, from 0 to 1"),
    ({"hidden_dropout_prob": -0.1}, "hidden_dropout_prob=-0.1: must be a probability"),
    ({"hidden_dropout_prob": float("nan")}, "hidden_dropout_prob=NaN: must be a probability"),
    (
        {"hidden_dropout_prob": "0.1"},
        'hidden_dropout_prob="0.1" does not fit .*: must be of the type float | int',
    ),
    ({"attention_probs_dropout_prob": 2}, "attention_probs_dropout_prob=2: must be a probability"),
    ({"classifier_dropout": -1}, "classifier_dropout=-1: must be a probability"),
    ({"layer_norm_eps": -1e-5}, "layer_norm_eps=-1e-05: must be 0 or more"),
    ({"initializer_range": -0.02}, "initializer_range=-0.02: must be 0 or more"),
    (
        {"hidden_act": "gelus"},
        "hidden_act=\"gelus\": must be an activation of transformers; did you mean 'gelu'?",
    ),
    ({"pad_token_id": 10}, "pad_token_id=10: must be a token of the vocabulary, 0 to 9, or null"),
    ({"pad_token_id": -1}, "pad_token_id=-1: must be a token of the vocabulary"),
    ({"use_cache": "maybe"}, 'use_cache="maybe" does not fit .*: must be of the type bool'),
    ({"dtype": "float99"}, 'dtype="float99" does not fit .*float99'),
    ({"id2label": "x"}, 'id2label="x" does not fit'),
    ({"add_cross_attention": True}, "add_cross_attention=true: .* must be false"),
    ({"pruned_heads": {"0": [0]}}, r'pruned_heads=\{"0": \[0\]\}: transformers .* \(valid: null, \{\}\)'),
    (
        {"position_embedding_type": "relative_key"},
        r'position_embedding_type="relative_key": transf.*"absolute"\)',
    ),
]


@pytest.mark.parametrize(("change", "line"), VALUES, ids=str)
def test_a_value_that_no_model_can_have_is_named_with_what_is_valid(
    change: dict[str, Any], line: str, tmp_path: Path
) -> None:
    configured(checkpoint(tmp_path), **change)
    assert re.match(line.replace("?", r"\?").replace(" | ", r" \| "), refusal(tmp_path))


def test_a_value_is_named_as_its_architecture_names_it(tmp_path: Path) -> None:
    shape = {"vocab_size": 10, "n_embd": 16, "n_layer": 1, "n_head": 2, "pad_token_id": 0}
    checkpoint(tmp_path, GPT2Config(**shape))
    configured(tmp_path, n_layer=0)
    assert refusal(tmp_path) == "n_layer=0: must be at least 1"
    configured(tmp_path, n_layer=1, n_head=3)
    assert refusal(tmp_path) == "n_embd=16: must be a multiple of n_head=3"


def test_what_an_architecture_can_be_without_may_be_zero(tmp_path: Path) -> None:
    loaded(checkpoint(tmp_path, DebertaV2Config(**SHAPE, type_vocab_size=0)))


def test_a_decoder_whose_head_reads_a_token_that_sees_no_other_is_refused(tmp_path: Path) -> None:
    checkpoint(tmp_path, BertConfig(**SHAPE, is_decoder=True))
    assert refusal(tmp_path).startswith("is_decoder=true: a token sees only those before it")
    loaded(tmp_path, TOKENS)
