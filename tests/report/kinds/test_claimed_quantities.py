"""Associations, medians, averages with missing runs, and claims beside collapses, from hand-made records."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from benchmark.config.schema import RunConfig
from benchmark.report import claims_sheet, page, render
from benchmark.report.judge import REPRODUCED, UNDECIDED
from helpers.claims import noise, reported, table

PLAIN: dict[str, Any] = {"method": []}
NOISY: dict[str, Any] = {"method": ["noisytune"]}
BOTH: dict[str, Any] = {"method": [[], ["noisytune"]]}
BETTER = {"better": NOISY, "than": PLAIN}


def gain(size: float, spread: float = 0.3) -> Any:
    return lambda config: 70 + size * bool(config.method) + noise(config, spread)


def seconds(config: RunConfig, value: float) -> dict[str, Any]:
    others = dict.fromkeys(("train", "evaluate", "survey", "probes", "total"), 1.0)
    return {"seconds": others | {"per_update": value}}


def test_an_association_is_of_ranks_over_cells_in_every_seed_or_over_the_runs_of_an_arm(judged):
    claim = {"runs": BOTH, "association": {"to": "time", "direction": "falls"}}
    by_run = {"runs": PLAIN, "association": {"to": "time", "direction": "falls", "over": "runs"}}
    planned = table([claim, by_run], shares=("0.1", "0.5"), seeds=7)

    def score(config: RunConfig) -> float:
        return 70 + 3 * bool(config.method) + 5 * (config.data.share == 0.5) + noise(config)

    found = judged(planned, score, changes=lambda c: seconds(c, 0.5 - 0.001 * score(c)))
    assert [v.verdict for v in found] == [REPRODUCED] * 2
    [cells] = found[0].comparisons
    assert (cells.ours, cells.others, cells.n, cells.effect) == ("4 arms", "with time", 7, pytest.approx(-1))
    assert [(c.n, c.p) for c in found[1].comparisons] == [(7, pytest.approx(2 / 5040))] * 2
    assert {c.unit for v in found for c in v.comparisons} == {"rank correlation"}
    unrelated = judged(planned, score, changes=lambda c: seconds(c, 0.5 + 0.01 * noise(c, 1, 7)))
    assert [v.verdict for v in unrelated] == [UNDECIDED] * 2


def test_a_survey_counts_in_the_time_of_training_and_not_in_that_of_an_update(judged):
    planned = table([{"lower": PLAIN, "than": NOISY, "of": of} for of in ("time", "training")], seeds=7)

    def spent(config: RunConfig) -> dict[str, Any]:
        updates = seconds(config, 0.5 + 0.001 * noise(config))["seconds"]
        return {
            "seconds": updates | {"survey": 1.0 + 10.0 * bool(config.method) + 0.1 * noise(config, shift=1)}
        }

    found = judged(planned, gain(0), changes=spent)
    assert [verdict.verdict for verdict in found] == [UNDECIDED, REPRODUCED]
    assert [verdict.comparisons[0].unit for verdict in found] == ["s per update", "s"]


def test_medians_and_quantiles_can_be_claimed(judged):
    planned = table([BETTER | {"of": "median"}, BETTER | {"of": "quantile/0.1"}], seeds=12)

    def rare(config: RunConfig) -> float:
        """Plain fine-tuning has the same median and a low run in four."""
        low = not config.method and config.seed % 4 == 0
        return 70 + noise(config) - 10 * low

    assert [v.verdict for v in judged(planned, gain(2))] == [REPRODUCED] * 2
    median, quantile = judged(planned, rare)
    assert median.verdict == UNDECIDED
    assert quantile.comparisons[0].effect > 5 > abs(median.comparisons[0].effect)
    assert {c.unit for v in (median, quantile) for c in v.comparisons} == {"points"}


def test_an_average_is_not_lost_with_one_run_of_every_seed(judged):
    tasks = ("rte", "mrpc", "sst2", "cola", "qnli")
    claim = BETTER | {"where": "average"}
    planned = table(
        [claim, BETTER | {"where": "two"}], tasks=tasks, averages={"two": ["rte", ["mrpc", "sst2"]]}
    )

    def ends(config: RunConfig) -> str:
        gone = config.method and tasks.index(config.task.name) + 1 == config.seed
        return "failed" if gone else "finished"

    whole, two = judged(planned, gain(5))
    assert (whole.verdict, two.verdict) == (REPRODUCED, REPRODUCED)
    assert (whole.comparisons[0].n, two.comparisons[0].column) == (5, "two")
    gone, _ = judged(planned, gain(5), end=ends)
    [average] = gone.comparisons
    assert (average.n, average.pairs, average.lost) == (4, (20, 25), (5, 0))
    assert average.effect == pytest.approx(5, abs=0.5)
    assert average.p < 1e-4
    assert "20 of 25 pairs of runs" in gone.why


def test_beside_a_mean_with_a_collapse_stands_the_claim_without_it(judged):
    planned = table([BETTER, BETTER | {"of": "std"}], seeds=25)

    def ends(config: RunConfig) -> str:
        return "collapsed" if not config.method and config.seed <= 6 else "finished"

    def score(config: RunConfig) -> float:
        return 30 if ends(config) == "collapsed" else gain(0)(config)

    mean, spread = judged(planned, score, end=ends)
    assert mean.verdict == REPRODUCED  # the whole gain is the collapse
    assert "; among runs that did not collapse undecided: 0 of 1 comparison as claimed" in mean.why
    assert mean.without_collapses is not None
    assert mean.without_collapses.comparisons[0].n == 19
    row = claims_sheet.numbers([mean]).iloc[0]
    assert (row["n"], row["n_without_collapses"]) == (25, 19)
    assert spread.without_collapses is None
    assert "did not collapse" not in judged(planned, gain(0))[0].why


def test_a_gain_of_methods_is_over_the_same_run_without_them(judged):
    """NoisyTune adds 2 to plain fine-tuning and 1 to R-Drop."""
    methods = ("[]", "[noisytune]", "[rdrop]", "[noisytune,rdrop]")
    both = {"method": ["noisytune", "rdrop"]}
    planned = table(
        [
            {"runs": both, "than": NOISY, "gain_of": ["noisytune"], "size": {"printed": -1, "margin": 0.5}},
            {"better": both, "than": NOISY, "gain_of": ["noisytune"]},
        ],
        methods=methods,
    )

    def score(config: RunConfig) -> float:
        added = {"": 0.0, "noisytune": 2.0, "rdrop": 5.0, "noisytune+rdrop": 6.0}
        return 70 + added["+".join(sorted(config.method))] + noise(config, 0.05)

    size, better = judged(planned, score)
    assert size.comparisons[0].effect == pytest.approx(-1, abs=0.2)
    assert (size.verdict, better.verdict) == (REPRODUCED, "contradicted")


def test_reports_show_a_claims_id_place_unit_and_effect(record_of):
    planned = table([BETTER | {"id": "N1", "place": "3.2, Table 2"}])
    shown = reported(planned, record_of, gain(2))
    for text in (render.terminal(shown, 300), render.markdown(shown), page.page(shown, [])):
        assert "N1 (3.2, Table 2): it is so" in text
        assert "1 of 1 comparison as claimed; +" in text
    row = claims_sheet.numbers(shown.verdicts).iloc[0]
    assert (row["id"], row["place"], row["unit"], row["kind"]) == ("N1", "3.2, Table 2", "points", "better")
    assert row["low"] < row["effect"] < row["high"]
    assert np.isclose(row["effect"], row["toward"])
