"""Masks: as often as they should be, their own for every purpose, and the same again from the same seed."""

from __future__ import annotations

import pytest
import torch

from benchmark.models import masks


@pytest.mark.parametrize("keep", [0.0, 0.3, 0.9, 1.0])
def test_a_mask_keeps_entries_as_often_as_it_should(keep: float) -> None:
    masks.start_pass(1)
    drawn = masks.mask((1000, 301), keep)
    assert drawn.shape == (1000, 301)
    assert drawn.dtype == torch.uint8
    assert set(drawn.unique().tolist()) <= {0, 1}
    assert drawn.float().mean().item() == pytest.approx(keep, abs=4e-3)
    # Neither rows nor columns have more of them than the others.
    assert (drawn.float().mean(0) - keep).abs().max() < 0.08
    assert (drawn.float().mean(1) - keep).abs().max() < 0.15


def test_masks_of_a_pass_differ_and_come_again() -> None:
    found = []
    for _ in range(2):
        masks.start_pass(7)
        found.append([masks.mask((50, 50), 0.5), masks.mask((50, 50), 0.5)])
    assert torch.equal(found[0][0], found[1][0])
    assert torch.equal(found[0][1], found[1][1])
    assert not torch.equal(found[0][0], found[0][1])
    masks.start_pass(8)
    assert not torch.equal(masks.mask((50, 50), 0.5), found[0][0])


def test_the_halves_of_a_doubled_batch_draw_what_they_would_alone() -> None:
    alone = []
    for seed in (3, 4):
        masks.start_pass(seed)
        alone.append([masks.mask((5, 7), 0.5), masks.mask((2, 3), 0.5)])
    masks.start_pass(3, 4)
    assert torch.equal(masks.mask((10, 7), 0.5), torch.cat([alone[0][0], alone[1][0]]))
    assert torch.equal(masks.mask((2, 3), 0.5, half=1), alone[1][1])
    assert torch.equal(masks.mask((2, 3), 0.5, half=0), alone[0][1])


def test_a_stream_draws_on_where_it_was() -> None:
    rng, like = torch.Generator().manual_seed(0), torch.empty(40, 5, dtype=torch.float64)
    first, state = masks.kept(like, 0.5, rng), rng.get_state()
    second = masks.kept(like, 0.5, rng)
    rng.set_state(state)
    assert torch.equal(masks.kept(like, 0.5, rng), second)
    assert not torch.equal(first, second)
    assert first.dtype == torch.float64
    assert first.shape == (40, 5)


def test_dropout_scales_what_it_keeps_and_its_gradient_alike() -> None:
    masks.start_pass(0)
    layer, x = masks.Dropout(0.25), torch.ones(200, 50, requires_grad=True)
    y = layer(x)
    torch.testing.assert_close(y.detach().unique(), torch.tensor([0.0, 4 / 3]))
    y.sum().backward()
    assert torch.equal(x.grad, y.detach())
    assert layer.eval()(x) is x


def test_the_streams_of_a_replayed_update_are_those_of_a_computed_one() -> None:
    cpu, names = torch.device("cpu"), [("dropout", 4, 0), ("dropout", 4, 0, "other")]
    asked: list[masks.PassName] = []

    def seed_of(name: masks.PassName) -> int:
        asked.append(name)
        return 10 + len(name)

    with masks.noted() as named:
        for seed, name in enumerate(names):
            masks.start_pass(seed, name=name)
            computed = masks.stream_of_pass(seed_of, cpu).initial_seed()
    streams = masks.PassStreams(cpu, len(names), named)
    streams.seed([5, 6], names)
    assert [stream.initial_seed() for stream in streams.generators] == [5, 6, 13, computed]
    assert asked == [*names, *names]
