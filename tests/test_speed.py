"""The speed command: both sides make the same updates, and its figures are what they say."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.sides import CPU, HERE, SUMMARY, sides
from transformers import BertConfig, BertForSequenceClassification

from benchmark.speed import __main__ as speed
from benchmark.speed import costs, limit, markdown
from benchmark.speed.sides import load
from benchmark.speed.timing import GRID, OURS, Timing
from benchmark.testing.fixtures import SHAPE, small_task


def test_the_operations_of_a_pass_are_those_of_its_real_tokens() -> None:
    model = BertForSequenceClassification(BertConfig(**SHAPE))
    lengths = np.array([len(ids) for ids in small_task().training.ids])
    by_token = 6 * (4 * 8 * 8 + 2 * 8 * 12)  # six layers: four square matrices, and two to and from 12 units
    attended = 6 * 2 * 8 * (lengths**2).sum()
    assert limit.operations(model, small_task()) == 6 * (by_token * lengths.sum() + attended)
    assert limit.rate(model, small_task(), 4, HERE) > 0


def test_ratios_are_taken_within_a_round() -> None:
    timing = Timing(3, 100, 200.0, {OURS: [1.0, 2.0, 4.0], "theirs": [3.0, 6.0, 8.0]}, [400.0] * 3)
    assert timing.ratio("theirs") == 3.0
    assert timing.of_limit == pytest.approx(0.25)
    timing.seconds[GRID] = [0.5, 1.0, 2.0]
    assert timing.ratio("theirs", GRID) == 6.0
    assert markdown.geometric_mean([2.0, 8.0]) == pytest.approx(4.0)


def test_sides_that_make_other_updates_are_found_out() -> None:
    model, tokenizer, task = load("embedded", "opinion", 2, CPU)
    honest = sides(tokenizer, HERE)
    assert speed.check_same_losses(model, task, honest, HERE.tolerance) < 1e-5

    def other(model: torch.nn.Module, task: object) -> object:
        with torch.no_grad():
            next(model.parameters()).mul_(2)
        return honest["ours"](model, task)

    with pytest.raises(AssertionError, match="theirs against ours"):
        speed.check_same_losses(model, task, {**honest, "theirs": other}, HERE.tolerance)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_command_ends_with_its_summary_and_keeps_what_was_written_by_hand(
    precision: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(costs, "starts", lambda _: {"nothing": 0.0})
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
    assert path.read_text() == f"{printed}\n\n## Ideas tried\n\nMany.\n"


def test_a_task_that_does_not_exist_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert speed.main(["--model", "embedded", "--tasks", "opinon", "--device", "cpu"]) == 2
    assert "did you mean 'opinion'" in capsys.readouterr().err
