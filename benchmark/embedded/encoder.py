"""The embedded encoder: a two-layer BERT, pretrained on the artificial language in seconds.

It needs no network and no download, and goes through the same code as any checkpoint of the hub. It is
far better after pretraining than before, so that "pretrained", "perturbed" and "fine-tuned" mean something.
"""

from __future__ import annotations

import random
from pathlib import Path

import torch
from transformers import BertTokenizer

from benchmark.embedded import masked
from benchmark.embedded.folder import built_once
from benchmark.embedded.language import EXCLAMATIONS, Speaker, corpus, lexicon
from benchmark.randomness import derive, stream

REVISION = "1"  # raised when the encoder changes, here and in conf/model/embedded.yaml
LANGUAGE = 0
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
CORPUS = 20_000
RECIPE = masked.Recipe(updates=1200, batch=64, rate=3e-3)
MASKED, MASKED_EXCLAMATIONS = 0.2, 0.6


def build(cache: Path) -> Path:
    """The encoder's folder, in the layout of a hub snapshot.

    Pretrained if it is not in the cache yet.
    """
    return built_once(cache / "embedded" / f"encoder-{REVISION}", pretrain)


def pretrain(folder: Path) -> None:
    """Pretrain by masked-word prediction and save encoder and tokenizer to ``folder``."""
    words = lexicon(LANGUAGE).words()
    tokenizer = BertTokenizer(
        vocab={word: number for number, word in enumerate((*SPECIAL, *words))}, model_max_length=64
    )
    utterances = corpus(Speaker(lexicon(LANGUAGE), random.Random("corpus")), CORPUS)
    encoded = tokenizer(utterances)["input_ids"]
    chances = torch.full((len(tokenizer),), MASKED)
    chances[: len(SPECIAL)] = 0
    chances[tokenizer.convert_tokens_to_ids(list(EXCLAMATIONS.values()))] = MASKED_EXCLAMATIONS
    masked.pretrain(
        folder,
        tokenizer,
        [masked.padded(encoded, None, tokenizer.pad_token_id)],
        chances,
        RECIPE,
        derive(LANGUAGE, "encoder"),
        stream(LANGUAGE, "masks"),
    )
