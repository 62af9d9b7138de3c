from __future__ import annotations

from benchmark.embedded import subwords

TEXTS = ["ab ab ab ab", "ab cdefghijklmnop", "ab qrstuvwxyz"]  # all but a and b are equally rare


def test_the_same_texts_give_the_same_pieces() -> None:
    made = {subwords.trained(TEXTS, 24, 8, 16).backend_tokenizer.to_str() for _ in range(8)}
    assert len(made) == 1


def test_of_equally_rare_characters_the_first_are_kept() -> None:
    vocabulary = subwords.trained(TEXTS, 24, 8, 16).get_vocab()
    assert {piece for piece in vocabulary if len(piece) == 1} == set("▁abcdefg")
