"""Weighted sums of arms' values, the form of all claims about means: pairs, gains, averages, trends."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmark.report.arms import Arm, BySeed
from benchmark.report.numbers import weighted_sums
from benchmark.report.numbers.frame import Rule
from benchmark.report.numbers.sampling import weights_of
from benchmark.report.numbers.statistics import Estimate

Term = tuple[float, Arm, Rule]  # a weight, an arm, and the columns over which its mean is taken
ValuesOf = Callable[[Arm, str], BySeed]  # gives the values of an arm on one column
MachinesOf = Callable[[Arm, str], Mapping[int, str]]
EXACT = ("memory",)  # quantities that are the same in every repetition on a GPU
OF_MACHINES = ("time", "training", "memory")  # quantities that differ between machines


@dataclass(frozen=True)
class Sum:
    """The estimate of a weighted sum.

    ``pairs`` are the pairs of runs behind it, and those planned; ``note`` names machines that cannot be compared.
    """

    estimate: Estimate
    pairs: tuple[int, int] = (0, 0)
    note: str = ""


def summed(
    terms: Sequence[Term], values_of: ValuesOf, of: str, machines_of: MachinesOf, logs: bool = False
) -> Sum:
    """The weighted sum of the means of ``terms``; with ``logs``, of logarithms.

    Values of one column are paired by seed; times and memory only if they are of one machine.
    """
    values: list[BySeed] = []
    size, pairs, planned, exact, note = 0.0, 0, 0, of in EXACT, ""
    for column, weights in by_column(terms).items():
        arms = [(weight, arm, values_of(arm, column)) for weight, arm in weights]
        if logs:
            arms = [(w, arm, {s: np.log(v) for s, v in known.items() if v > 0}) for w, arm, known in arms]
        seeds = set.intersection(*(set(known) for _, _, known in arms))
        if of in OF_MACHINES:
            machines = [machines_of(arm, column) for _, arm, _ in arms]
            note = note or _unlike(machines, seeds)
            seeds = {seed for seed in seeds if len({of_arm.get(seed) for of_arm in machines}) == 1}
            exact = exact and all(not machines[0][seed].startswith("cpu") for seed in seeds)
        values.append({seed: sum(weight * known[seed] for weight, _, known in arms) for seed in seeds})
        size = max([size, *(abs(known[seed]) for _, _, known in arms for seed in seeds)])
        pairs += len(seeds)
        planned += min(arm.seeds(column) for _, arm, _ in arms)
    estimate = weighted_sums.numbers(values) if exact else weighted_sums.weighted_sum(values, size)
    return Sum(estimate, (pairs, planned), note)


def _unlike(machines: Sequence[Mapping[int, str]], seeds: Iterable[int]) -> str:
    """A sentence on the machines of the first seed whose sides come from different machines.

    '' if there is none.
    """
    for seed in sorted(seeds):
        names = sorted({of_arm.get(seed, "unknown") for of_arm in machines})
        if len(names) > 1:
            return f"seed {seed} has sides of {' and '.join(names)}, which are not compared"
    return ""


def by_column(terms: Sequence[Term]) -> dict[str, list[tuple[float, Arm]]]:
    """The arms of every column with their weights, without those that add nothing."""
    weights: dict[tuple[str, int], float] = {}
    arms = {id(arm): arm for _, arm, _ in terms}
    for weight, arm, rule in terms:
        for column, share in weights_of(rule).items():
            weights[column, id(arm)] = weights.get((column, id(arm)), 0.0) + weight * share
    columns: dict[str, list[tuple[float, Arm]]] = {}
    for (column, key), weight in weights.items():
        if weight:
            columns.setdefault(column, []).append((weight, arms[key]))
    return columns
