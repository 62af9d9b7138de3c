"""Exact match and F1 of answer texts, normalised as in SQuAD or MLQA.

MLQA's normalisation depends on the language. A row is a question. Its prediction is a list of one text, or an
empty list if there is none. Its reference is the list of right answers; the best one counts, for exact match
and for F1 separately. If it is empty, the question has no answer and no prediction is right, as in SQuAD 2;
else no prediction scores 0.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from benchmark.errors import unknown
from benchmark.tasks.metrics.base import Metric

Texts = Sequence[Sequence[str]]
ENGLISH_ARTICLES = "a an the"
ARTICLES = {
    "en": ENGLISH_ARTICLES,
    "de": "ein eine einen einem eines einer der die das den dem des",
    "es": "un una unos unas el la los las",
    "vi": "của là cái chiếc những",
    "ar": "",
    "hi": "",
    "zh": "",
}
IDEOGRAPH = re.compile("([\u4e00-\u9fa5])")


class SquadF1(Metric):
    """Exact match and F1 as SQuAD v1.1 defines them, for every language alike (XQuAD, TyDiQA-GoldP)."""

    value = "string"
    depth = 1
    row = "a list of texts per question: at most one prediction, all the right answers"

    def tokens(self, text: str) -> list[str]:
        """The words of ``text`` that are compared."""
        return squad_tokens(text)

    def marks(self, predictions: Texts, references: Texts) -> np.ndarray:
        """Exact match and F1 of every question, (questions, 2) in fractions."""
        scores = [question_scores(*row, self.tokens) for row in zip(predictions, references, strict=True)]
        return np.array(scores, np.float64).reshape(-1, 2)

    def compute(self, predictions: Texts, references: Texts) -> dict[str, float]:
        return means(self.marks(predictions, references))


class MlqaF1(SquadF1):
    """Exact match and F1 as in MLQA, for the metric's language."""

    def __init__(self, language: str | None = None) -> None:
        if language not in ARTICLES:
            raise unknown("language", language, ARTICLES, "MLQA's answers")
        super().__init__(language)

    def tokens(self, text: str) -> list[str]:
        return mlqa_tokens(text, str(self.language))


def means(marks: np.ndarray) -> dict[str, float]:
    """The mean exact match and F1 of ``marks`` (questions, 2)."""
    exact_match, f1 = np.mean(marks, axis=0)
    return {"f1": float(f1), "exact_match": float(exact_match)}


def aligned(
    predictions: Mapping[str, str], answers: Mapping[str, Sequence[str]]
) -> tuple[list[list[str]], list[list[str]]]:
    """Make rows of predictions and references from texts by question id.

    They are in the order of ``answers``.
    """
    given = [[predictions[question]] if question in predictions else [] for question in answers]
    return given, [list(texts) for texts in answers.values()]


def squad_tokens(text: str) -> list[str]:
    """The words of ``text`` that SQuAD compares: lower case, no ASCII punctuation, no English articles."""
    kept = "".join(c for c in text.lower() if c not in string.punctuation)
    return _without(ENGLISH_ARTICLES, kept).split()


def mlqa_tokens(text: str, language: str) -> list[str]:
    """The tokens of ``text`` that MLQA compares; each Chinese ideograph is one."""
    kept = "".join(c for c in text.lower() if not _is_punctuation(c))
    if language == "ar":
        # Meant for the article at the start of a word; MLQA's pattern finds the two letters anywhere.
        kept = kept.replace("\u0627\u0644", " ")
    elif ARTICLES[language]:
        kept = _without(ARTICLES[language], kept)
    return (IDEOGRAPH.sub(r" \1 ", kept) if language == "zh" else kept).split()


def question_scores(
    prediction: Sequence[str], answers: Sequence[str], tokens: Callable[[str], list[str]]
) -> tuple[float, float]:
    """Exact match (0 or 1) and F1 (0-1) of one question.

    ``prediction`` is a list of one text or of none.
    """
    if not answers:
        right = float(not prediction or not tokens(prediction[0]))
        return right, right
    if not prediction:
        return 0.0, 0.0
    said = tokens(prediction[0])
    wanted = [tokens(answer) for answer in answers]
    return float(said in wanted), max((_overlap(said, words) for words in wanted), default=0.0)


def _overlap(said: list[str], wanted: list[str]) -> float:
    """F1 of two bags of words.

    0 if they share none, even if both are empty.
    """
    shared = (Counter(said) & Counter(wanted)).total()
    return 2 * shared / (len(said) + len(wanted)) if shared else 0.0


def _without(words: str, text: str) -> str:
    return re.sub(rf"\b({'|'.join(words.split())})\b", " ", text)


def _is_punctuation(character: str) -> bool:
    return character in string.punctuation or unicodedata.category(character).startswith("P")
