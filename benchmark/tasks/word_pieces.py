"""Sequence labelling: words to sub-tokens and back, with long sentences cut between words.

Every word is tokenised by itself. Its first sub-token stands for it, in training and in prediction alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from benchmark.errors import BenchmarkError
from benchmark.tasks.input_limits import spelt_limit

IGNORED = -100  # the target that cross-entropy ignores


@dataclass(frozen=True)
class Piece:
    """One input of the model: consecutive words of a sentence.

    ``ids`` (tokens,) are the model's input, and ``first`` (words,) the positions of the words' first tokens.
    The words are those of ``sentence`` from number ``word`` on.
    """

    sentence: int
    word: int
    ids: np.ndarray
    first: np.ndarray


def pieces(
    sentences: Sequence[Sequence[str]], tokenizer: PreTrainedTokenizerBase, max_length: int
) -> list[Piece]:
    """Cut ``sentences``, lists of words, into inputs of at most ``max_length`` tokens.

    They stay in order. A word that has no tokens, or too many for a whole input, becomes the unknown token.

    Raises: BenchmarkError if special tokens leave no room for words.
    """
    before, after = _special(tokenizer)
    room = max_length - len(before) - len(after)
    if room < 1:
        raise BenchmarkError(
            f"{spelt_limit(tokenizer, max_length)}: must be at least {1 + max_length - room}, for the special tokens and a word"
        )
    vocabulary = list(dict.fromkeys(chain.from_iterable(sentences)))
    encoded = tokenizer(vocabulary, add_special_tokens=False)["input_ids"] if vocabulary else []
    unknown = [tokenizer.unk_token_id]
    known = {
        word: ids if 1 <= len(ids) <= room else unknown for word, ids in zip(vocabulary, encoded, strict=True)
    }
    made = []
    for number, words in enumerate(sentences):
        for begin, end in _cuts([len(known[word]) for word in words], room):
            parts = [known[word] for word in words[begin:end]]
            lengths = [len(before), *map(len, parts)]
            made.append(
                Piece(
                    sentence=number,
                    word=begin,
                    ids=np.array([*before, *chain.from_iterable(parts), *after], np.int32),
                    first=np.cumsum(lengths[:-1], dtype=np.int32),
                )
            )
    return made


def targets(piece: Piece, labels: Sequence[int]) -> np.ndarray:
    """The target of every token of ``piece``.

    First sub-tokens have their sentence's ``labels`` (words,). All others are ignored, and so are words
    without a label (-1).
    """
    result = np.full(len(piece.ids), IGNORED, np.int64)
    of_words = np.array(labels[piece.word : piece.word + len(piece.first)], np.int64)
    result[piece.first] = np.where(of_words < 0, IGNORED, of_words)
    return result


def rejoined(made: Sequence[Piece], predicted: Sequence[np.ndarray], sentences: int) -> list[list[int]]:
    """Join the classes of pieces' tokens into classes of words, by sentence.

    ``predicted`` has an array (tokens of the piece; padding may follow) for every piece, in the order of the
    pieces.
    """
    words: list[list[int]] = [[] for _ in range(sentences)]
    for piece, classes in zip(made, predicted, strict=True):
        if len(words[piece.sentence]) != piece.word:
            raise ValueError(f"sentence {piece.sentence}: some of its pieces are missing or out of order")
        words[piece.sentence] += classes[piece.first].tolist()
    return words


def _special(tokenizer: PreTrainedTokenizerBase) -> tuple[list[int], list[int]]:
    """The special tokens before and after a sequence, as the tokenizer itself puts them."""
    ids = tokenizer(tokenizer.unk_token)["input_ids"]
    place = ids.index(tokenizer.unk_token_id)
    return ids[:place], ids[place + 1 :]


def _cuts(lengths: list[int], room: int) -> list[tuple[int, int]]:
    """Cut words of these ``lengths`` in tokens into ranges that fit ``room`` tokens.

    Each range is as long as possible.
    """
    cuts, begin, used = [], 0, 0
    for word, length in enumerate(lengths):
        if used + length > room:
            cuts.append((begin, word))
            begin, used = word, 0
        used += length
    return [*cuts, (begin, len(lengths))] if lengths else []
