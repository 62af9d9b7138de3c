"""Errors of translated evaluation sets go together; those of sets with sentences of their own do not."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from benchmark.config.schema import RunConfig
from benchmark.report.numbers import sampling
from benchmark.report.numbers.sampling import Shares
from benchmark.report.numbers.translated_sets import parts

LANGUAGES = ("de", "fr", "ur")
EXAMPLES = 300
RECORD: Any = SimpleNamespace(curve=[SimpleNamespace(scores={})])


@pytest.fixture
def config(compose: Any) -> RunConfig:
    return compose("task=xnli", f"task.languages=[{','.join(LANGUAGES)}]", "protocol.selection=last")


def drawn(counts: tuple[int, ...] = (EXAMPLES,) * 3) -> tuple[dict[str, np.ndarray], list[np.ndarray]]:
    """Stored predictions of three languages, which fail the same hard examples, and what is right (examples,)."""
    rng = np.random.default_rng(1)
    truth, hard = rng.integers(0, 3, max(counts)), rng.random(max(counts)) < 0.3
    stored, right = {}, []
    for language, count in zip(LANGUAGES, counts, strict=True):
        wrong = (hard & (rng.random(max(counts)) < 0.9))[:count]
        answers = np.where(wrong, (truth[:count] + 1) % 3, truth[:count])
        stored[f"logits/xnli/{language}"] = np.eye(3)[answers][None]
        stored[f"targets/xnli/{language}"] = truth[:count]
        right.append(~wrong)
    return stored, right


def shares_of(config: RunConfig, stored: dict[str, np.ndarray], *report: str) -> Shares:
    shares = sampling._of_run(RECORD, config, stored, list(report), [])
    assert shares is not None
    return shares


def test_the_error_of_a_mean_over_translations_is_that_of_the_examples_means(config: RunConfig) -> None:
    stored, right = drawn()
    shares = shares_of(config, stored, "xnli/accuracy")
    expected = 100 * np.mean(right, 0).std() / np.sqrt(EXAMPLES)
    assert sampling.error(shares) == pytest.approx(expected)
    assert sampling.degrees(shares) == EXAMPLES - 1
    alone = [100 * each.std() / np.sqrt(EXAMPLES) for each in right]
    assert expected > 1.5 * np.sqrt(np.sum(np.square(alone))) / 3  # as if they were independent


def test_an_average_of_columns_by_language_has_the_error_of_their_mean(config: RunConfig) -> None:
    stored, _ = drawn()
    columns = [shares_of(config, stored, f"xnli/{language}/accuracy") for language in LANGUAGES]
    assert sampling.error(sampling.mean([*columns])) == pytest.approx(
        sampling.error(shares_of(config, stored, "xnli/accuracy"))
    )


def test_errors_of_translations_that_cannot_be_matched_add_up(config: RunConfig) -> None:
    counts = (EXAMPLES, EXAMPLES - 1, EXAMPLES)
    stored, right = drawn(counts)
    shares = shares_of(config, stored, "xnli/accuracy")
    alone = [100 * each.std() / np.sqrt(len(each)) for each in right]
    assert sampling.error(shares) == pytest.approx(np.mean(alone))
    assert sampling.degrees(shares) == EXAMPLES - 2
    [one] = [shares_of(config, stored, "xnli/fr/accuracy")]
    assert sampling.error(one) == pytest.approx(alone[1])


def test_labels_in_another_order_are_other_examples(config: RunConfig) -> None:
    stored, _ = drawn()
    assert set(parts("xnli", config, stored).values()) == {("xnli", "xnli")}
    stored["targets/xnli/ur"] = stored["targets/xnli/ur"][::-1]
    assert parts("xnli", config, stored)["xnli/de"] == ("xnli", "xnli", "xnli/de")
    del stored["targets/xnli/ur"]
    assert parts("xnli/fr", config, stored) == {"xnli/fr": ("xnli", "xnli", "xnli/fr")}


def test_sets_of_tags_and_sets_of_one_language_have_examples_of_their_own(compose: Any) -> None:
    config = compose("task=panx", "task.languages=[bn,hi]")
    assert parts("panx", config, {}) == {name: ("panx", name) for name in ("panx/bn", "panx/hi")}
    assert parts("dev", config, {}) == {"dev": ("panx", "dev")}
