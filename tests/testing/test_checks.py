"""Every method there is a file for keeps what `benchmark.testing` checks; and the checks can fail."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
import torch

from benchmark.config.compose import ROOT
from benchmark.methods import Method
from benchmark.models.architecture import on_input
from benchmark.testing.checks import (
    CHECKS,
    accumulation,
    continuation,
    evaluation,
    neutral,
    precision,
    repetition,
    words,
)
from benchmark.testing.fixtures import method_of, settings_of

FILES = sorted((ROOT / "conf" / "method").glob("*.yaml"))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_method_keeps_the_contract(path: Path, check: Any) -> None:
    check(settings_of(path))


@dataclass
class NotNeutral(Method):
    """Acts whatever its strength is."""

    neutral: ClassVar[dict[str, Any] | None] = {"strength": 0.0}
    strength: float = 1.0

    def perturb(self, model, context):
        model.classifier.weight.data.add_(1e-3)


@dataclass
class Undeclared(Method):
    """Says nothing about how to switch it off."""

    def attach(self, model, context):
        pass


@dataclass
class NoisyEvaluation(Method):
    """Disturbs evaluation too."""

    def attach(self, model, context):
        on_input(model.classifier, lambda state: state + 1e-3)


@dataclass
class Unseeded(Method):
    """Draws from no stream of its own."""

    def attach(self, model, context):
        self.rng = torch.Generator()
        self.rng.seed()

    def after(self, update):
        update.weights[0].add_(1e-3 * torch.rand(1, generator=self.rng))


@dataclass
class SeedBlind(Method):
    """Asks for a stream and does not use it."""

    def attach(self, model, context):
        context.stream()


@dataclass
class SumOfParts(Method):
    """Adds a term that counts every part of a batch in full."""

    def loss(self, step):
        return step.logits.square().sum()


@dataclass
class HiddenState(Method):
    """Keeps what changes where nobody can see it."""

    def attach(self, model, context):
        self.place = SimpleNamespace(count=0)

    def after(self, update):
        self.place.count += 1
        update.weights[0].add_(1e-3 * self.place.count)


@dataclass
class LostInHalfPrecision(Method):
    """Adds to hidden states, in their own precision, what bfloat16 cannot hold, and says nothing."""

    def attach(self, model, context):
        short = torch.bfloat16
        on_input(model.classifier, lambda state: state + 1e-5 if state.dtype != short else state)


@dataclass
class NotAlone(Method):
    """Moves the word embeddings, and says that it leaves them alone."""

    leaves_words_alone = True

    def after(self, update):
        for name, weight in zip(update.names, update.weights, strict=True):
            if "word_embeddings" in name:
                weight.add_(1e-3)


BROKEN = [
    (neutral, NotNeutral),
    (neutral, Undeclared),
    (evaluation, NoisyEvaluation),
    (repetition, Unseeded),
    (repetition, SeedBlind),
    (accumulation, SumOfParts),
    (continuation, HiddenState),
    (precision, LostInHalfPrecision),
    (words, NotAlone),
]


@pytest.mark.parametrize(("check", "kind"), BROKEN, ids=lambda value: value.__name__)
def test_a_check_finds_the_method_that_breaks_its_promise(check: Any, kind: type) -> None:
    with pytest.raises(AssertionError):
        check({"_target_": f"{__name__}.{kind.__name__}"})


def test_a_stream_that_is_made_late_and_state_within_state_are_continued() -> None:
    continuation({"_target_": f"{__name__}.LateStream"})


@dataclass
class LateStream(Method):
    """Makes its stream when it first draws, and keeps lists and dicts."""

    def attach(self, model, context):
        self.context, self.rng, self.drawn, self.means = context, None, [], {}

    def after(self, update):
        self.rng = self.rng or self.context.stream()
        self.drawn.append(torch.rand(1, generator=self.rng))
        self.means[update.names[0]] = (len(self.drawn), self.drawn[-1] + 1)
        count, drawn = self.means[update.names[0]]
        update.weights[0].add_(1e-3 * sum(self.drawn) + 1e-4 * count * drawn)


def test_every_exemption_is_of_a_check_and_has_a_reason() -> None:
    names = {check.__name__ for check in CHECKS}
    for path in FILES:
        exempt = method_of(settings_of(path)).exempt
        assert set(exempt) <= names
        assert all(reason.strip() for reason in exempt.values())
