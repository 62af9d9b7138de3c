"""The loop: what it computes in which order, and what must not change it."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterable
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from benchmark import tasks
from benchmark.config.schema import ProtocolConfig, RunConfig
from benchmark.errors import BenchmarkError
from benchmark.methods import Method
from benchmark.models import pretrained
from benchmark.randomness import Seeds
from benchmark.training.course import Course, batches, evaluation_steps, micro_batches
from benchmark.training.evaluation import evaluate
from benchmark.training.journal import NAN_CHECK_EVERY, Outcome
from helpers.tuning import finetune

CPU = torch.device("cpu")
Made = tuple[Any, tasks.Task, RunConfig]


@pytest.fixture
def made(tiny: Callable[..., RunConfig]) -> Callable[..., Made]:
    """``made(*overrides)``: a model, its task and its configuration, ready to be fine-tuned."""

    def ready(*overrides: str) -> Made:
        config = tiny(*overrides)
        cache = Path(config.cache)
        task = tasks.load(config, pretrained.tokenizer(config.model, cache))
        return pretrained.load(config.model, task.units, config.seed, cache), task, config

    return ready


def tune(model: Any, task: tasks.Task, config: RunConfig) -> Outcome:
    return finetune(model, task, [], config.protocol, config.seed, CPU)


def test_every_example_comes_once_per_epoch() -> None:
    drawn = list(batches(10, 4, 6, seed=1))
    assert [len(batch) for batch in drawn] == [4, 4, 2, 4, 4, 2]
    assert sorted(chain(*drawn[:3])) == sorted(chain(*drawn[3:])) == list(range(10))
    assert drawn[:3] != drawn[3:]


def test_the_order_of_an_epoch_does_not_depend_on_how_many_follow() -> None:
    assert list(batches(10, 4, 3, seed=1)) == list(batches(10, 4, 6, seed=1))[:3]


def test_micro_batches_cover_the_batch() -> None:
    assert list(micro_batches([1, 2, 3, 4, 5], 2)) == [[1, 2], [3, 4], [5]]
    assert list(micro_batches([1, 2], None)) == [[1, 2]]


def test_evaluations_are_spread_over_an_epoch_and_end_the_run() -> None:
    assert evaluation_steps(total=20, per_epoch=10, times_per_epoch=2) == {5, 10, 15, 20}
    assert evaluation_steps(total=7, per_epoch=10, times_per_epoch=1) == {7}
    assert evaluation_steps(total=20, per_epoch=10, times_per_epoch=0) == {20}
    assert evaluation_steps(total=7, per_epoch=3, times_per_epoch=10**20) == {1, 2, 3, 4, 5, 6, 7}


def test_a_run_without_end_is_refused() -> None:
    Course(100, ProtocolConfig(batch_size=1, epochs=1000.0), Seeds.all(1)).check_ends()
    with pytest.raises(BenchmarkError, match=r"protocol.steps=None: 1000000000 updates of 1000 examples"):
        Course(1000, ProtocolConfig(batch_size=1, epochs=1e6), Seeds.all(1)).check_ends()


def test_a_protocol_can_give_its_length_in_steps(made: Callable[..., Made]) -> None:
    outcome = tune(*made("protocol.epochs=null", "protocol.steps=3"))  # an epoch has two
    assert len(outcome.losses) == 3
    assert [point.step for point in outcome.curve] == [2, 3]


def test_accumulated_micro_batches_equal_the_whole_batch(made: Callable[..., Made]) -> None:
    ends = []
    for micro in ("null", "5"):
        model, task, config = made(f"protocol.micro_batch_size={micro}")
        for module in model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0  # a mask cannot be the same in batches of another shape
        tune(model, task, config)
        ends.append(model.classifier.weight.detach())
    torch.testing.assert_close(ends[0], ends[1], rtol=1e-4, atol=1e-6)


def test_a_survey_sees_the_parts_that_training_sees(made: Callable[..., Made]) -> None:
    class Surveying(Method):
        def survey(self, passes: Any) -> None:
            self.seen = [(step.number, step.part, len(step.targets), step.share) for step in passes]

    model, task, config = made("protocol.micro_batch_size=20")
    method = Surveying()
    finetune(model, task, [method], config.protocol, 1, CPU)
    assert method.seen == [
        (number, part, size, size / 32) for number in (-1, -2) for part, size in ((0, 20), (1, 12))
    ]


def test_dropout_is_on_in_training_and_off_in_evaluation(made: Callable[..., Made]) -> None:
    model, task, config = made()
    seen = []

    def look(module: torch.nn.Module, _: Any, inputs: dict[str, Any]) -> None:
        if "attention_mask" in inputs:  # the look at what the head reads has none
            seen.append((module.training, torch.is_grad_enabled()))

    model.register_forward_pre_hook(look, with_kwargs=True)
    tune(model, task, config)
    assert set(seen) == {(True, True), (False, False)}


def draw_something(*_: Any) -> None:
    torch.rand(7)


def test_dropout_does_not_depend_on_what_was_drawn_in_between(made: Callable[..., Made]) -> None:
    losses = []
    for disturbed in (False, True):
        model, task, config = made()
        if disturbed:
            model.classifier.register_full_backward_hook(draw_something)
        losses.append(tune(model, task, config).losses)
    assert np.array_equal(*losses)


def test_evaluation_gives_logits_in_file_order(made: Callable[..., Made]) -> None:
    model, task, _ = made()
    by_length = evaluate(model, task, "float32", CPU)[0]["validation"]
    model.eval()
    examples = task.evaluation["validation"]
    for index in (0, 7, 399):
        alone = model(**task.batch(examples, [index])).logits.detach().numpy()[0]
        np.testing.assert_allclose(by_length[index], alone, atol=1e-5)


def test_a_loss_that_is_no_number_ends_the_run_early(made: Callable[..., Made]) -> None:
    model, task, config = made("protocol.learning_rate=1e30", "protocol.epochs=100", "protocol.warmup=0")
    outcome = tune(model, task, config)
    assert outcome.diverged is not None
    assert outcome.diverged <= 2 * NAN_CHECK_EVERY
    assert len(outcome.losses) == outcome.diverged


def test_training_lowers_the_loss_well_below_chance(made: Callable[..., Made]) -> None:
    model, task, config = made("data.count=null", "protocol.epochs=5")
    outcome = tune(model, task, config)
    assert outcome.curve[-1].loss < outcome.curve[0].loss
    assert outcome.curve[-1].scores["validation"]["accuracy"] > 0.6


def test_the_head_is_a_function_of_the_seed_alone(made: Callable[..., Made]) -> None:
    heads = []
    for draws in (0, 5):
        torch.rand(draws)
        heads.append(made("seed=3")[0].classifier.weight)
    assert torch.equal(*heads)
    assert not torch.equal(heads[0], made("seed=4")[0].classifier.weight)


def test_loading_a_model_leaves_the_global_stream_alone(made: Callable[..., Made]) -> None:
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    made()
    assert torch.equal(torch.rand(1), expected)


def test_bfloat16_changes_the_losses_and_float32_is_the_default(made: Callable[..., Made]) -> None:
    model, task, config = made()
    assert config.protocol.precision == "float32"
    start = copy.deepcopy(model)
    exact = tune(model, task, config).losses
    config.protocol.precision = "bfloat16"
    rounded = tune(start, task, config).losses
    assert not np.array_equal(exact, rounded)
    np.testing.assert_allclose(exact, rounded, rtol=0.05)


def test_one_slow_update_does_not_change_the_time_of_a_typical_one(made: Callable[..., Made]) -> None:
    model, task, config = made("protocol.batch_size=8")
    waits = iter([0.0, 1.0])  # the first pass asks which tokens the head reads
    model.register_forward_pre_hook(lambda *_: time.sleep(next(waits, 0.0)))
    seconds = tune(model, task, config).seconds
    assert seconds.train > 1
    assert seconds.per_update < 0.1


class Looks(Method):
    """Takes its time for a look at the training data."""

    def survey(self, passes: Iterable[Any]) -> None:
        time.sleep(0.5)


def test_a_survey_is_timed_apart_from_the_updates(made: Callable[..., Made]) -> None:
    model, task, config = made()
    seconds = finetune(model, task, [Looks()], config.protocol, 1, CPU).seconds
    assert 0.5 <= seconds.survey <= seconds.train
    assert seconds.per_update < 0.25
