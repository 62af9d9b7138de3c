"""`python -m benchmark.report.simulations`: the rates of wrong and of found verdicts, on simulated tables.

Every table has paired scores of known truth, and gets the verdict that a report would give. The same seed gives the
same numbers.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import stats

from benchmark.config.table import MOST
from benchmark.report.judge import CONTRADICTED, REPRODUCED, verdict
from benchmark.report.kinds.margins import HALF
from benchmark.report.numbers import equivalence
from benchmark.report.numbers.conjunctions import most
from benchmark.report.numbers.statistics import LEVEL, estimate, holm, paired_difference
from benchmark.report.paired_tests import Comparison, of_sum, tested, with_planned
from benchmark.report.sums import Sum

TABLES = 100
MARGIN = 1.0  # margin of a claim that two arms are alike, in deviations of a difference
MEAN, COLLAPSED, SHARE = 70.0, 50.0, 0.1  # mean score, score of collapsed runs, share of runs that fail
Draw = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]
NOISE: dict[str, Draw] = {
    "normal": lambda rng, shape: rng.normal(size=shape),
    "unequal spread (1 : 2)": lambda rng, shape: rng.normal(size=shape),
    "heavy tails (t, 3 degrees)": lambda rng, shape: rng.standard_t(3, size=shape),
    "10 % collapse on both sides": lambda rng, shape: rng.normal(size=shape),
    "10 % diverge on both sides": lambda rng, shape: rng.normal(size=shape),
}


@dataclass(frozen=True)
class Rule:
    """A kind of claim with the number of its cells and seeds; ``of`` is the quantity it compares.

    ``at_least`` is the number of cells that the claim needs; None: all of them.
    """

    name: str
    of: str
    cells: int
    seeds: int
    at_least: str | None = None


RULES = (
    Rule("one mean, 5 seeds", "score", 1, 5),
    Rule("one mean, 25 seeds", "score", 1, 25),
    Rule("9 means, all of them, 5 seeds", "score", 9, 5),
    Rule("9 means, all of them, 25 seeds", "score", 9, 25),
    Rule("most of 9 means, 5 seeds", "score", 9, 5, MOST),
    Rule("one maximum, 25 seeds", "max", 1, 25),
    Rule("one spread, 25 seeds", "std", 1, 25),
)
SPREAD = RULES[-1]
OF_ONE_MEAN = 10  # times as many tables: its test is exact, so its rate is 5 % and needs more precision


def tables(
    rule: Rule, noise: str, count: int, gain: float = 0.0, ratio: float = 1.0, seed: int = 0
) -> Iterator[list[Comparison]]:
    """``count`` tables of comparisons; the method's scores are ``gain`` higher, its spread ``ratio`` times."""
    rng = np.random.default_rng(seed)
    scale = 2.0 if noise.startswith("unequal") and rule.of != "std" else 1.0
    for _ in range(count):
        ours, others = NOISE[noise](rng, (2, rule.cells, rule.seeds)) * np.array([[[ratio]], [[scale]]])
        lost = rng.random((2, rule.cells, rule.seeds)) < (SHARE if noise.startswith("10 %") else 0.0)
        yield [
            _comparison(rule, noise, MEAN + gain + ours[cell], MEAN + others[cell], lost[:, cell])
            for cell in range(rule.cells)
        ]


def _comparison(rule: Rule, noise: str, ours: np.ndarray, others: np.ndarray, lost: np.ndarray) -> Comparison:
    """A report's comparison of scores (seeds,) and (seeds,), some runs ``lost``."""
    diverged, spread = "diverge" in noise, rule.of == "std"
    sign = -1.0 if spread else 1.0
    low = [np.where(bad, COLLAPSED, scores) for scores, bad in zip((ours, others), lost, strict=True)]
    kept = [
        {seed: float(score) for seed, score in enumerate(scores) if not (bad[seed] and (diverged or spread))}
        for scores, bad in zip(low, lost, strict=True)
    ]
    names = ("ours", "others")
    if rule.of == "score":
        comparison = of_sum(Sum(paired_difference(kept[0], kept[1])), "cell", names, sign)
    else:
        comparison = tested(rule.of, "cell", names, (kept[0], kept[1]), sign)
    if not lost.any() or not (diverged or spread):
        return comparison
    comparison = replace(comparison, lost=(int(lost[0].sum()), int(lost[1].sum())))
    if spread:
        return comparison
    every = [{seed: float(score) for seed, score in enumerate(scores)} for scores in low]
    return with_planned(comparison, rule.of, (every[0], every[1]), sign)


def rates(made: Iterator[list[Comparison]], at_least: str | None = None) -> tuple[float, float]:
    """The shares of tables whose claim is reproduced, and contradicted."""
    claim: dict[str, Any] = {"says": "", "where": "every column", "at_least": at_least}
    words = [verdict(claim, comparisons).verdict for comparisons in made]
    return float(np.mean([w == REPRODUCED for w in words])), float(
        np.mean([w == CONTRADICTED for w in words])
    )


def before(rule: Rule, made: Iterator[list[Comparison]]) -> float:
    """The share of tables that Holm's correction over all comparisons finds."""
    wanted = most(rule.cells) if rule.at_least == MOST else rule.cells
    shown = [
        (holm([comparison.p for comparison in comparisons]) <= LEVEL)
        & [comparison.toward > 0 for comparison in comparisons]
        for comparisons in made
    ]
    return float(np.mean([np.sum(cells) >= wanted for cells in shown]))


def pitman_morgan(noise: str, count: int, seeds: int, ratio: float, seed: int = 0) -> tuple[float, float]:
    """Shares of tables that Pitman and Morgan's test finds less, and more spread."""
    rng = np.random.default_rng(seed)
    less = more = 0
    for _ in range(count):
        ours, others = NOISE[noise](rng, (2, seeds)) * np.array([[ratio], [1.0]])
        if noise.startswith("10 %"):
            bad = rng.random((2, seeds)) < SHARE
            ours, others = np.where(bad, COLLAPSED - MEAN, (ours, others))
        r, p = stats.pearsonr(ours + others, ours - others)
        less, more = less + (p <= LEVEL and r < 0), more + (p <= LEVEL and r > 0)
    return less / count, more / count


def null_lines(count: int, rules: Sequence[Rule] = RULES) -> list[str]:
    """Lines of a Markdown table: wrong verdicts where there is no difference."""
    lines = ["| claim | noise | reproduced | contradicted | wrong |", "| --- | --- | ---: | ---: | ---: |"]
    for rule in rules:
        for noise in NOISE:
            if rule.of in ("max", "std") and noise.startswith("unequal"):
                continue  # with failures there is a difference
            times = OF_ONE_MEAN if rule.cells == 1 and rule.of == "score" else 1
            right, against = rates(tables(rule, noise, times * count), rule.at_least)
            lines.append(f"| {rule.name} | {noise} | {right:.1%} | {against:.1%} | {right + against:.1%} |")
    return lines


def power_lines(count: int) -> list[str]:
    """Lines of a Markdown table: what is found of true differences, by the rules now and before."""
    lines = ["| claim | truth | Holm over the claim | now |", "| --- | --- | ---: | ---: |"]
    for rule, gain in zip(RULES[:5], (2.5, 0.8, 3.0, 1.0, 2.0), strict=True):
        old = before(rule, tables(rule, "normal", count, gain))
        new, _ = rates(tables(rule, "normal", count, gain), rule.at_least)
        lines.append(f"| {rule.name} | gain of {gain} deviations of a run | {old:.1%} | {new:.1%} |")
    lines += [
        "",
        "| claim | truth | Pitman and Morgan: less, more | now: less, more |",
        "| --- | --- | ---: | ---: |",
    ]
    for noise in ("normal", "heavy tails (t, 3 degrees)", "10 % collapse on both sides"):
        for ratio in (1.0, 0.6):
            old_rates = pitman_morgan(noise, count, SPREAD.seeds, ratio)
            new_rates = rates(tables(SPREAD, noise, count, ratio=ratio))
            texts = [f"{less:.1%}, {more:.1%}" for less, more in (old_rates, new_rates)]
            lines.append(f"| {SPREAD.name}, {noise} | ratio {ratio} | {texts[0]} | {texts[1]} |")
    return lines


def margin_lines(count: int) -> list[str]:
    """Lines of a Markdown table: claims that two arms are alike, where they are and where they differ by the margin."""
    lines = ["| seeds | true difference | reproduced | contradicted |", "| ---: | ---: | ---: | ---: |"]
    for seeds, truth in itertools.product((5, 10, 25), (0.0, MARGIN, 2 * MARGIN)):
        rng = np.random.default_rng(0)
        made = ([_alike(rng.normal(truth, 1.0, seeds))] for _ in range(count))
        right, against = rates(made)
        lines.append(f"| {seeds} | {truth} | {right:.1%} | {against:.1%} |")
    return lines


def _alike(differences: np.ndarray) -> Comparison:
    """A report's comparison of two arms that are claimed to be alike, from their differences (seeds,)."""
    apart = estimate(differences, MEAN)
    return replace(
        of_sum(Sum(apart), "cell", ("ours", "others"), 1.0),
        toward=MARGIN - abs(apart.mean),
        p=equivalence.outside(apart, MARGIN),
        claimed_p=HALF * equivalence.within(apart, MARGIN),
    )


def main(arguments: list[str] | None = None) -> int:
    """Print the page of `results/reference/statistics.md`."""
    parser = argparse.ArgumentParser(prog="python -m benchmark.report.simulations", description=__doc__)
    parser.add_argument("--tables", type=int, default=TABLES, help=f"simulated tables per line [{TABLES}]")
    count = parser.parse_args(arguments).tables
    error = 100 * np.sqrt(LEVEL * (1 - LEVEL) / count)
    print(
        "\n".join(
            [
                "# Verdicts on simulated tables",
                "",
                f"    python -m benchmark.report.simulations --tables {count} > results/reference/statistics.md",
                "",
                f"{count} tables per line, scores paired by seed, deviation 1 of a run on either side. A rate near 5 % is",
                f"uncertain by {error:.1f} points (one standard error); without a difference a line of one mean has "
                f"{OF_ONE_MEAN} times as many tables, and {error / np.sqrt(OF_ONE_MEAN):.2f} points.",
                "",
                "## No difference: wrong verdicts",
                "",
                "At most 5 % of tables should be wrong, in both directions together.",
                "",
                *null_lines(count),
                "",
                "## A difference: verdicts as claimed",
                "",
                *power_lines(count),
                "",
                "## Two arms that are claimed to be alike within one deviation of a difference",
                "",
                "At the margin itself at most 5 % may be called alike.",
                "",
                *margin_lines(count),
            ]
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
