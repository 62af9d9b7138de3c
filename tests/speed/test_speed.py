"""The speed command: both sides make the same updates, and its figures are what they say."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import BertConfig, BertForSequenceClassification

from benchmark.speed import __main__ as speed
from benchmark.speed import costs, limit, markdown, starting
from benchmark.speed.subjects import load
from benchmark.speed.timing import GRID, OURS, Amount, Timing, Took
from benchmark.testing.fixtures import LAYERS, SHAPE, small_task
from helpers.sides import CPU, HERE, SUMMARY, sides

FEW = Amount(0, 1, 2)


def test_the_operations_of_a_pass_are_those_of_its_real_tokens() -> None:
    model = BertForSequenceClassification(BertConfig(**SHAPE))
    lengths = np.array([len(ids) for ids in small_task().training.ids])
    by_token = LAYERS * (4 * 8 * 8 + 2 * 8 * 12)  # four square matrices, two to and from 12
    attended = LAYERS * 2 * 8 * (lengths**2).sum()
    whole = 6 * (by_token * lengths.sum() + attended)
    assert limit.operations(model, small_task(), [list(range(12))]) == whole
    assert limit.operations(model, small_task(), [list(range(6)), list(range(6, 12))]) == whole / 2
    assert limit.rate(model, small_task(), 4, HERE) > 0


def test_ratios_are_taken_within_a_round() -> None:
    timing = Timing(1, 3, 100, 200.0, {OURS: [1.0, 2.0, 4.0], "theirs": [3.0, 6.0, 8.0]}, [400.0] * 3)
    assert timing.ratio("theirs") == 3.0
    assert timing.of_limit == pytest.approx(0.25)
    timing.seconds[GRID] = [0.5, 1.0, 2.0]
    assert timing.ratio("theirs", GRID) == 6.0
    assert markdown.geometric_mean([2.0, 8.0]) == pytest.approx(4.0)


def test_a_steady_update_is_the_median_block_of_those_after_the_first_ones() -> None:
    took = Took(1.0, [5.0, 7.0, 8.0, 18.0], Amount(4, 3, 2), np.zeros(10))
    assert (took.before, took.update) == (4.0, 1.0)
    assert took.amount.total == 10


def test_sides_that_make_other_updates_are_found_out() -> None:
    model, tokenizer, task = load("embedded", "opinion", 2, CPU)
    honest = sides(tokenizer, HERE)
    assert speed.check_same_losses(model, task, honest, FEW, HERE.tolerance) < 1e-5

    def other(model: torch.nn.Module, task: object, amount: Amount) -> object:
        with torch.no_grad():
            next(model.parameters()).mul_(2)
        return honest["ours"](model, task, amount)

    with pytest.raises(AssertionError, match="theirs against ours"):
        speed.check_same_losses(model, task, {**honest, "theirs": other}, FEW, HERE.tolerance)


# A whole measurement is slow. Above, both sides are compared in float32 too.
@pytest.mark.parametrize("precision", ["bfloat16"])
def test_the_command_ends_with_its_summary_and_keeps_what_was_written_by_hand(
    precision: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(costs, "starts", lambda _: {"nothing": 0.0})
    monkeypatch.setattr(starting, "starts", lambda: [["nothing", "0.00", "0.0", "1.0"]])
    path = tmp_path / "speed.md"
    path.write_text("old figures\n\n## Ideas tried\n\nMany.\n")
    command = [
        "--short",
        "--model",
        "embedded",
        "--tasks",
        "opinion",
        "--threads",
        "1",
        "--device",
        "cpu",
        "--precision",
        precision,
        "--output",
        str(path),
    ]
    assert speed.main(command) == 0
    printed = capsys.readouterr().out.strip()
    assert re.fullmatch(SUMMARY, printed.splitlines()[-1])
    assert f"embedded, batches of 32, {precision} on " in printed
    assert re.search(r"\| ours, computed +\| +\d", printed)
    assert re.search(r"\| an evaluation \(opinion\) +\| +\d", printed)
    assert path.read_text() == f"{printed}\n\n## Ideas tried\n\nMany.\n"


def test_a_task_that_does_not_exist_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert speed.main(["--model", "embedded", "--tasks", "opinon", "--device", "cpu"]) == 2
    assert "did you mean 'opinion'" in capsys.readouterr().err
