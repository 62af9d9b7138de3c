from __future__ import annotations

import torch

from benchmark.step import pieces
from benchmark.step.pieces import PIECE, repeated


def halved(*lists: list[torch.Tensor]) -> int:
    """Halve the tensors in place by pieces; return the number of pieces."""
    cut = list(pieces.pieces(*lists))
    for tensors, *_ in cut:
        torch._foreach_mul_(tensors, 0.5)
    return len(cut)


def test_pieces_are_views_and_cover_every_tensor_once() -> None:
    tensors = [torch.ones(PIECE + 3), torch.ones(2, 5), torch.ones(())]
    assert halved(tensors) == 4
    assert all(torch.equal(tensor, torch.full_like(tensor, 0.5)) for tensor in tensors)


def test_lists_are_cut_in_the_same_way_and_numbers_go_with_every_piece() -> None:
    large = torch.arange(2.0 * PIECE)
    cut = list(pieces.pieces([large], [-large], [3.0], [torch.tensor(2.0)]))
    assert len(cut) == 2
    for one, other, number, tensor in cut:
        assert torch.equal(one[0], -other[0])
        assert (number, tensor) == ([3.0], [torch.tensor(2.0)])


def test_a_tensor_that_cannot_be_laid_flat_stays_whole() -> None:
    tensors = [torch.ones(3, PIECE).T]
    assert halved(tensors, [torch.ones(PIECE, 3)]) == 1
    assert all((tensor == 0.5).all() for tensor in tensors)


def test_off_the_cpu_lists_stay_whole() -> None:
    tensors = [torch.ones(2, PIECE, device="meta"), torch.ones(3, device="meta")]
    assert list(pieces.pieces(tensors, [1.0, 2.0])) == [[tensors, [1.0, 2.0]]]
    assert [number.shape for number in repeated([torch.ones((), device="meta")] * 2, tensors)] == [
        (2, PIECE),
        (3,),
    ]


def test_of_no_tensors_there_are_no_pieces() -> None:
    assert list(pieces.pieces([], [])) == []
