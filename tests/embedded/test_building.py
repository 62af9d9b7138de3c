"""The making of what is embedded tells how far it is."""

from __future__ import annotations

import random
from pathlib import Path

import torch
from transformers import BertTokenizer

from benchmark.embedded import masked
from benchmark.embedded.encoder import LANGUAGE, SPECIAL
from benchmark.embedded.folder import built_once
from benchmark.embedded.language import Speaker, corpus, lexicon
from benchmark.progress import PRETRAINED, heard_by
from benchmark.randomness import stream

UPDATES = 4


def pretrain(folder: Path) -> None:
    """Pretrain an encoder of the embedded language, hardly at all."""
    words = [*SPECIAL, *lexicon(LANGUAGE).words()]
    tokenizer = BertTokenizer(vocab={word: number for number, word in enumerate(words)}, model_max_length=64)
    said = tokenizer(corpus(Speaker(lexicon(LANGUAGE), random.Random("few")), 50))["input_ids"]
    texts = masked.padded(said, None, tokenizer.pad_token_id)
    chances = torch.full((len(tokenizer),), 0.3)
    recipe = masked.Recipe(UPDATES, batch=8, rate=1e-3)
    masked.pretrain(folder, tokenizer, [texts], chances, recipe, 1, stream(LANGUAGE, "few"))


def test_an_encoder_is_made_on_the_display_of_who_wants_it(tmp_path, capsys):
    told: list[tuple[str, int, int]] = []
    with heard_by(lambda *now: told.append(now)):
        folder = built_once(tmp_path / "few-1", pretrain)
        made = list(told)
        assert built_once(folder, pretrain) == folder
    assert made[0] == ("making few-1 (once)", 0, 0)
    assert made[1:] == [(PRETRAINED, done + 1, UPDATES) for done in range(UPDATES)]
    assert told == made  # the second time nothing is made
    assert capsys.readouterr().err == ""
