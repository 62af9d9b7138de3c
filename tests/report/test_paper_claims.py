"""Claims of the papers as they are declared: reproduced by records in which they are true, and by no others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from benchmark.config.schema import RunConfig
from benchmark.report.words import CONTRADICTED, REPRODUCED, UNDECIDED
from helpers.claims import verdicts_on
from helpers.grids import load
from helpers.hand_made import scored

LAYERS = 24
LETTERS = "abcdefghijklmnopqrstuvwxyz"  # of the parts of a claim
Scores = Callable[[RunConfig], float]


def chance(config: RunConfig, size: float, *more: object) -> float:
    """Normal noise of a standard deviation of ``size``, the same for the same run."""
    text = f"{config.model.name} {config.task.name} {config.protocol.epochs} {config.method} {config.seed} {more}"
    return size * float(np.random.default_rng(list(text.encode())).normal())


def unscored(config: RunConfig) -> float:
    return 70.0


@pytest.fixture
def words(record_of, monkeypatch) -> Callable[..., list[str]]:
    """``words(table, id, score, arrays)``: the verdicts on the parts of a claim, by hand-made records."""

    def judged(name: str, claim: str, score: Scores = unscored, arrays: Any = None) -> list[str]:
        planned = load(name)
        parts = [stated for stated in planned.table["claims"] if stated["id"].rstrip(LETTERS) == claim]
        monkeypatch.setitem(planned.table, "claims", parts)
        configs = {run.run_id: run.config for run in planned.runs}
        stored = (lambda run: arrays(configs[run])) if arrays else lambda run: {}
        verdicts = verdicts_on(planned, scored(planned, record_of, score), stored)
        monkeypatch.undo()
        return [verdict.verdict for verdict in verdicts]

    return judged


@pytest.mark.parametrize(
    ("gains", "expected"),
    [
        ({"rte": 0.5, "mrpc": 0.5}, [REPRODUCED, REPRODUCED, REPRODUCED]),
        ({"cola": 0.5, "stsb": 0.5}, [REPRODUCED, REPRODUCED, REPRODUCED]),  # the paper does not name the two
        (dict.fromkeys(("rte", "mrpc", "cola", "stsb"), 0.5), [REPRODUCED, CONTRADICTED, REPRODUCED]),
        ({"rte": 0.5}, [UNDECIDED, REPRODUCED, REPRODUCED]),
        ({"rte": 3.0, "mrpc": 3.0}, [REPRODUCED, REPRODUCED, CONTRADICTED]),  # not slightly
    ],
)
def test_noise_alone_is_slightly_better_on_two_tasks_and_no_more(words, gains, expected):
    def score(config: RunConfig) -> float:
        return 70 + gains.get(config.task.name, 0) * ("ft_noise" in config.method) + chance(config, 0.1)

    assert words("lnsr/table2", "L8", score) == expected


@pytest.mark.parametrize(("slope", "expected"), [(-1, REPRODUCED), (1, CONTRADICTED), (0, UNDECIDED)])
def test_better_models_have_less_error_in_the_top_layers(words, slope, expected):
    """Below the top the error rises with the score, which must not count."""

    def error(config: RunConfig) -> float:
        return 1 + chance(config, 0.2, "error")

    def score(config: RunConfig) -> float:
        return 70 + slope * error(config) + chance(config, 0.02)

    def arrays(config: RunConfig) -> dict[str, np.ndarray]:
        relative = np.full((LAYERS, LAYERS), 3 - error(config))
        relative[:, LAYERS * 3 // 4 - 1 :] = error(config)
        return {"probe/noise_attenuation/relative": relative}

    assert words("lnsr/section1", "L20", score, arrays) == [expected]


@pytest.mark.parametrize(("sign", "expected"), [(1, REPRODUCED), (-1, CONTRADICTED)])
def test_noise_grows_in_the_pretrained_layers_whatever_it_does_after_training(words, sign, expected):
    def arrays(config: RunConfig) -> dict[str, np.ndarray]:
        trained = config.protocol.steps != 1
        slope = -sign if trained else sign
        return {
            "probe/noise_attenuation/relative": np.tile(2 + slope * np.linspace(0, 1, LAYERS), (LAYERS, 1))
        }

    assert words("lnsr/section1", "L25", unscored, arrays) == [expected]


PRINTED = {"deberta_base": 0.72, "deberta_large": 0.29, "deberta_v2_xlarge": 0.63, "deberta_v2_xxlarge": 0.39}
FALLING = {"deberta_base": 2.0, "deberta_large": 1.2, "deberta_v2_xlarge": 0.6, "deberta_v2_xxlarge": 0.0}


@pytest.mark.parametrize(
    ("gains", "expected"),
    [
        # A size is of the better of two sigmas: without predictions there is no leak-free score that bears it out.
        (PRINTED, [REPRODUCED] * 2 + [UNDECIDED] * 4),
        (FALLING, [CONTRADICTED, CONTRADICTED, CONTRADICTED, CONTRADICTED, UNDECIDED, CONTRADICTED]),
    ],
)
def test_a_gain_that_is_complementary_to_scale_does_not_fall_with_the_size(words, gains, expected):
    def score(config: RunConfig) -> float:
        return 80 + gains[config.model.name] * ("hype_n" in config.method) + chance(config, 0.02)

    assert words("hype/table4", "H12", score) == expected


@pytest.mark.parametrize(("overlap", "expected"), [(0.0, REPRODUCED), (2.0, CONTRADICTED)])
def test_gains_that_overlap_are_no_gains_beside_a_technique(words, overlap, expected):
    def score(config: RunConfig) -> float:
        noisy, technique = "hype_n" in config.method, bool(set(config.method) - {"hype_n", "no_dropout"})
        return 70 + 2 * noisy + 2 * technique - overlap * (noisy and technique) + chance(config, 0.05)

    assert words("hype/table16", "H21", score) == [expected]


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.0, 5.0, [REPRODUCED, REPRODUCED]),  # gains on the high layers, none on the low ones
        (5.0, 5.0, [UNDECIDED, CONTRADICTED]),  # the same gain on every layer
        (5.0, 0.0, [CONTRADICTED, CONTRADICTED]),
    ],
)
def test_probes_gain_on_the_high_layers_and_are_entangled_on_the_low_ones(words, low, high, expected):
    gains = np.concatenate([np.full(9, low), np.linspace(low, high, LAYERS - 8)])

    def arrays(config: RunConfig) -> dict[str, np.ndarray]:
        noise = [chance(config, 0.05, layer) for layer in range(LAYERS + 1)]
        scores = 60 + np.linspace(0, 10, LAYERS + 1) + gains * bool(config.method) + noise
        return {f"probe/linear_probe/{task}/validation/accuracy": scores / 100 for task in ("mrpc", "rte")}

    found = [words("hype/figure3", claim, unscored, arrays) for claim in ("H24", "H25")]
    assert [word for [word] in found] == expected


@pytest.mark.parametrize(
    ("by_layers", "expected"),
    [({6: 1, 12: 2, 24: 3}, REPRODUCED), ({6: 3, 12: 2, 24: 1}, CONTRADICTED)],
)
def test_noise_on_more_layers_is_better_from_either_end_and_on_all(words, by_layers, expected):
    def score(config: RunConfig) -> float:
        layers = config.method.get("hype_n", {}).get("layers")
        return 70 + by_layers[len(layers or range(LAYERS))] + chance(config, 0.05)

    assert words("hype/table18", "H41", score) == [expected] * 3
