"""`protocol.selection=SET`: the weights of the best evaluation on a set score the sets of the end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from benchmark.config.identity import run_id
from benchmark.config.schema import ProtocolConfig, RunConfig
from benchmark.config.validation import validate
from benchmark.errors import BenchmarkError
from benchmark.methods import prepare
from benchmark.methods.base import Method
from benchmark.methods.ema import EMA
from benchmark.records.store import Store
from benchmark.runs.run import Run, run
from benchmark.testing.fixtures import small_task, tiny_model
from benchmark.training.journal import Outcome
from benchmark.training.snapshot import Snapshot
from helpers.tuning import finetune

LATE = "+task.evaluate={late:{config:opinion,split:validation,last_only:true}}"
COURSE = ("protocol.epochs=4", "protocol.learning_rate=0.02", "snapshot_minutes=0")
PROTOCOL = ProtocolConfig(
    name="test",
    learning_rate=0.02,
    epochs=6.0,
    batch_size=4,
    schedule="constant",
    warmup=0.0,
    selection="dev",
)


def tuned(selection: str, *methods: Method, **task: Any) -> tuple[Outcome, Any]:
    """A run that learns much in each of six epochs; ``dev`` and ``test`` are the same examples."""
    made = small_task(12)
    other = replace(made.training, targets=made.training.targets.flip(0))
    sets = {"dev": other, "test": other}
    made = replace(made, evaluation=sets, last_only=frozenset({"test"}), **task)
    model = tiny_model()
    prepare({str(number): method for number, method in enumerate(methods)}, model, 1)
    protocol = replace(PROTOCOL, selection=selection)
    return finetune(model, made, list(methods), protocol, 1, torch.device("cpu")), model


def best(outcome: Outcome) -> int:
    scores = [entry.scores["dev"]["accuracy"] for entry in outcome.curve]
    return scores.index(max(scores))


@pytest.mark.parametrize("methods", [(), (EMA(),)], ids=["plain", "ema"])
def test_a_set_of_the_end_is_scored_with_the_weights_of_the_best_evaluation(
    methods: tuple[Method, ...],
) -> None:
    outcome, _ = tuned("dev", *methods)
    at = best(outcome)
    assert at < len(outcome.curve) - 1  # else nothing is tested
    np.testing.assert_array_equal(outcome.outputs["test"], outcome.outputs["dev"][[at]])
    assert outcome.curve[-1].scores["test"] == outcome.curve[at].scores["dev"]
    assert list(outcome.curve[-1].scores) == ["dev", "test"]


def test_the_course_and_the_final_weights_are_those_of_any_other_selection() -> None:
    (kept, model), (last, other) = tuned("dev"), tuned("last")
    np.testing.assert_array_equal(kept.losses, last.losses)
    np.testing.assert_array_equal(kept.outputs["dev"], last.outputs["dev"])
    np.testing.assert_array_equal(last.outputs["test"], last.outputs["dev"][[-1]])
    assert all(map(torch.equal, model.state_dict().values(), other.state_dict().values()))


def test_the_first_of_equally_good_evaluations_is_kept() -> None:
    outcome, _ = tuned("dev")
    scores = [entry.scores["dev"]["accuracy"] for entry in outcome.curve]
    assert scores.count(max(scores)) > 1


def test_a_mean_over_languages_chooses_as_well() -> None:
    made = small_task(12)
    sets = {"late": made.training, "dev/a": made.training, "dev/b": made.training}
    task = replace(
        made, evaluation=sets, last_only=frozenset({"late"}), groups={"dev/a": "dev", "dev/b": "dev"}
    )
    outcome = finetune(tiny_model(), task, [], PROTOCOL, 1, torch.device("cpu"))
    assert list(outcome.curve[-1].scores) == ["late", "dev", "dev/a", "dev/b"]
    np.testing.assert_array_equal(outcome.outputs["late"], outcome.outputs["dev/a"][[best(outcome)]])


@pytest.mark.parametrize("stop", [3, 5, 7])
def test_a_run_that_is_interrupted_continues_to_the_same_bits(
    stop: int, tiny: Callable[..., RunConfig], tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tiny(LATE, *COURSE, "protocol.selection=validation")
    one, other = (replace(config, store=str(tmp_path / name)) for name in ("a", "b"))
    whole = run(Run(one))
    take = Snapshot.take

    def stopping(self: Snapshot, progress: Any, *rest: Any) -> None:
        take(self, progress, *rest)
        if progress.done == stop:
            raise InterruptedError

    with monkeypatch.context() as patch:
        patch.setattr(Snapshot, "take", stopping)
        with pytest.raises(InterruptedError):
            run(Run(other))
    continued = run(Run(other))
    assert (continued.resumed, continued.scores, continued.curve) == (1, whole.scores, whole.curve)
    made, again = (Store(config.store).arrays(run_id(config)) for config in (one, other))
    assert all(np.array_equal(made[name], again[name]) for name in {*made, *again})
    scores = [entry.scores["validation"]["accuracy"] for entry in whole.curve]
    at = scores.index(max(scores))
    assert at < len(scores) - 1
    np.testing.assert_array_equal(made["logits/late"], made["logits/validation"][[at]])


def test_only_a_choice_that_changes_scores_is_part_of_what_a_run_is(tiny: Callable[..., RunConfig]) -> None:
    rules = ("last", "best", "leak_free", "validation")
    assert len({run_id(tiny(f"protocol.selection={rule}")) for rule in rules}) == 1
    assert len({run_id(tiny(LATE, f"protocol.selection={rule}")) for rule in rules}) == 2


@pytest.mark.parametrize(
    ("selection", "line"),
    [
        ("dev", r"unknown protocol.selection 'dev'.*valid: best, last, leak_free, validation"),
        ("late", r"protocol.selection=late: this set is scored after the last update alone"),
    ],
)
def test_a_set_that_cannot_choose_is_refused(
    selection: str, line: str, tiny: Callable[..., RunConfig]
) -> None:
    with pytest.raises(BenchmarkError, match=line):
        validate(tiny(LATE, f"protocol.selection={selection}"))


def test_a_set_of_other_languages_than_the_runs_cannot_choose(compose: Callable[..., RunConfig]) -> None:
    words = ("task=entities", "+task.evaluate.dev.languages=[en]", "task.languages=[de]")
    with pytest.raises(BenchmarkError, match=r"unknown protocol\.selection 'dev'"):
        validate(compose(*words, "protocol.selection=dev"))


def test_a_set_without_gold_labels_is_refused() -> None:
    made = small_task(12)
    unknown = replace(made.training, targets=torch.full_like(made.training.targets, -1))
    task = replace(made, evaluation={"dev": unknown, "test": unknown}, last_only=frozenset({"test"}))
    with pytest.raises(BenchmarkError, match="selection=dev: dev has no gold labels to choose by"):
        finetune(tiny_model(), task, [], PROTOCOL, 1, torch.device("cpu"))


def test_xtremes_protocol_keeps_the_best_english_evaluation(compose: Callable[..., RunConfig]) -> None:
    for task, selection in (
        ("xnli", "dev"),
        ("pawsx", "dev"),
        ("panx", "dev"),
        ("udpos", "dev"),
        ("xquad", "last"),
    ):
        config = compose("protocol=noisytune_xtreme", "model=xlm_roberta_base", f"task={task}")
        validate(config)
        assert config.protocol.selection == selection
