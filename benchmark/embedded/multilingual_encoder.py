"""The embedded multilingual encoder: a two-layer BERT for the four artificial languages.

The project pretrains it on mixed sentences, with words from all languages, and on pairs of mixed sentences
of one meaning. An encoder fine-tuned in the first language is therefore above chance in the others.
"""

from __future__ import annotations

import random
from pathlib import Path

import torch
from transformers import BertTokenizer

from benchmark.embedded import masked
from benchmark.embedded.encoder import SPECIAL
from benchmark.embedded.folder import built_once
from benchmark.embedded.language import DEGREES, EXCLAMATIONS
from benchmark.embedded.meanings import NUMBERS, Mind, Sentence, Word
from benchmark.embedded.tongues import ORDERS, Tongue, tongue
from benchmark.randomness import derive, stream

REVISION = "1"  # raised when the encoder changes, here and in conf/model/embedded_multilingual.yaml
CORPUS = 20_000  # utterances of each of the two kinds
LENGTH = 96
MIXED = 0.4  # share of words in a mixed sentence whose language is drawn anew
MASKED, MASKED_FELT = 0.2, 0.6
RECIPE = masked.Recipe(updates=2400, batch=64, rate=3e-3)


def build(cache: Path) -> Path:
    """The encoder's folder, in the layout of a hub snapshot.

    Pretrained if it is not in the cache yet.
    """
    return built_once(cache / "embedded" / f"multilingual-{REVISION}", pretrain)


def pretrain(folder: Path) -> None:
    """Pretrain by masked-word prediction and save encoder and tokenizer to ``folder``."""
    tongues = [tongue(code) for code in ORDERS]
    forms = dict.fromkeys(form for language in tongues for form in language.words.values())
    vocabulary = [*SPECIAL, ".", "?", *map(str, NUMBERS), *forms]
    tokenizer = BertTokenizer(
        vocab={word: number for number, word in enumerate(vocabulary)},
        model_max_length=LENGTH,
        strip_accents=False,
    )
    mind = Mind(random.Random("multilingual corpus"))
    alone = tokenizer([mixed(mind, thought(mind), tongues) for _ in range(CORPUS)])["input_ids"]
    paired = tokenizer(*zip(*(twice(mind, tongues) for _ in range(CORPUS)), strict=True))
    sources = [
        masked.padded(alone, None, tokenizer.pad_token_id),
        masked.padded(paired["input_ids"], paired["token_type_ids"], tokenizer.pad_token_id),
    ]
    chances = torch.full((len(tokenizer),), MASKED)
    chances[: len(SPECIAL)] = 0
    chances[tokenizer.convert_tokens_to_ids(list(EXCLAMATIONS.values()))] = MASKED_FELT
    masked.pretrain(
        folder,
        tokenizer,
        sources,
        chances,
        RECIPE,
        derive(0, "multilingual"),
        stream(0, "multilingual masks"),
    )


Thought = list[Sentence | tuple[Word, ...]]


def thought(mind: Mind) -> Thought:
    """A statement, a judgement with an exclamation, or a question with its answer.

    The exclamation mostly fits the judgement.
    """
    kind = mind.chance.random()
    if kind < 0.5:
        degree = mind.chance.choice(DEGREES)
        felt = degree if mind.chance.random() < 0.9 else mind.chance.choice(DEGREES)
        return [mind.judgement(degree), (Word(f"felt/{felt}", "INTJ"),)]
    stated = mind.statement()
    if kind < 0.65:
        return [stated]
    role = mind.chance.choice(stated.roles)
    return [stated.asking(role), stated.answer(role)]


def spoken(meaning: Thought, language: Tongue) -> list[Word]:
    """The words of a thought in one language."""
    return [
        word
        for part in meaning
        for word in (language.say(part) if isinstance(part, Sentence) else language.spelt(part))
    ]


def mixed(mind: Mind, meaning: Thought, tongues: list[Tongue]) -> str:
    """A thought in the word order of one language, with words of several."""
    own = mind.chance.choice(tongues)
    return " ".join(
        mind.chance.choice(tongues).spelt([word])[0].form if mind.chance.random() < MIXED else word.form
        for word in spoken(meaning, own)
    )


def twice(mind: Mind, tongues: list[Tongue]) -> tuple[str, str]:
    """One thought as two mixed sentences."""
    meaning = thought(mind)
    return mixed(mind, meaning, tongues), mixed(mind, meaning, tongues)
