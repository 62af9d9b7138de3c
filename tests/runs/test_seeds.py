"""A separate seed changes its own source of chance, and none of the others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from benchmark.config.identity import run_id
from benchmark.config.schema import RunConfig
from benchmark.config.stored import of_another_run
from benchmark.config.validation import validate
from benchmark.errors import BenchmarkError
from benchmark.models import masks, pretrained
from benchmark.records.store import Store
from benchmark.runs.result import portable
from benchmark.runs.run import Run, assemble, run

Tiny = Callable[..., RunConfig]
SOURCES = ("head", "order", "dropout", "noise")
# Noise on weights once, and masks that are named by a pass; both beside the model's own dropout.
NOISY = ("method=[mixout,noisytune]", "method.mixout.hidden_dropout=true", "method.mixout.probability=0.5")


def drawn(config: RunConfig, monkeypatch: pytest.MonkeyPatch) -> dict[str, list[np.ndarray]]:
    """What every source of chance draws until a run's first update is made, as flat arrays."""
    heads: list[np.ndarray] = []
    dropout: list[np.ndarray] = []
    noise: list[np.ndarray] = []
    load, mask, kept = pretrained.load, masks.mask, masks.kept

    def loaded(*arguments: Any) -> Any:
        model = load(*arguments)
        heads.append(flat(model.classifier.weight))
        return model

    def noted(into: list[np.ndarray], draw: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
        def noted_draw(*arguments: Any, **named: Any) -> torch.Tensor:
            result = draw(*arguments, **named)
            into.append(flat(result))
            return result

        return noted_draw

    with monkeypatch.context() as patched:
        patched.setattr(pretrained, "load", loaded)
        patched.setattr(masks, "mask", noted(dropout, mask))
        patched.setattr(masks, "kept", noted(noise, kept))
        training = assemble(Run(config)).training
        weights = [flat(weight) for name, weight in training.model.named_parameters() if ".layer." in name]
        order = list(training.course.batches())
        training.learner.update(*order[0])
    assert len(dropout) > 2
    assert len(noise) > 2
    assert len(weights) > 10
    orders = [np.array(batch) for _, batch in order]
    return {"head": heads, "order": orders, "dropout": dropout, "noise": [*weights, *noise]}


def flat(values: torch.Tensor) -> np.ndarray:
    return values.detach().clone().numpy().ravel()


def alike(ours: list[np.ndarray], theirs: list[np.ndarray]) -> bool:
    """True if draws are the same as far as both go: a mask is as large as the batch's texts are long."""
    pairs = zip(ours, theirs, strict=True)
    return all(np.array_equal(one[: other.size], other[: one.size]) for one, other in pairs)


@pytest.mark.parametrize("source", SOURCES)
def test_a_separate_seed_changes_its_own_source_alone(
    tiny: Tiny, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    before, after = (drawn(tiny(*NOISY, *changes), monkeypatch) for changes in ((), (f"seeds.{source}=7",)))
    assert [name for name in SOURCES if not alike(before[name], after[name])] == [source]
    assert alike(after[source], drawn(tiny(*NOISY, "seed=7"), monkeypatch)[source])


@pytest.mark.parametrize("source", SOURCES)
def test_the_runs_own_seed_changes_everything_that_has_no_other(
    tiny: Tiny, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    fixed = [f"seeds.{name}=1" for name in SOURCES if name != source]
    before, after = (
        drawn(tiny(*NOISY, *fixed, f"seed={seed}", "data.subset_seed=1"), monkeypatch) for seed in (1, 2)
    )
    assert [name for name in SOURCES if not alike(before[name], after[name])] == [source]


def test_a_survey_has_the_order_of_the_seed_of_the_order(tiny: Tiny) -> None:
    def surveyed(*changes: str) -> list[list[int]]:
        training = assemble(Run(tiny("method=[child_tuning_d]", *changes))).training
        seen: list[list[int]] = []
        [method] = training.learner.methods
        method.survey = lambda passes: seen.extend(step.targets.tolist() for step in passes)  # type: ignore
        training.learner.survey()
        return seen

    plain = surveyed()
    assert surveyed("seeds.noise=7", "seeds.dropout=7", "seeds.head=7") == plain
    assert surveyed("seeds.order=7") != plain


def test_a_separate_seed_that_is_the_runs_own_is_the_same_run(tiny: Tiny, tmp_path: Path) -> None:
    plain, stated = tiny(*NOISY, "seed=3"), tiny(*NOISY, "seed=3", *(f"seeds.{name}=3" for name in SOURCES))
    assert run_id(stated) == run_id(plain)
    stated.store = str(tmp_path / "stated")
    ours, theirs = (run(Run(config)) for config in (plain, stated))
    assert ours.curve == theirs.curve
    arrays, others = Store(plain.store).arrays(ours.run_id), Store(stated.store).arrays(theirs.run_id)
    assert all(np.array_equal(arrays[name], others[name]) for name in arrays)
    assert theirs.config["seeds"] == dict.fromkeys(SOURCES, 3)


def test_a_record_from_before_there_were_separate_seeds_is_of_its_run(
    compose: Callable[..., RunConfig],
) -> None:
    config = compose("seed=3")
    stored = {key: value for key, value in portable(config).items() if key != "seeds"}
    assert not of_another_run(stored, run_id(config))
    assert of_another_run({**stored, "seeds": {"head": 7}}, run_id(config))


def test_every_separate_seed_makes_another_run(compose: Callable[..., RunConfig]) -> None:
    changes = [(), ("seed=7",), *((f"seeds.{name}=7",) for name in SOURCES), ("seed=7", "seeds.head=1")]
    assert len({run_id(compose(*change)) for change in changes}) == len(changes)


@pytest.mark.parametrize("seed", ["-1", str(1 << 32)])
def test_a_separate_seed_that_not_every_generator_takes_is_refused(
    compose: Callable[..., RunConfig], seed: str
) -> None:
    with pytest.raises(BenchmarkError, match=rf"^seeds\.dropout={seed}: .* from 0 to 4294967295$"):
        validate(compose(f"seeds.dropout={seed}"))
