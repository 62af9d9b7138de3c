"""Checkpoints as folders: tiny encoders with random weights and a tokenizer of a few words."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, pre_tokenizers, processors
from tokenizers.models import WordLevel
from transformers import AutoModel, BertConfig, PreTrainedTokenizerFast

SPECIAL = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
WORDS = [*SPECIAL.values(), "good", "bad", "film", "book", "the", "a"]
SHAPE = {
    "vocab_size": len(WORDS),
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 24,
}
WEIGHTS = "model.safetensors"


def tokenizer(folder: Path, words: list[str] = WORDS, **special: str | None) -> None:
    """Save a tokenizer of ``words`` that states no limit; ``special`` tokens may be None."""
    core = Tokenizer(WordLevel({word: i for i, word in enumerate(words)}, unk_token="[UNK]"))
    core.pre_tokenizer = pre_tokenizers.Whitespace()
    core.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    names = {name: token for name, token in (SPECIAL | special).items() if token is not None}
    inputs = ["input_ids", "token_type_ids", "attention_mask"]
    PreTrainedTokenizerFast(tokenizer_object=core, model_input_names=inputs, **names).save_pretrained(folder)


def checkpoint(folder: Path, config: Any = None, **shape: Any) -> Path:
    """Save a model, BERT unless ``config`` is of another kind, with its tokenizer in ``folder``."""
    torch.manual_seed(0)
    AutoModel.from_config(config or BertConfig(**SHAPE | shape)).save_pretrained(folder)
    tokenizer(folder)
    return folder


def configured(folder: Path, **changes: Any) -> None:
    """Change values of a checkpoint's configuration; None takes one out."""
    path = folder / "config.json"
    values = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({key: value for key, value in values.items() if value is not None}))


def weighted(folder: Path, change: Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]]) -> None:
    """Change the weights of a checkpoint."""
    save_file(change(load_file(folder / WEIGHTS)), folder / WEIGHTS, {"format": "pt"})
