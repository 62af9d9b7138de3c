"""What can be said in the artificial languages: sentences as phrases of concepts, without the words.

There are two kinds of statement. A *judgement* says how good a thing of some company is, in the degrees of
`benchmark.embedded.language`; an *event* says who did what to how many things, and where. A *question* asks for
one phrase of a statement.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from benchmark.embedded.language import DEGREES

COUNTS = {"thing": 16, "deed": 8, "given": 12, "family": 12, "company": 12, "city": 12}
QUALITIES = 8  # of each degree
NUMBERS = range(2, 10)
NEGATED, NORTHERN = 0.25, 0.3
FUNCTION = ("the", "is", "not", "and", "in", "by", "group", "north", "who", "where", "how many", "whose")
NAMES = ("given", "family", "company", "city")


@dataclass(frozen=True)
class Word:
    """A concept with its part of speech and its entity label (BIO); ``form`` is what a language says for it."""

    concept: str
    part: str
    entity: str = "O"
    form: str = ""


@dataclass(frozen=True)
class Sentence:
    """Phrases by role: S(ubject), V(erb), O(bject), P(lace) and what ends the sentence."""

    phrases: dict[str, tuple[Word, ...]]

    @property
    def roles(self) -> str:
        """Those that can be asked for: all of an event's, and whose a judged thing is."""
        return "SOP" if self.phrases["V"][0].part == "VERB" else "P"

    def asking(self, role: str) -> Sentence:
        """The question for what stands in ``role``; of an object it is the number that is asked for."""
        word, part = {"S": ("who", "PRON"), "O": ("how many", "ADV")}.get(role, ("where", "ADV"))
        if role == "P" and self.phrases["P"][0].concept == "by":
            word, part = "whose", "PRON"
        rest = self.phrases["O"][1:] if role == "O" else ()
        return Sentence(self.phrases | {role: (Word(word, part), *rest), "end": (Word("?", "PUNCT"),)})

    def answer(self, role: str) -> tuple[Word, ...]:
        """The words that answer it."""
        if role == "O":
            return self.phrases["O"][:1]
        return tuple(word for word in self.phrases[role] if word.part == "PROPN")


def concepts() -> list[str]:
    """Everything that a language has a word for, interjections as the sign of their degree."""
    return [
        *FUNCTION,
        *(f"felt/{degree}" for degree in DEGREES),
        *(f"{kind}/{number}" for kind, count in COUNTS.items() for number in range(count)),
        *(f"quality/{degree}/{number}" for degree in DEGREES for number in range(QUALITIES)),
    ]


@dataclass(frozen=True)
class Mind:
    """Has things to say."""

    chance: random.Random

    def one(self, kind: str) -> str:
        """A concept of a kind."""
        return f"{kind}/{self.chance.randrange(COUNTS[kind])}"

    def judgement(self, degree: int, thing: str | None = None, company: str | None = None) -> Sentence:
        """Something is of ``degree``, or is not of the opposite one."""
        negated = self.chance.random() < NEGATED
        quality = f"quality/{-degree if negated else degree}/{self.chance.randrange(QUALITIES)}"
        return Sentence(
            {
                "S": (Word("the", "DET"), Word(thing or self.one("thing"), "NOUN")),
                "V": (Word("is", "AUX"), *([Word("not", "PART")] if negated else [])),
                "O": (Word(quality, "ADJ"),),
                "P": (
                    Word("by", "ADP"),
                    Word(company or self.one("company"), "PROPN", "B-ORG"),
                    Word("group", "PROPN", "I-ORG"),
                ),
                "end": (Word(".", "PUNCT"),),
            }
        )

    def event(self) -> Sentence:
        """Somebody did something with a number of things somewhere."""
        city = Word(self.one("city"), "PROPN", "B-LOC")
        northern = self.chance.random() < NORTHERN
        place = (Word("north", "PROPN", "B-LOC"), replace(city, entity="I-LOC")) if northern else (city,)
        return Sentence(
            {
                "S": (
                    Word(self.one("given"), "PROPN", "B-PER"),
                    Word(self.one("family"), "PROPN", "I-PER"),
                ),
                "V": (Word(self.one("deed"), "VERB"),),
                "O": (
                    Word(str(self.chance.choice(NUMBERS)), "NUM"),
                    Word(self.one("thing"), "NOUN"),
                ),
                "P": (Word("in", "ADP"), *place),
                "end": (Word(".", "PUNCT"),),
            }
        )

    def statement(self) -> Sentence:
        """Either of the two."""
        return self.event() if self.chance.random() < 0.5 else self.judgement(self.chance.choice(DEGREES))
