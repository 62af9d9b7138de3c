"""Nearest neighbours in blocks, and what mining does at its edges."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from torch.nn import functional

from benchmark.config.compose import ROOT
from benchmark.errors import BenchmarkError
from benchmark.tasks import neighbours
from benchmark.tasks.pooling import chosen_layer, mean_pooled

PAIRS = [(("a", "x"), 1.5), (("b", "y"), 1.2), (("c", "z"), 1.0)]

# Both sides of a mining are held: 2 x 100 000 x 768 float32 are 614 MB. The neighbours of a thousandth of the
# queries take a thousandth of the time and the same blocks.
AT_SIZE = """
import resource, torch
from benchmark.tasks import neighbours
torch.set_num_threads(1)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
sources = torch.empty(100_000, 768).uniform_(-1, 1)
targets = torch.empty(100_000, 768).uniform_(-1, 1)
held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
cosines, rows = neighbours.neighbours(sources[:1280], targets, 4)
assert rows.shape == (1280, 4) and rows.max() > 90_000
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(before // 1024, held // 1024, peak // 1024)
"""


@pytest.mark.parametrize(("queries", "candidates"), [(7, 20), (8, 8), (3, 2)])
def test_neighbours_found_in_blocks_are_those_found_at_once(
    queries: int, candidates: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = torch.Generator().manual_seed(1)
    left, right = (torch.randn(n, 5, generator=generator) for n in (queries, candidates))
    monkeypatch.setattr(neighbours, "QUERIES", 3)
    monkeypatch.setattr(neighbours, "CANDIDATES", 4)
    cosines, rows = neighbours.neighbours(left, right, 4)
    everything = functional.normalize(left) @ functional.normalize(right).T
    expected = everything.sort(descending=True)
    assert torch.equal(rows, expected.indices[:, :4])
    assert torch.allclose(cosines, expected.values[:, :4])


def test_a_hundred_thousand_sentences_fit_into_two_gigabytes() -> None:
    done = subprocess.run(
        [sys.executable, "-c", AT_SIZE], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    _, held, peak = map(int, done.stdout.split())
    assert peak < 2048
    assert peak - held < 256


def test_vectors_of_any_length_have_the_same_neighbours() -> None:
    left, right = torch.tensor([[1.0, 0.1]]), torch.tensor([[0.0, 9.0], [0.1, 0.0]])
    assert neighbours.nearest(left, right).tolist() == neighbours.nearest(100 * left, right).tolist() == [1]


def test_no_sentence_is_in_two_pairs() -> None:
    sources = torch.tensor([[1.0, 0.0], [0.9, 0.1]])
    pairs = neighbours.best_pairs(sources, torch.tensor([[1.0, 0.0]]))
    assert [(source, target) for source, target, _ in pairs] == [(0, 0)]


def test_the_threshold_lies_half_way_to_the_first_pair_that_does_harm() -> None:
    assert neighbours.best_threshold(PAIRS, {("a", "x"), ("b", "y")}) == pytest.approx(1.1)


def test_the_threshold_keeps_every_pair_where_the_last_is_right() -> None:
    threshold = neighbours.best_threshold(PAIRS, {pair for pair, _ in PAIRS})
    assert neighbours.above(PAIRS, threshold) == [pair for pair, _ in PAIRS]


def test_a_development_set_without_a_right_pair_cuts_nothing_off() -> None:
    assert neighbours.best_threshold(PAIRS, {("a", "y")}) == 0
    assert neighbours.best_threshold([], {("a", "y")}) == 0


def test_a_layer_is_pooled_over_the_tokens_that_count() -> None:
    states = torch.tensor(
        [[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], [[1.0, 1.0], [torch.nan, torch.inf], [9.0, 9.0]]]
    )
    mask = torch.tensor([[1, 1, 1], [1, 0, 0]])
    pooled = mean_pooled([states, 2 * states], mask)
    assert pooled.tolist() == [[[3.0, 4.0], [1.0, 1.0]], [[6.0, 8.0], [2.0, 2.0]]]


def test_half_precision_states_are_pooled_in_single_precision() -> None:
    states = torch.full((1, 3000, 1), 60.0, dtype=torch.float16)
    assert mean_pooled([states], torch.ones(1, 3000)).item() == 60.0


def test_the_layer_follows_the_rule_and_ties_go_to_the_lowest() -> None:
    dev, test = {6: 0.4, 8: 0.5, 7: 0.5}, {6: 0.9, 7: 0.1, 8: 0.2}
    assert chosen_layer("fixed", 8, dev, test) == 8
    assert chosen_layer("best_on_dev", 8, dev, test) == 7
    assert chosen_layer("best_on_test", 8, dev, test) == 6


@pytest.mark.parametrize("rule", ["best_on_dev", "best"])
def test_a_rule_that_does_not_exist_or_has_no_scores_is_refused(rule: str) -> None:
    with pytest.raises(BenchmarkError, match=f"unknown layer rule '{rule}'.*valid: best_on_test, fixed"):
        chosen_layer(rule, 8, None, {1: 0.5})
