"""Small tasks of every kind in the four artificial languages, in the file layout of the hub.

They are those of XTREME in form: pairs to classify, words to tag, answers to find, translations to retrieve and to
mine. Every set but that of ``enquiries`` says the same in all languages.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmark.embedded.folder import built_once, save_split
from benchmark.embedded.language import DEGREES
from benchmark.embedded.meanings import Mind, Sentence
from benchmark.embedded.tongues import FIRST, ORDERS, Tongue, tongue

REVISION = "1"  # raised when the tasks change, here and in conf/task/
SIZES = {"train": 800, "validation": 100, "test": 150}
CLAUSES = 3  # sentences of a context
MINED, UNPAIRED = 60, 60  # sentences of each side of a mining set with a translation and without
NAMES = {"en": "first", "de": "second", "hi": "third", "zh": "fourth"}  # in the ids of `enquiries`

Row = dict[str, Any]
Said = Callable[[Tongue], Row]  # one row, still to be put into a language


def inference(mind: Mind) -> Said:
    """A statement follows from a stronger one, contradicts one of the other sign, and is open from a weaker one."""
    label = mind.chance.choice(("entailment", "neutral", "contradiction"))
    pairs = [(a, b) for a in DEGREES for b in DEGREES if _relation(a, b) == label]
    first, second = _about_one(mind, *mind.chance.choice(pairs))
    return lambda say: _pair(say, first, second) | {"gold_label": label}


def paraphrase(mind: Mind) -> Said:
    """Sentences about one thing say the same if their degrees are equal."""
    same = mind.chance.random() < 0.5
    one, other = mind.chance.sample(DEGREES, 2)
    first, second = _about_one(mind, one, one if same else other)
    return lambda say: _pair(say, first, second) | {"label": int(same)}


def tagged(mind: Mind) -> Said:
    """Words with parts of speech and entities."""
    sentences = [mind.statement() for _ in range(mind.chance.choice((1, 2)))]

    def row(say: Tongue) -> Row:
        words = [word for sentence in sentences for word in say.say(sentence)]
        return {
            "tokens": [word.form for word in words],
            "pos_tags": [word.part for word in words],
            "ner_tags": [word.entity for word in words],
        }

    return row


def reading(mind: Mind) -> Said:
    """A question about one of the statements of a context, whose answer is a part of it."""
    context = [mind.event(), mind.event(), mind.judgement(mind.chance.choice(DEGREES))]
    mind.chance.shuffle(context)
    asked = mind.chance.choice(context)
    role = mind.chance.choice(asked.roles)
    number = mind.chance.getrandbits(32)

    def row(say: Tongue) -> Row:
        text, start, answer = "", -1, say.write(say.spelt(asked.answer(role)))
        for sentence in context:
            text += " " * bool(text and say.spaced)
            if sentence is asked:
                words = say.say(sentence)
                first = next(
                    i for i, word in enumerate(words) if word.concept == asked.answer(role)[0].concept
                )
                before = say.write(words[:first])
                start = len(text) + len(before) + bool(before and say.spaced)
            text += say.write(say.say(sentence))
        return {
            "id": f"{number:08x}",
            "question": say.write(say.say(asked.asking(role))),
            "context": text,
            "answers": {"answer_start": [start], "text": [answer]},
        }

    return row


def bitext(mind: Mind) -> Said:
    """A sentence beside its translation into the first language."""
    sentence, first = mind.statement(), tongue(FIRST)
    return lambda say: {
        "source_sentence": say.write(say.say(sentence)),
        "target_sentence": first.write(first.say(sentence)),
    }


ROWS: dict[str, Callable[[Mind], Said]] = {
    "inference": inference,
    "paraphrase": paraphrase,
    "tagged": tagged,
    "reading": reading,
    "bitext": bitext,
}


def build(cache: Path) -> Path:
    """The folder of the data sets, made in the cache if it is not there."""
    return built_once(cache / "embedded" / f"multilingual-tasks-{REVISION}", _write)


def _write(folder: Path) -> None:
    for name, make in ROWS.items():
        for split, size in SIZES.items():
            said = [make(_mind(name, split, number)) for number in range(size)]
            for code in ORDERS:
                save_split(folder, f"{name}.{code}", split, [one(tongue(code)) for one in said])
    for split in ("train", "validation"):
        save_split(folder, "enquiries", split, list(_enquiries(split)))
    for code in ORDERS:
        for split in ("validation", "test"):
            if code != FIRST:
                pairs, sentences = _mining(code, split)
                save_split(folder, f"mining.{code}", split, pairs)
                save_split(folder, f"mining.{code}.sentences", split, sentences)


def _enquiries(split: str) -> Iterator[Row]:
    """Questions of every language in one file, each language's own."""
    for code in ORDERS:
        for number in range(SIZES[split]):
            row = reading(_mind("enquiries", split, code, number))(tongue(code))
            yield row | {"id": f"{NAMES[code]}-{row['id']}"}


def _mining(code: str, split: str) -> tuple[list[Row], list[Row]]:
    """The pairs of ids to be found, and the sentences of both languages in any order."""
    mind, say, first = _mind("mining", code, split), tongue(code), tongue(FIRST)
    sides: list[list[Row]] = []
    shared = [mind.statement() for _ in range(MINED)]
    for language, one in ((code, say), (FIRST, first)):
        said = [*shared, *(mind.statement() for _ in range(UNPAIRED))]
        rows = [
            {"id": f"{language}-{number:04}", "lang": language, "sentence": one.write(one.say(sentence))}
            for number, sentence in enumerate(said)
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
    thing, company = mind.one("thing"), mind.one("company")
    return mind.judgement(first, thing, company), mind.judgement(second, thing, company)


def _pair(say: Tongue, first: Sentence, second: Sentence) -> Row:
    return {"sentence1": say.write(say.say(first)), "sentence2": say.write(say.say(second))}
