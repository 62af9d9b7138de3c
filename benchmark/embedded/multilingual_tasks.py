"""Small tasks of every kind in the four artificial languages, in the hub's file layout.

They have the form of XTREME's tasks: classify pairs, tag words, find answers, retrieve and mine
translations. Every set except that of ``enquiries`` has the same meanings in all languages.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmark.embedded.folder import DataRow, built_once, save_split
from benchmark.embedded.language import DEGREES
from benchmark.embedded.meanings import Mind, Sentence
from benchmark.embedded.tongues import FIRST, ORDERS, Tongue, tongue

REVISION = "1"  # raised when the tasks change, here and in conf/task/
SIZES = {"train": 800, "validation": 100, "test": 150}
CLAUSES = 3  # sentences of a context
MINED, UNPAIRED = 60, 60  # sentences per side of a mining set: with and without a translation
NAMES = {"en": "first", "de": "second", "hi": "third", "zh": "fourth"}  # in the ids of `enquiries`

InLanguage = Callable[[Tongue], DataRow]  # puts the meaning of one row into a language


def inference(mind: Mind) -> InLanguage:
    """A pair of statements with the label of natural language inference.

    A statement follows from a stronger one, contradicts one of the other sign, and is open after a weaker
    one.
    """
    label = mind.chance.choice(("entailment", "neutral", "contradiction"))
    pairs = [(a, b) for a in DEGREES for b in DEGREES if _relation(a, b) == label]
    first, second = _about_one(mind, *mind.chance.choice(pairs))
    return lambda language: _pair(language, first, second) | {"gold_label": label}


def paraphrase(mind: Mind) -> InLanguage:
    """A pair of sentences about one thing: a paraphrase if their degrees are equal."""
    same = mind.chance.random() < 0.5
    degree, other = mind.chance.sample(DEGREES, 2)
    first, second = _about_one(mind, degree, degree if same else other)
    return lambda language: _pair(language, first, second) | {"label": int(same)}


def tagged(mind: Mind) -> InLanguage:
    """Words with parts of speech and entities."""
    sentences = [mind.statement() for _ in range(mind.chance.choice((1, 2)))]

    def row(language: Tongue) -> DataRow:
        words = [word for sentence in sentences for word in language.say(sentence)]
        return {
            "tokens": [word.form for word in words],
            "pos_tags": [word.part for word in words],
            "ner_tags": [word.entity for word in words],
        }

    return row


def reading(mind: Mind) -> InLanguage:
    """A context with a question about one of its statements, answered by a span."""
    context = [mind.event(), mind.event(), mind.judgement(mind.chance.choice(DEGREES))]
    mind.chance.shuffle(context)
    asked = mind.chance.choice(context)
    role = mind.chance.choice(asked.roles)
    number = mind.chance.getrandbits(32)

    def row(language: Tongue) -> DataRow:
        text, start, answer = "", -1, language.write(language.spelt(asked.answer(role)))
        for sentence in context:
            text += " " * bool(text and language.spaced)
            if sentence is asked:
                words = language.say(sentence)
                first = next(
                    i for i, word in enumerate(words) if word.concept == asked.answer(role)[0].concept
                )
                before = language.write(words[:first])
                start = len(text) + len(before) + bool(before and language.spaced)
            text += language.write(language.say(sentence))
        return {
            "id": f"{number:08x}",
            "question": language.write(language.say(asked.asking(role))),
            "context": text,
            "answers": {"answer_start": [start], "text": [answer]},
        }

    return row


def bitext(mind: Mind) -> InLanguage:
    """A sentence beside its translation into the first language."""
    sentence, first = mind.statement(), tongue(FIRST)
    return lambda language: {
        "source_sentence": language.write(language.say(sentence)),
        "target_sentence": first.write(first.say(sentence)),
    }


ROWS: dict[str, Callable[[Mind], InLanguage]] = {
    "inference": inference,
    "paraphrase": paraphrase,
    "tagged": tagged,
    "reading": reading,
    "bitext": bitext,
}


def build(cache: Path) -> Path:
    """The folder of the data sets, made in the cache if it is missing."""
    return built_once(cache / "embedded" / f"multilingual-tasks-{REVISION}", _write)


def _write(folder: Path) -> None:
    for name, make in ROWS.items():
        for split, size in SIZES.items():
            meanings = [make(_mind(name, split, number)) for number in range(size)]
            for code in ORDERS:
                save_split(folder, f"{name}.{code}", split, [row(tongue(code)) for row in meanings])
    for split in ("train", "validation"):
        save_split(folder, "enquiries", split, list(_enquiries(split)))
    for code in ORDERS:
        for split in ("validation", "test"):
            if code != FIRST:
                pairs, sentences = _mining(code, split)
                save_split(folder, f"mining.{code}", split, pairs)
                save_split(folder, f"mining.{code}.sentences", split, sentences)


def _enquiries(split: str) -> Iterator[DataRow]:
    """Questions of all languages in one file, different ones in each language."""
    for code in ORDERS:
        for number in range(SIZES[split]):
            row = reading(_mind("enquiries", split, code, number))(tongue(code))
            yield row | {"id": f"{NAMES[code]}-{row['id']}"}


def _mining(code: str, split: str) -> tuple[list[DataRow], list[DataRow]]:
    """Pairs of ids to find, and the sentences of both languages in random order."""
    mind, language, first = _mind("mining", code, split), tongue(code), tongue(FIRST)
    sides: list[list[DataRow]] = []
    shared = [mind.statement() for _ in range(MINED)]
    for side, speech in ((code, language), (FIRST, first)):
        meanings = [*shared, *(mind.statement() for _ in range(UNPAIRED))]
        rows = [
            {"id": f"{side}-{number:04}", "lang": side, "sentence": speech.write(speech.say(sentence))}
            for number, sentence in enumerate(meanings)
        ]
        sides.append(rows)
    pairs = [
        {"source_id": source["id"], "target_id": target["id"]}
        for source, target in zip(*(side[:MINED] for side in sides), strict=True)
    ]
    sentences = [*sides[0], *sides[1]]
    mind.chance.shuffle(sentences)
    return pairs, sentences


def _mind(*name: Any) -> Mind:
    return Mind(random.Random(json.dumps([REVISION, *name])))


def _relation(premise: int, hypothesis: int) -> str:
    if premise * hypothesis < 0:
        return "contradiction"
    return "entailment" if abs(premise) >= abs(hypothesis) else "neutral"


def _about_one(mind: Mind, first: int, second: int) -> tuple[Sentence, Sentence]:
    """Two judgements of one thing of one company."""
    thing, company = mind.concept("thing"), mind.concept("company")
    return mind.judgement(first, thing, company), mind.judgement(second, thing, company)


def _pair(language: Tongue, first: Sentence, second: Sentence) -> DataRow:
    return {
        "sentence1": language.write(language.say(first)),
        "sentence2": language.write(language.say(second)),
    }
