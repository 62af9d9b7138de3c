"""Lengths of examples in tokens: counted, of the table, or unknown."""

from __future__ import annotations

import json

import pytest

from benchmark.forecast import at_hand, lengths
from benchmark.forecast.counting import count
from benchmark.forecast.lengths import POINTS, Lengths, lengths_of, of_lengths, place_of_count


def test_quantiles_keep_mean_and_square():
    found = of_lengths(list(range(1, 1001)), 5000)
    assert found.examples == 5000
    assert len(found.quantiles) == POINTS
    assert found.mean == pytest.approx(500.5, rel=0.01)
    assert found.square == pytest.approx(1001 * 2001 / 6, rel=0.01)
    assert found.longest_of(10_000) == 976
    assert found.cut(100).mean < 100


def test_the_table_has_the_papers_tasks(compose):
    for task, examples, tokens in (("cola", 8551, 11.3), ("rte", 2490, 66.6), ("mnli", 392_702, 38)):
        found = lengths_of(compose("model=bert_base_uncased", f"task={task}"))
        assert found.training.examples == examples
        assert found.training.mean == pytest.approx(tokens, rel=0.03)
        assert not found.counted


def test_what_is_cut_is_cut_as_the_run_does(compose):
    assert lengths_of(compose("task=rte", "protocol.max_length=64")).training.quantiles[-1] == 64


def test_a_task_that_nobody_counted_is_unknown(compose):
    assert lengths_of(compose("task=rte", "task.repo=some/body", "task.train.config=other")) is None


def test_lengths_at_hand_are_counted_once_and_go_before_the_table(compose, tmp_path, monkeypatch):
    config = compose("task=opinion", f"cache={tmp_path}")
    monkeypatch.setattr(lengths, "table", dict)
    lengths.kept_at.cache_clear()
    assert lengths_of(config) is None
    config.cache = compose("task=opinion").cache  # where the encoder is built already
    assert not at_hand.lacking(config)
    places = [
        place_of_count(config, config.task.train),
        place_of_count(config, config.task.evaluate["validation"]),
    ]
    try:
        count(config)
        lengths.kept_at.cache_clear()
        found = lengths_of(config)
        assert (found.training.examples, found.evaluation["validation"].examples) == (300, 400)
        assert found.training.mean == pytest.approx(16.8, abs=0.1)
        assert found.counted
    finally:
        for place in places:
            place.unlink(missing_ok=True)
        lengths.kept_at.cache_clear()


@pytest.mark.parametrize("text", ["", "[", "[3]", "{}", json.dumps([3, *["x"] * POINTS])])
def test_a_damaged_count_is_none(text, tmp_path):
    (tmp_path / "x.json").write_text(text)
    lengths.kept_at.cache_clear()
    assert lengths.kept_at(tmp_path / "x.json") is None


def test_a_language_that_the_table_lacks_is_as_the_others(compose):
    config = compose("task=panx", "model=xlm_roberta_base", "task.languages=[de,th]")
    found = lengths_of(config)
    assert set(found.evaluation) == {"panx/de", "panx/th", "dev"}
    assert isinstance(found.evaluation["panx/th"], Lengths)
