"""Sequence labelling: every word is labelled once, whatever the tokenizer makes of it."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import AutoTokenizer, BertTokenizer, PreTrainedTokenizerFast

from benchmark.errors import BenchmarkError
from benchmark.tasks.word_pieces import IGNORED, pieces, rejoined, targets

WORDS = ["un", "##happi", "##ness", "a", "b", "c"]
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
CLS, SEP, UNK = 2, 3, 1


@pytest.fixture(scope="module")
def tokenizer() -> BertTokenizer:
    return BertTokenizer(vocab={token: i for i, token in enumerate([*SPECIAL, *WORDS])})


def text(ids: Sequence[int]) -> str:
    return " ".join([*SPECIAL, *WORDS][i] for i in ids)


def test_a_word_is_labelled_at_its_first_sub_token(tokenizer: BertTokenizer) -> None:
    (piece,) = pieces([["a", "unhappiness", "b"]], tokenizer, 20)
    assert text(piece.ids) == "[CLS] a un ##happi ##ness b [SEP]"
    expected = [IGNORED, 4, 5, IGNORED, IGNORED, 6, IGNORED]
    assert targets(piece, [4, 5, 6]).tolist() == expected


def test_a_long_sentence_is_cut_between_words_and_joined_again(tokenizer: BertTokenizer) -> None:
    sentences = [["a", "unhappiness", "b", "c"], ["c"]]
    cut = pieces(sentences, tokenizer, 6)
    assert [text(piece.ids) for piece in cut] == [
        "[CLS] a un ##happi ##ness [SEP]",
        "[CLS] b c [SEP]",
        "[CLS] c [SEP]",
    ]
    labels = [[1, 2, 3, 4], [5]]
    predicted = [np.append(targets(piece, labels[piece.sentence]), [9, 9]) for piece in cut]  # padded
    assert rejoined(cut, predicted, 2) == labels


def test_every_piece_is_as_full_as_it_can_be(tokenizer: BertTokenizer) -> None:
    cut = pieces([["a", "b", "c", "a", "b"]], tokenizer, 4)
    assert [len(piece.first) for piece in cut] == [2, 2, 1]


def test_a_word_the_tokenizer_makes_nothing_of_is_unknown_and_keeps_its_place(
    tokenizer: BertTokenizer,
) -> None:
    (piece,) = pieces([["a", "\u200d", "b"]], tokenizer, 20)
    assert text(piece.ids) == "[CLS] a [UNK] b [SEP]"
    assert targets(piece, [1, 2, 3])[piece.first].tolist() == [1, 2, 3]


def test_a_word_too_long_for_any_input_is_unknown(tokenizer: BertTokenizer) -> None:
    cut = pieces([["a", "unhappiness", "b"]], tokenizer, 4)
    assert [text(piece.ids) for piece in cut] == ["[CLS] a [UNK] [SEP]", "[CLS] b [SEP]"]


def test_a_sentence_without_words_has_no_piece_and_no_labels(tokenizer: BertTokenizer) -> None:
    cut = pieces([[], ["a"]], tokenizer, 6)
    assert [piece.sentence for piece in cut] == [1]
    assert rejoined(cut, [np.array([0, 7, 0])], 2) == [[], [7]]
    assert pieces([], tokenizer, 6) == []


def test_special_tokens_stand_where_the_tokenizer_puts_them() -> None:
    backend = Tokenizer(models.WordLevel({"<s>": 0, "</s>": 1, "<unk>": 2, "a": 3}, unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    backend.post_processor = processors.TemplateProcessing(
        single="$A </s> <s>", pair="$A </s> $B </s> <s>", special_tokens=[("</s>", 1), ("<s>", 0)]
    )
    at_the_end = PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="<unk>")
    (piece,) = pieces([["a", "z"]], at_the_end, 6)
    assert (piece.ids.tolist(), piece.first.tolist()) == ([3, 2, 1, 0], [0, 1])


def test_an_input_too_short_for_a_word_is_refused(tokenizer: BertTokenizer) -> None:
    with pytest.raises(BenchmarkError, match="max_length=2: must be at least 3"):
        pieces([["a"]], tokenizer, 2)
    short = copy.copy(tokenizer)
    short.model_max_length = 2
    with pytest.raises(
        BenchmarkError, match=r"^max_length=2 \(the limit of the model and its tokenizer\): must"
    ):
        pieces([["a"]], short, 2)


def test_missing_pieces_are_noticed(tokenizer: BertTokenizer) -> None:
    cut = pieces([["a", "b", "c"]], tokenizer, 4)
    with pytest.raises(ValueError, match="sentence 0"):
        rejoined(cut[1:], [np.zeros(4, int)], 1)


@pytest.mark.parametrize("config", ["PAN-X.ja", "PAN-X.bn", "udpos.Thai", "udpos.English"])
def test_every_word_of_real_sentences_is_labelled_once(hub: Path, config: str) -> None:
    import pandas as pd

    file = next(hub.glob(f"hub/datasets--google--xtreme/snapshots/*/{config}/[tv]*.parquet"))
    frame = pd.read_parquet(file).head(300)
    labels = frame["ner_tags" if config.startswith("PAN") else "pos_tags"].map(list).tolist()
    real = AutoTokenizer.from_pretrained("sentence-transformers/all-MiniLM-L6-v2")
    cut = pieces(frame["tokens"].map(list).tolist(), real, 32)
    assert max(len(piece.ids) for piece in cut) <= 32
    assert rejoined(cut, [targets(piece, labels[piece.sentence]) for piece in cut], len(frame)) == labels
