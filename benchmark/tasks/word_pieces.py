"""Sequence labelling: words to sub-tokens and back, with long sentences cut between words.

Every word is tokenised by itself and stands for its first sub-token, in training and in prediction alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from benchmark.errors import BenchmarkError

IGNORED = -100  # the target that cross-entropy leaves out


@dataclass(frozen=True)
class Piece:
    """One input of the model: consecutive words of a sentence that fit into it.

    ``ids`` (tokens,) are the model's input, ``first`` (words,) where in it each word begins; the words are
    those of ``sentence`` from number ``word`` on.
    """

    sentence: int
    word: int
    ids: np.ndarray
    first: np.ndarray


def pieces(
    sentences: Sequence[Sequence[str]], tokenizer: PreTrainedTokenizerBase, max_length: int
) -> list[Piece]:
    """The ``sentences``, lists of words, as inputs of at most ``max_length`` tokens, in order.

    A word that the tokenizer makes nothing of, or that fills more than a whole input, becomes the unknown
    token. Raises: BenchmarkError if special tokens leave no room for words.
    """
    before, after = _special(tokenizer)
    room = max_length - len(before) - len(after)
    if room < 1:
        raise BenchmarkError(
            f"max_length={max_length}: must be at least {1 + max_length - room}, for the special tokens and a word"
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
    """The target of every token of ``piece``: its sentence's ``labels`` (words,), one per first sub-token."""
    result = np.full(len(piece.ids), IGNORED, np.int64)
    result[piece.first] = labels[piece.word : piece.word + len(piece.first)]
    return result


def rejoined(made: Sequence[Piece], predicted: Sequence[np.ndarray], sentences: int) -> list[list[int]]:
    """The class of every word of every sentence, from the classes of each piece's tokens.

    ``predicted`` has an array (tokens of the piece; padding may follow) for every piece, in the order of
    ``pieces``.
    """
    words: list[list[int]] = [[] for _ in range(sentences)]
    for piece, classes in zip(made, predicted, strict=True):
        if len(words[piece.sentence]) != piece.word:
            raise ValueError(f"sentence {piece.sentence}: its pieces are not all there, or not in order")
        words[piece.sentence] += classes[piece.first].tolist()
    return words


def _special(tokenizer: PreTrainedTokenizerBase) -> tuple[list[int], list[int]]:
    """The special tokens before and after a sequence, as the tokenizer itself puts them."""
    ids = tokenizer(tokenizer.unk_token)["input_ids"]
    place = ids.index(tokenizer.unk_token_id)
    return ids[:place], ids[place + 1 :]


def _cuts(lengths: list[int], room: int) -> list[tuple[int, int]]:
    """Where to cut words of so many tokens each: as many as fit go into every piece."""
    cuts, begin, used = [], 0, 0
    for word, length in enumerate(lengths):
        if used + length > room:
            cuts.append((begin, word))
            begin, used = word, 0
        used += length
    return [*cuts, (begin, len(lengths))] if lengths else []
