"""Training examples of several splits after one another, and some of them alone, whatever their kind."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from benchmark.tasks.kind import Examples
from benchmark.tasks.questions import Questions
from benchmark.tasks.ragged import Ragged
from benchmark.tasks.tagging import Sentences
from benchmark.tasks.word_pieces import Piece


def ids(*lengths: int) -> list[torch.Tensor]:
    return [torch.arange(length) for length in lengths]


def piece(sentence: int, word: int, words: int) -> Piece:
    return Piece(sentence, word, np.arange(words + 2), np.arange(1, words + 1))


def sentences() -> Sentences:
    """Two sentences, the first of them in two pieces."""
    return Sentences(
        ids=ids(4, 3, 4),
        segments=None,
        targets=[torch.tensor([0, 1]), torch.tensor([2]), torch.tensor([3, 4])],
        pieces=[piece(0, 0, 2), piece(0, 2, 1), piece(1, 0, 2)],
        lengths=np.array([3, 2], np.int32),
        truth=np.arange(5, dtype=np.int16),
    )


def test_classes_and_segments_stay_beside_their_examples() -> None:
    one = Examples(ids(1, 2, 3), ids(1, 2, 3), torch.tensor([0, 1, 2]))
    both = one.followed_by([one.taken(np.array([2, 0]))])
    assert [len(part) for part in both.ids] == [1, 2, 3, 3, 1]
    assert [len(part) for part in both.segments or ()] == [1, 2, 3, 3, 1]
    assert both.targets.tolist() == [0, 1, 2, 2, 0]
    assert one.taken(np.array([1])).targets.dtype == torch.int64


def test_sentences_of_another_split_are_numbered_on() -> None:
    both = sentences().followed_by([sentences()])
    assert [part.sentence for part in both.pieces] == [0, 0, 1, 2, 2, 3]
    assert (len(both), both.size, both.lengths.tolist()) == (6, 4, [3, 2, 3, 2])
    assert both.truth.tolist() == [0, 1, 2, 3, 4] * 2
    some = both.taken(np.array([1, 5]))
    assert [target.tolist() for target in some.targets] == [[2], [3, 4]]
    assert some.items(range(2)) == 3


def test_questions_to_learn_from_are_labelled_though_nobody_answers_them() -> None:
    learnt = Questions(ids(5, 3), None, torch.tensor([[0, 1], [1, 1]]), [], [], [], misplaced=0)
    asked = Questions(ids(5), None, torch.tensor([[0, 0]]), [], ["a context"], [[]], misplaced=1)
    assert learnt.labelled
    assert not asked.labelled
    assert (learnt.remarks, asked.remarks) == ({}, {"answers_not_in_place": 1, "without_gold_label": 1})
    both = learnt.followed_by([learnt])
    assert both.lengths.tolist() == [5, 3, 5, 3]
    assert both.targets.tolist() == [[0, 1], [1, 1]] * 2


def test_rows_of_one_tensor_are_those_that_a_split_gives() -> None:
    numbers, lengths = torch.arange(10), np.array([3, 0, 5, 2])
    rows, split = Ragged(numbers, lengths), list(numbers.split(lengths.tolist()))
    assert len(rows) == 4
    for mine in (list(rows), [rows[i] for i in range(4)], rows[:], [rows[i] for i in range(-4, 0)]):
        assert [row.tolist() for row in mine] == [row.tolist() for row in split]
    assert [row.tolist() for row in rows[1:3]] == [[], [3, 4, 5, 6, 7]]
    with pytest.raises(IndexError):
        rows[4]
