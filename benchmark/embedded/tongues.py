"""Four small artificial languages: one grammar of meanings, different words and writing.

Their codes are those of real languages with the same trait. Code that depends on the language is therefore
run (which side of a bitext is searched from, how an answer is normalised). ``en`` is the training language.
``de`` differs from it in its words, ``hi`` puts the verb last and has postpositions, ``zh`` is written in
ideographs without spaces. Digits, punctuation and exclamations are common to all, names to all but ``zh``.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

from benchmark.embedded.language import EXCLAMATIONS
from benchmark.embedded.meanings import NAMES, Sentence, Word, concepts

FIRST = "en"
ORDERS = {"en": "SVOP", "de": "SVOP", "hi": "SPOV", "zh": "SVOP"}
IDEOGRAPHS = range(0x4E00, 0x9FA5)


@dataclass(frozen=True)
class Tongue:
    """A language: its ``words`` by concept, the ``order`` of its phrases, its writing."""

    words: dict[str, str]
    order: str
    postpositions: bool
    spaced: bool

    def say(self, sentence: Sentence) -> list[Word]:
        """The sentence's words with their forms, in order."""
        words: list[Word] = []
        for role in (*self.order, "end"):
            phrase = list(sentence.phrases[role])
            if self.postpositions and phrase[0].part == "ADP":
                phrase = [*phrase[1:], phrase[0]]
            words += phrase
        return self.spelt(words)

    def spelt(self, words: Sequence[Word]) -> list[Word]:
        """``words`` with their forms; digits and punctuation stand for themselves."""
        return [replace(word, form=self.words.get(word.concept, word.concept)) for word in words]

    def write(self, words: Sequence[Word]) -> str:
        """Running text."""
        text = "".join(
            word.form if word.part == "PUNCT" or not self.spaced else f" {word.form}" for word in words
        )
        return text.lstrip()


@cache
def tongue(code: str) -> Tongue:
    """The language of that code."""
    chance = random.Random(f"tongue/{code}")
    wanted = concepts()
    if code == "zh":
        forms = [chr(place) for place in chance.sample(IDEOGRAPHS, len(wanted))]
    else:
        forms = _spelt_in_syllables(chance, len(wanted), {"en": "aeiou", "de": "äëïöü", "hi": "âêîôû"}[code])
    words = dict(zip(wanted, forms, strict=True))
    if code not in (FIRST, "zh"):
        shared = tongue(FIRST).words
        words |= {concept: shared[concept] for concept in wanted if concept.split("/")[0] in NAMES}
    words |= {f"felt/{degree}": exclamation for degree, exclamation in EXCLAMATIONS.items()}
    return Tongue(words, ORDERS[code], postpositions=code == "hi", spaced=code != "zh")


def _spelt_in_syllables(chance: random.Random, count: int, vowels: str) -> list[str]:
    syllables = [consonant + vowel for consonant in "bdfgklmnprstvz" for vowel in vowels]
    words: dict[str, None] = {}  # used as a set that keeps its order
    while len(words) < count:
        words["".join(chance.choices(syllables, k=chance.choice((2, 3))))] = None
    return list(words)
