"""Sizes of encoders: from a table for known models, else from the model's configuration."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from benchmark.config.schema import ModelConfig

PADDED = ("deberta", "deberta-v2", "xlnet")  # types of models whose padding is computed
NAMES = {  # names of a field in configurations of architectures, the usual name first
    "hidden": ("hidden_size", "d_model", "dim"),
    "layers": ("num_hidden_layers", "n_layer", "n_layers"),
    "heads": ("num_attention_heads", "n_head", "n_heads"),
    "inner": ("intermediate_size", "d_inner", "hidden_dim"),
    "vocabulary": ("vocab_size",),
}


@dataclass(frozen=True)
class Shape:
    """The size of an encoder: width, layers, attention heads, width of the feed-forward block, vocabulary.

    ``padded`` is true if padding is computed. A feed-forward block with a gate counts as one half wider.
    """

    hidden: int
    layers: int
    heads: int
    inner: int
    vocabulary: int
    padded: bool = False

    @property
    def parameters(self) -> int:
        """Weights, with 512 positions, a pooler and no head."""
        block = 4 * self.hidden**2 + 2 * self.hidden * self.inner + 9 * self.hidden + self.inner
        return (self.vocabulary + 514) * self.hidden + self.layers * block + self.hidden**2 + self.hidden

    @property
    def tensors(self) -> int:
        """The number of tensors of weights."""
        return 16 * self.layers + 9


BASE, LARGE = (768, 12, 12, 3072), (1024, 24, 16, 4096)
KNOWN = {  # by the hub's id, or the builder's name
    "google-bert/bert-base-cased": Shape(*BASE, 28996),
    "google-bert/bert-base-uncased": Shape(*BASE, 30522),
    "google-bert/bert-large-uncased": Shape(*LARGE, 30522),
    "google-bert/bert-large-uncased-whole-word-masking": Shape(*LARGE, 30522),
    "FacebookAI/roberta-base": Shape(*BASE, 50265),
    "FacebookAI/roberta-large": Shape(*LARGE, 50265),
    "FacebookAI/xlm-roberta-base": Shape(*BASE, 250002),
    "FacebookAI/xlm-roberta-large": Shape(*LARGE, 250002),
    "google/electra-base-discriminator": Shape(*BASE, 30522),
    "google/electra-large-discriminator": Shape(*LARGE, 30522),
    "microsoft/deberta-base": Shape(*BASE, 50265, True),
    "microsoft/deberta-large": Shape(*LARGE, 50265, True),
    "microsoft/deberta-v2-xlarge": Shape(1536, 24, 24, 6144, 128100, True),
    "microsoft/deberta-v2-xxlarge": Shape(1536, 48, 24, 6144, 128100, True),
    "microsoft/deberta-v3-base": Shape(*BASE, 128100, True),
    "xlnet/xlnet-base-cased": Shape(*BASE, 32000, True),
    "xlnet/xlnet-large-cased": Shape(*LARGE, 32000, True),
    "answerdotai/ModernBERT-base": Shape(768, 22, 12, 1728, 50368),
    "answerdotai/ModernBERT-large": Shape(1024, 28, 16, 3936, 50368),
    "sentence-transformers/all-MiniLM-L6-v2": Shape(384, 6, 12, 1536, 30522),
    "benchmark.embedded.encoder.build": Shape(64, 2, 4, 128, 139),
    "benchmark.embedded.bert_tiny.build": Shape(128, 2, 2, 512, 30522),
    "benchmark.embedded.minilm_l3.build": Shape(384, 3, 12, 1536, 30522),
    "benchmark.embedded.e5_small_4bit.build": Shape(384, 12, 12, 1536, 250037),
    "benchmark.embedded.multilingual_encoder.build": Shape(64, 2, 4, 128, 387),
    "benchmark.embedded.xtreme.build": Shape(192, 4, 6, 768, 16000),
}


def shape_of(model: ModelConfig) -> Shape | None:
    """The size of a model; None if it is neither known nor here."""
    name = model.id or model.builder or ""
    return KNOWN.get(name.removesuffix("-mnli")) or _of_files(name, model.revision)


@cache
def _of_files(name: str, revision: str | None) -> Shape | None:
    from benchmark.models import model_files  # imports the hub's library, which is slow

    folder = model_files.folder_of(ModelConfig(name=name, id=name, revision=revision))
    return None if folder is None else of_folder(folder)


def of_folder(folder: Path) -> Shape | None:
    """The size of the model in a folder; None if its configuration does not tell."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8-sig"))
        return of_config(config)
    except (OSError, ValueError, TypeError, AttributeError):
        return None


def of_config(config: dict[str, Any]) -> Shape | None:
    """The size in an architecture's configuration; None if a number is missing."""
    numbers = {
        field: next((config[name] for name in names if isinstance(config.get(name), int)), None)
        for field, names in NAMES.items()
    }
    if None in numbers.values():
        return None
    return Shape(**numbers, padded=config.get("model_type") in PADDED)  # type: ignore[arg-type]
