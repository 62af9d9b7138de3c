"""Meanings in the artificial languages: sentences as phrases of concepts, without words.

There are two kinds of statement. A *judgement* says how good a thing of some company is, in the degrees of
`benchmark.embedded.language`. An *event* says who did something to a number of things at a place. A
*question* asks for one phrase of a statement.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from benchmark.embedded.language import DEGREES

COUNTS = {"thing": 16, "deed": 8, "given": 12, "family": 12, "company": 12, "city": 12}
QUALITIES = 8  # words for each degree
NUMBERS = range(2, 10)
NEGATED, NORTHERN = 0.25, 0.3
FUNCTION = ("the", "is", "not", "and", "in", "by", "group", "north", "who", "where", "how many", "whose")
NAMES = ("given", "family", "company", "city")


@dataclass(frozen=True)
class Word:
    """A concept with its part of speech and its entity label (BIO).

    ``form`` is the word for it in a language.
    """

    concept: str
    part: str
    entity: str = "O"
    form: str = ""


@dataclass(frozen=True)
class Sentence:
    """Phrases by role: S(ubject), V(erb), O(bject), P(lace) and the end of the sentence."""

    phrases: dict[str, tuple[Word, ...]]

    @property
    def roles(self) -> str:
        """The roles that a question can ask for.

        Those of an event are S, O and P; that of a judgement is P, the company.
        """
        return "SOP" if self.phrases["V"][0].part == "VERB" else "P"

    def asking(self, role: str) -> Sentence:
        """The question for the phrase in ``role``; for an object, it asks for the number."""
        word, part = {"S": ("who", "PRON"), "O": ("how many", "ADV")}.get(role, ("where", "ADV"))
        if role == "P" and self.phrases["P"][0].concept == "by":
            word, part = "whose", "PRON"
        rest = self.phrases["O"][1:] if role == "O" else ()
        return Sentence(self.phrases | {role: (Word(word, part), *rest), "end": (Word("?", "PUNCT"),)})

    def answer(self, role: str) -> tuple[Word, ...]:
        """The words that answer the question for ``role``."""
        if role == "O":
            return self.phrases["O"][:1]
        return tuple(word for word in self.phrases[role] if word.part == "PROPN")


def concepts() -> list[str]:
    """Every concept of a language; interjections stand for the sign of their degree."""
    return [
        *FUNCTION,
        *(f"felt/{degree}" for degree in DEGREES),
        *(f"{kind}/{number}" for kind, count in COUNTS.items() for number in range(count)),
        *(f"quality/{degree}/{number}" for degree in DEGREES for number in range(QUALITIES)),
    ]


@dataclass(frozen=True)
class Mind:
    """A source of random statements."""

    chance: random.Random

    def concept(self, kind: str) -> str:
        """A random concept of a kind."""
        return f"{kind}/{self.chance.randrange(COUNTS[kind])}"

    def judgement(self, degree: int, thing: str | None = None, company: str | None = None) -> Sentence:
        """A statement that a thing is of ``degree``, or is not of the opposite one."""
        negated = self.chance.random() < NEGATED
        quality = f"quality/{-degree if negated else degree}/{self.chance.randrange(QUALITIES)}"
        return Sentence(
            {
                "S": (Word("the", "DET"), Word(thing or self.concept("thing"), "NOUN")),
                "V": (Word("is", "AUX"), *([Word("not", "PART")] if negated else [])),
                "O": (Word(quality, "ADJ"),),
                "P": (
                    Word("by", "ADP"),
                    Word(company or self.concept("company"), "PROPN", "B-ORG"),
                    Word("group", "PROPN", "I-ORG"),
                ),
                "end": (Word(".", "PUNCT"),),
            }
        )

    def event(self) -> Sentence:
        """A statement that somebody did something with a number of things somewhere."""
        city = Word(self.concept("city"), "PROPN", "B-LOC")
        northern = self.chance.random() < NORTHERN
        place = (Word("north", "PROPN", "B-LOC"), replace(city, entity="I-LOC")) if northern else (city,)
        return Sentence(
            {
                "S": (
                    Word(self.concept("given"), "PROPN", "B-PER"),
                    Word(self.concept("family"), "PROPN", "I-PER"),
                ),
                "V": (Word(self.concept("deed"), "VERB"),),
                "O": (
                    Word(str(self.chance.choice(NUMBERS)), "NUM"),
                    Word(self.concept("thing"), "NOUN"),
                ),
                "P": (Word("in", "ADP"), *place),
                "end": (Word(".", "PUNCT"),),
            }
        )

    def statement(self) -> Sentence:
        """A judgement or an event, at random."""
        return self.event() if self.chance.random() < 0.5 else self.judgement(self.chance.choice(DEGREES))
