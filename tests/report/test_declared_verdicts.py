"""Claims of NoisyTune and of PATS, one of every kind, on records by hand in which they are true and false."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from benchmark.config.schema import RunConfig
from benchmark.report.build import no_arrays
from benchmark.report.words import CONTRADICTED, HERE, REPRODUCED, UNDECIDED
from helpers.claims import noise, verdicts_of
from helpers.grids import load

SIZES = {"mnli": 392702, "qnli": 104743, "qqp": 363846, "rte": 2490, "sst2": 67349}
SIZES |= {"mrpc": 3668, "cola": 8551, "stsb": 5749, "wnli": 635}
CARD = {
    "code": {"commit": "0123456789abcdef", "dirty": False},
    "python": "3.11.0",
    "packages": {"torch": "2.0.0", "transformers": "5.0.0"},
    "device": "a card",
    "device_type": "cuda",
    "threads": None,
    "precision": "float32",
}
EXACT = 0.02  # points; noise that hides nothing


OTHER = ("model=minilm", "seed=1,2,3")  # a small part of a table; its words say that it is another model


@pytest.fixture
def words(record_of: Any) -> Callable[..., dict[str, str]]:
    """``words(table, score)``: the verdict on each of a table's claims, by id."""

    def judged(
        name: str, score: Callable[[RunConfig], float], part: tuple[str, ...] = (), **more: Any
    ) -> dict[str, str]:
        verdicts = verdicts_of(load(name, *part), record_of, score, **more)
        declared = {here: word for word, here in HERE.items()}
        return {verdict.id: declared.get(verdict.verdict, verdict.verdict) for verdict in verdicts}

    return judged


def some(size: float = EXACT) -> Callable[[RunConfig], float]:
    return lambda config: 70 + config.seed + noise(config, size)


def added(**points: float) -> Callable[[RunConfig], float]:
    """Scores with ``points`` by combination of methods, written with "_and_" between them."""
    return lambda config: some()(config) + points.get("_and_".join(sorted(config.method)) or "plain", 0)


def probed(values: Callable[[RunConfig], dict[str, float]], name: str, table: str) -> dict[str, Any]:
    """The arrays of a probe by hand, for `reported`."""
    configs = {run.run_id: run.config for run in load(table).runs}

    def arrays(run: str) -> dict[str, np.ndarray]:
        found = {f"probe/{name}/{key}": np.array(value) for key, value in values(configs[run]).items()}
        return dict(no_arrays(run)) | found

    return {"arrays": arrays}


def test_gains_of_every_cell_of_small_sets_and_by_size(words: Any) -> None:
    def score(of_task: Callable[[str], float]) -> Callable[[RunConfig], float]:
        return lambda c: some()(c) + of_task(c.task.name) * ("noisytune" in c.method)

    sized = {"changes": lambda config: {"examples": {"train": SIZES[config.task.name]}}}
    by_size = words(
        "noisytune/table2", score(lambda task: 3 - 0.2 * np.log2(SIZES[task] / 635)), OTHER, **sized
    )
    assert by_size == dict.fromkeys(("N1", "N3", "N4", "N5", "N20a"), REPRODUCED)
    against = words(
        "noisytune/table2", score(lambda task: 0.2 * np.log2(SIZES[task] / 635) - 3), OTHER, **sized
    )
    assert against == dict.fromkeys(("N1", "N3", "N4", "N5", "N20a"), CONTRADICTED)
    large = ("mnli", "qnli", "qqp", "sst2", "mrpc", "stsb")
    one = words(
        "noisytune/table2", score(lambda task: 2.0 * (task == "wnli") + 1.0 * (task in large)), **sized
    )
    assert one["N4"] == CONTRADICTED  # one of three
    most = words("noisytune/table2", score(lambda task: 2.0 * (task in ("rte", "wnli"))), OTHER, **sized)
    assert most["N4"] == REPRODUCED  # two of three
    assert most["N20a"] == REPRODUCED
    assert most["N1"] == UNDECIDED


def test_kinds_of_noise(words: Any) -> None:
    order = {"noisytune_gaussian_global": -2.0, "noisytune_uniform_global": -1.0, "noisytune_gaussian": 1.0}
    order |= {"noisytune": 2.0, "noisytune_gaussian_matched": 2.2, "noisytune_gaussian_matched_global": -1.5}
    expected = dict.fromkeys(("N6", "N7a", "N7b", "N8a", "N8b", "N8d"), REPRODUCED) | {"N8c": CONTRADICTED}
    assert words("noisytune/figure2", added(**order), OTHER) == expected
    other = {name: -points for name, points in order.items()}
    turned = dict.fromkeys(("N6", "N7a", "N7b", "N8a", "N8b", "N8d"), CONTRADICTED) | {"N8c": REPRODUCED}
    assert words("noisytune/figure2", added(**other), OTHER) == turned


def test_noise_beside_other_methods(words: Any) -> None:
    both = {"noisytune_and_recadam": 3.0, "mixout_and_noisytune": 1.0, "noisytune": 1.5, "mixout": 1.2}
    assert words("noisytune/figure3", added(**both), OTHER) == {
        "N10a": REPRODUCED,
        "N10b": REPRODUCED,
        "N10c": CONTRADICTED,
        "N10d": CONTRADICTED,
        "N11a": REPRODUCED,
        "N11b": CONTRADICTED,
        "N20b": REPRODUCED,
        "N20c": REPRODUCED,  # a loss of 0.2 is within the margin
    }
    hurt = words("noisytune/figure3", added(**both | {"mixout": 2.0}), OTHER)
    assert hurt["N20c"] == CONTRADICTED


def test_norms_before_and_after(words: Any) -> None:
    def norms(start: float, change: float) -> dict[str, Any]:
        def values(config: RunConfig) -> dict[str, Any]:
            noisy = bool(config.method)
            first = 1000 * (1 + start * noisy) + noise(config, 0.1)
            return {
                "start": [first, first],
                "kinds": ["weight", "bias"],
                "change": 2 * [0.05 + change * noisy + noise(config, 0.001)],
            }

        return probed(values, "norm_change", "noisytune/figure5")

    table = "noisytune/figure5"
    assert words(table, some(), **norms(0.001, -0.02)) == dict.fromkeys(("N15", "N16"), REPRODUCED)
    assert words(table, some(), **norms(0.05, 0.02)) == dict.fromkeys(("N15", "N16"), CONTRADICTED)


def test_the_best_intensity(words: Any) -> None:
    def score(best: float, slope: float = -20) -> Callable[[RunConfig], float]:
        def of(config: RunConfig) -> float:
            intensity = config.method["noisytune"]["intensity"] if config.method else 0.0
            return 80 + config.seed + slope * abs(intensity - best) + noise(config, EXACT)

        return of

    ids = ("N17", "N18a", "N18b")
    assert words("noisytune/figure6", score(0.125), OTHER) == dict.fromkeys(ids, REPRODUCED)
    assert words("noisytune/figure6", score(0.125, 20), OTHER) == dict.fromkeys(ids, CONTRADICTED)
    strongest = words("noisytune/figure6", score(0.3), OTHER)
    assert strongest["N17"] == CONTRADICTED
    assert strongest["N18b"] == REPRODUCED


def test_sizes_and_numbers_of_tasks(words: Any) -> None:
    def score(gains: dict[str, float], others: float) -> Callable[[RunConfig], float]:
        def of(config: RunConfig) -> float:
            points = {"pats": gains.get(config.task.name, 0.5), "sage_released": others, "noisytune": others}
            return some()(config) + sum(points.get(name, 0) for name in config.method)

        return of

    printed = words("pats/table1", score({"cola": 2.0, "rte": 2.0, "mrpc": 1.0}, 0.2))
    assert printed == dict.fromkeys(("P1", "P2", "P3a", "P3b", "P4a", "P4b", "P5a", "P5b", "P6"), REPRODUCED)
    other = words("pats/table1", score({"cola": 4.0, "rte": 4.0, "mrpc": 3.0, "sst2": 0.0, "qqp": -1.0}, 0.2))
    assert [other[id_] for id_ in ("P1", "P3a", "P3b", "P4a", "P5b")] == [CONTRADICTED] * 5
    assert [other[id_] for id_ in ("P2", "P6")] == [REPRODUCED] * 2
    but_one = words("pats/table1", score({"sst2": 0.0}, 0.2))
    assert [but_one[id_] for id_ in ("P4a", "P4b", "P5a", "P5b")] == [REPRODUCED] * 4


def test_sensitivities_and_scores_over_shares(words: Any) -> None:
    table = "pats/figure3"

    def level(config: RunConfig) -> float:
        return 10 * (config.data.share or 1.0) + 2 * bool(config.method)

    def spread(sign: float) -> dict[str, Any]:
        def values(config: RunConfig) -> dict[str, float]:
            # Within an arm, better seeds are more concentrated as well.
            height = level(config) + 0.1 * config.seed + noise(config, EXACT, shift=1)
            return {"std": 1e-6 * (30 + sign * height)}

        return probed(values, "sensitivity", table)

    def rising(config: RunConfig) -> float:
        return 50 + level(config) + 0.1 * config.seed + noise(config, EXACT)

    assert words(table, rising, **spread(-1)) == dict.fromkeys(("P7", "P11", "P12", "P13", "P14"), REPRODUCED)
    turned = words(table, rising, **spread(1))
    assert [turned[id_] for id_ in ("P13", "P14")] == [CONTRADICTED] * 2
    assert turned["P7"] == UNDECIDED  # five seeds of 18 arms can bear it out, and cannot refute it
    falling = words(table, lambda config: 150 - rising(config), **spread(1))
    assert [falling[id_] for id_ in ("P11", "P12")] == [CONTRADICTED] * 2
    assert falling["P14"] == REPRODUCED


def test_insensitive_and_dominant_weights(words: Any) -> None:
    table, ids = "pats/figure2", ("P8", "P9", "P10", "P20")

    def shares(pats: float) -> dict[str, Any]:
        def values(config: RunConfig) -> dict[str, float]:
            share = 0.3 + pats * ("pats" in config.method) + noise(config, 0.001)
            return {"std": 1e-6 * share, "insensitive": share, "top_share": share}

        return probed(values, "sensitivity", table)

    for pats, word in ((-0.1, REPRODUCED), (0.1, CONTRADICTED)):
        verdicts = words(table, some(), **shares(pats))
        assert [verdicts[id_] for id_ in ids] == [word] * 4


def test_time_and_memory(words: Any) -> None:
    def costs(pats: float) -> dict[str, Any]:
        times = {"pats": pats, "smart": 2.5, "freelb": 3.0}

        def changes(config: RunConfig) -> dict[str, Any]:
            ratio = times.get("".join(config.method), 1.0)
            seconds = dict.fromkeys(("train", "evaluate", "survey", "probes", "total"), 1.0)
            seconds["per_update"] = 0.1 * ratio * (1 + 0.001 * config.seed + noise(config, 0.0001))
            memory = {"peak": int(1e9 * ratio), "reserved": None}
            return {"seconds": seconds, "memory": memory, "environment": CARD}

        return {"changes": changes}

    ids = ("P16a", "P16b", "P17a", "P17b")
    assert words("pats/section4", some(), **costs(1.05)) == dict.fromkeys(ids, REPRODUCED)
    assert words("pats/section4", some(), **costs(4.0)) == dict.fromkeys(ids, CONTRADICTED)


def test_the_smallest_and_the_largest_lambda(words: Any) -> None:
    def lambda_of(config: RunConfig) -> float:
        return config.method["pats"]["intensity"] if config.method else 0.0

    def end(config: RunConfig) -> str:
        return "collapsed" if lambda_of(config) > 1e-5 else "finished"

    assert words("pats/limitations", some(), end=end) == dict.fromkeys(("P18a", "P18b"), REPRODUCED)
    apart = words(
        "pats/limitations",
        lambda config: some()(config) + 3 * bool(config.method),
        end=lambda config: "collapsed" if config.method and lambda_of(config) < 1e-6 else "finished",
    )
    assert apart["P18b"] == CONTRADICTED
    off = words("pats/limitations", lambda config: some()(config) + 3 * bool(config.method))
    assert off["P18a"] == CONTRADICTED


def test_spread_and_collapses(words: Any) -> None:
    def score(wide: str) -> Callable[[RunConfig], float]:
        return lambda config: 70 + noise(config, 5.0 if wide in config.method else 0.5)

    def end(fallen: str) -> Callable[[RunConfig], str]:
        return lambda config: "collapsed" if fallen in config.method and config.seed > 4 else "finished"

    steady = words("pats/section2_2", score("pats_global"))
    assert (steady["P19a"], steady["P19b"]) == (REPRODUCED, UNDECIDED)  # no run collapsed
    unsteady = words("pats/section2_2", score("pats"))
    assert unsteady["P19a"] == CONTRADICTED
    fallen = [words("pats/section2_2", some(), end=end(name))["P19b"] for name in ("pats_global", "pats")]
    assert fallen == [REPRODUCED, CONTRADICTED]
