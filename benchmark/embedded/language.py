"""A small artificial language: enough meaning for pretraining to help, small enough for a laptop.

Words are made of syllables. A quality has a *degree*: very bad, bad, good or very good (-2, -1, 1, 2).
"not" turns a quality into its mirror image, "and" joins clauses. Raw text reveals degrees, because speakers
add an exclamation that mostly fits. The tasks contain no exclamations.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

DEGREES = (-2, -1, 1, 2)
FUNCTION_WORDS = ("the", "is", "not", "and")
EXCLAMATIONS = {-2: "woe", -1: "alas", 1: "aye", 2: "hurrah"}


@dataclass(frozen=True)
class Lexicon:
    """The words of a language: names of things, and qualities by degree."""

    things: tuple[str, ...]
    qualities: dict[int, tuple[str, ...]]

    def words(self) -> list[str]:
        """Every word of the language, function words first."""
        return [
            *FUNCTION_WORDS,
            *EXCLAMATIONS.values(),
            *self.things,
            *(word for d in DEGREES for word in self.qualities[d]),
        ]


def lexicon(seed: int, things: int = 30, qualities: int = 24) -> Lexicon:
    """Draw a lexicon with ``things`` nouns and ``qualities`` words for each degree."""
    chance = random.Random(f"lexicon/{seed}")
    syllables = [consonant + vowel for consonant in "bdfgklmnprstvz" for vowel in "aeiou"]
    words: dict[str, None] = {}  # used as a set that keeps its order
    while len(words) < things + qualities * len(DEGREES):
        words["".join(chance.choices(syllables, k=chance.choice((2, 3))))] = None
    drawn = iter(words)
    return Lexicon(
        tuple(next(drawn) for _ in range(things)),
        {degree: tuple(next(drawn) for _ in range(qualities)) for degree in DEGREES},
    )


@dataclass(frozen=True)
class Speaker:
    """A speaker who puts degrees into words."""

    lexicon: Lexicon
    chance: random.Random

    def clause(self, degree: int) -> str:
        """One statement of ``degree``."""
        thing = self.chance.choice(self.lexicon.things)
        if self.chance.random() < 0.25:
            return f"the {thing} is not {self.chance.choice(self.lexicon.qualities[-degree])}"
        return f"the {thing} is {self.chance.choice(self.lexicon.qualities[degree])}"

    def sentence(self, degrees: Sequence[int]) -> str:
        """A sentence of statements with these degrees."""
        return " and ".join(self.clause(degree) for degree in degrees)


def corpus(speaker: Speaker, size: int) -> list[str]:
    """Make ``size`` utterances for pretraining: a sentence and an exclamation that mostly fits."""
    utterances = []
    for _ in range(size):
        degree = speaker.chance.choice(DEGREES)
        felt = degree if speaker.chance.random() < 0.9 else speaker.chance.choice(DEGREES)
        sentence = speaker.sentence([degree] * speaker.chance.choice((1, 2)))
        utterances.append(f"{sentence} {EXCLAMATIONS[felt]}")
    return utterances
