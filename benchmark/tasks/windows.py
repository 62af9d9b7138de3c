"""Extractive question answering: windows over long contexts, their targets, and spans back to text.

The question and a part of its context make a window. Successive windows start ``stride`` context tokens
apart, as in XTREME's scripts. Answers are always character positions of the context: this
needs no spaces between words.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from transformers.tokenization_utils_base import BatchEncoding, PreTrainedTokenizerBase

from benchmark.errors import BenchmarkError
from benchmark.progress import hearer, silence
from benchmark.tasks.input_limits import spelt_limit

BEST = 20  # start and end positions that are combined
LONGEST = 30  # tokens of an answer


@dataclass(frozen=True)
class Window:
    """One input of the model: a question and a part of its context.

    ``ids`` (tokens,) and ``segments`` (tokens,), or None, are the model's inputs. ``offsets`` (context
    tokens, 2) are each context token's characters in the context, first and one past the last; the first of
    these tokens is token ``first`` of ``ids``. ``covers`` are the first and one past the last character of
    this part. ``owns`` (context tokens,) is true if no other window shows the token with more context around
    it.
    """

    question: int
    ids: np.ndarray
    segments: np.ndarray | None
    first: int
    offsets: np.ndarray
    covers: tuple[int, int]
    owns: np.ndarray

    @property
    def context(self) -> slice:
        """The slice of the context's tokens in ``ids``."""
        return slice(self.first, self.first + len(self.offsets))


@dataclass(frozen=True)
class Span:
    """An answer and its score.

    It is the characters ``start`` to ``end`` (one past the last) of its context.
    """

    start: int
    end: int
    score: float


def windows(
    questions: Sequence[str],
    contexts: Sequence[str],
    tokenizer: PreTrainedTokenizerBase,
    max_length: int,
    stride: int,
    max_question: int,
) -> list[Window]:
    """Make windows of at most ``max_length`` tokens over every context, question by question.

    Questions are cut to ``max_question`` tokens.

    Raises: BenchmarkError if that leaves no room.
    """
    made, tell = list[Window](), hearer(silence)
    for number, (question, context) in enumerate(zip(questions, contexts, strict=True)):
        tell("questions tokenised", number, len(questions))
        question, length = _shortened(question.lstrip(), tokenizer, max_question)
        room = max_length - length - tokenizer.num_special_tokens_to_add(pair=True)
        if room < 1:
            raise BenchmarkError(
                f"{spelt_limit(tokenizer, max_length)}: a question of {length} tokens leaves no room for its context"
            )
        encoded = tokenizer(
            question,
            context,
            truncation="only_second",
            max_length=max_length,
            stride=max(0, room - stride),  # a tokenizer's stride is their overlap instead
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
        )
        made += _of_question(number, encoded, len(context), min(stride, room))
    return made


def matches(context: str, start: int, text: str) -> bool:
    """True if an answer stands in its context at its stated place.

    Training on misplaced answers would teach wrong answers.
    """
    return start >= 0 and bool(text.strip()) and context[start : start + len(text)] == text


def target(window: Window, start: int, text: str, cls: int) -> tuple[int, int]:
    """First and last token of an answer, as positions in the window.

    The answer is ``text`` at character ``start``. Both are ``cls``, the position of the classification token,
    if the window does not hold all of it.
    """
    start += len(text) - len(text.lstrip())
    end = start + len(text.strip())
    tokens = np.flatnonzero((window.offsets[:, 1] > start) & (window.offsets[:, 0] < end))
    if not len(tokens) or start < window.covers[0] or end > window.covers[1]:
        return cls, cls
    return window.first + int(tokens[0]), window.first + int(tokens[-1])


def best_spans(
    questions: int,
    made: Sequence[Window],
    starts: Sequence[np.ndarray],
    ends: Sequence[np.ndarray],
    longest: int = LONGEST,
    nothing: Sequence[float] | None = None,
) -> list[Span | None]:
    """Find the best answer to every question over all of its windows.

    None if there is no token to choose. ``nothing`` is each window's score of no answer: None is also the
    answer if the lowest of these is above the best span's score, as in SQuAD 2. ``starts`` and ``ends`` are each window's logits (tokens of the
    window; padding may follow). A span starts and ends at one of the ``BEST`` context tokens with the highest
    logits, has at most ``longest`` tokens, and starts in the window that owns its first token. Its score is
    the sum of its logits.
    """
    best: list[Span | None] = [None] * questions
    for window, start, end in zip(made, starts, ends, strict=True):
        span = _best_span(window, start[window.context], end[window.context], longest)
        before = best[window.question]
        if span is not None and (before is None or span.score > before.score):
            best[window.question] = span
    if nothing is None:
        return best
    lowest = np.full(questions, np.inf)
    for window, score in zip(made, nothing, strict=True):
        lowest[window.question] = min(lowest[window.question], score)
    return [
        None if span is None or score > span.score else span for span, score in zip(best, lowest, strict=True)
    ]


def text_of(span: Span | None, context: str) -> str:
    """The answer as it stands in ``context``, stripped; empty for None."""
    if span is None:
        return ""
    end = span.end
    # A tokenizer that strips accents strips the vowel signs of Thai and Hindi as well.
    while end < len(context) and unicodedata.category(context[end]).startswith("M"):
        end += 1
    return context[span.start : end].strip()


def _shortened(question: str, tokenizer: PreTrainedTokenizerBase, limit: int) -> tuple[str, int]:
    """Cut the question after token number ``limit``; also return its number of tokens."""
    encoded = tokenizer(question, add_special_tokens=False, return_offsets_mapping=True)
    if len(encoded["input_ids"]) <= limit:
        return question, len(encoded["input_ids"])
    shortened = question[: encoded["offset_mapping"][limit - 1][1]]
    return shortened, len(tokenizer(shortened, add_special_tokens=False)["input_ids"])


def _of_question(number: int, encoded: BatchEncoding, characters: int, stride: int) -> list[Window]:
    """Make the windows of one question, ``stride`` tokens apart.

    Its context has ``characters`` characters.
    """
    count, segments = len(encoded["input_ids"]), encoded.get("token_type_ids")
    parts = [np.flatnonzero(np.array(encoded.sequence_ids(i), float) == 1) for i in range(count)]
    owns = _owned([len(part) for part in parts], stride)
    made = []
    for i, part in enumerate(parts):
        offsets = np.array(encoded["offset_mapping"][i], np.int32)[part]
        # The tokenizer may have dropped characters at either end of the context: no other window has them.
        covers = (
            0 if i == 0 else int(offsets[0, 0]),
            characters if i == count - 1 else int(offsets[-1, 1]),
        )
        made.append(
            Window(
                question=number,
                ids=np.array(encoded["input_ids"][i], np.int32),
                segments=np.array(segments[i], np.int8) if segments else None,
                first=int(part[0]) if len(part) else 0,
                offsets=offsets,
                covers=covers,
                owns=owns[i],
            )
        )
    return made


def _owned(lengths: list[int], stride: int) -> list[np.ndarray]:
    """The tokens that each window shows with the most context, as booleans.

    Windows have ``lengths`` tokens and stand ``stride`` apart.
    """
    total = stride * (len(lengths) - 1) + lengths[-1]
    # The smaller side counts; a longer window breaks ties, then the earlier one.
    context = np.full((len(lengths), total), -1.0)
    for i, length in enumerate(lengths):
        places = np.arange(length)
        context[i, i * stride : i * stride + length] = np.minimum(places, length - 1 - places) + 0.01 * length
    owner = context.argmax(0)
    return [owner[i * stride : i * stride + length] == i for i, length in enumerate(lengths)]


def _best_span(window: Window, start: np.ndarray, end: np.ndarray, longest: int) -> Span | None:
    """The best span of one window; ``start`` and ``end`` are the logits (context tokens,)."""
    first, last = (np.argsort(-logits, kind="stable")[:BEST] for logits in (start, end))
    first = first[window.owns[first]]
    length = last[None, :] - first[:, None] + 1
    sums = np.where((length >= 1) & (length <= longest), start[first][:, None] + end[last][None, :], -np.inf)
    if not np.isfinite(sums).any():
        return None
    row, column = np.unravel_index(sums.argmax(), sums.shape)
    return Span(
        int(window.offsets[first[row], 0]), int(window.offsets[last[column], 1]), float(sums[row, column])
    )
