"""Markdown for the figures of a measurement."""

from __future__ import annotations

import math
from collections.abc import Iterable

from benchmark.runs.environment import stamp
from benchmark.speed.conditions import Conditions
from benchmark.speed.subjects import BATCH
from benchmark.speed.timing import GRID, OURS, Timing


def markdown(
    model: str,
    here: Conditions,
    runs: int,
    timings: dict[str, Timing],
    starts: dict[str, float],
    methods: dict[str, float],
    notes: Iterable[str] = (),
) -> str:
    """All tables and ``notes`` as Markdown; the last line is the summary.

    ``runs`` is the number of runs at a time in the timed grid.
    """
    baselines = [side for side in next(iter(timings.values())).seconds if side not in (OURS, GRID)]
    lines = ["# Speed", "", *measured(model, here, runs, timings), ""]
    lines += [*updates_table(timings, baselines), "", *operations_table(timings), ""]
    lines += [*table(["once", "seconds"], [[name, f"{seconds:.4f}"] for name, seconds in starts.items()]), ""]
    if methods:
        ordered = sorted(methods.items(), key=lambda item: item[1])
        lines += [*table(["method", "time per update"], [[k, f"{v:.2f}x"] for k, v in ordered]), ""]
    lines += notes
    lines.append(f"speed of a grid: {compared(baselines, mean_ratios(timings, baselines, GRID))}")
    alone = compared(baselines, mean_ratios(timings, baselines, OURS))
    summary = f"speed: {alone}, {100 * mean_share(timings):.0f}% of the matmul limit"
    return "\n".join([*lines, summary])


def updates_table(timings: dict[str, Timing], baselines: list[str]) -> list[str]:
    """Table of steady updates by task, of a run alone and in a grid."""
    rows = []
    for task, timing in timings.items():
        alone, one_of_many = (min(timing.seconds[side]) for side in (OURS, GRID))
        rows.append(
            [
                task,
                f"{timing.tokens / alone:,.0f}",
                time_of(alone),
                *(f"{timing.ratio(side):.2f}x" for side in baselines),
                f"{100 * timing.of_limit:.0f}%",
                time_of(one_of_many),
                *(f"{timing.ratio(side, GRID):.2f}x" for side in baselines),
            ]
        )
    ratios, grid_ratios = (
        [f"{mean:.2f}x" for mean in mean_ratios(timings, baselines, ours)] for ours in (OURS, GRID)
    )
    share = f"{100 * mean_share(timings):.0f}%"
    rows.append(["geometric mean", "", "", *ratios, share, "", *grid_ratios])
    of_sides = [f"of {side}" for side in baselines]
    head = ["task", "real tokens/s", "an update", *of_sides]
    return table([*head, "of the matmul limit", "a grid's update", *of_sides], rows)


def mean_ratios(timings: dict[str, Timing], baselines: list[str], ours: str) -> list[float]:
    """Geometric mean over tasks of each baseline's time relative to ``ours``."""
    return [geometric_mean(timing.ratio(side, ours) for timing in timings.values()) for side in baselines]


def mean_share(timings: dict[str, Timing]) -> float:
    """Geometric mean over tasks of the reached share of the limit."""
    return geometric_mean(timing.of_limit for timing in timings.values())


def operations_table(timings: dict[str, Timing]) -> list[str]:
    """Table of the operations dispatched for an update of the first task."""
    task, timing = next(iter(timings.items()))
    rows = [[side, f"{all_of:,}", f"{rest:,}"] for side, (all_of, rest) in timing.dispatched.items()]
    return table([f"operations of an update, {task}", "dispatched", "without views"], rows)


def measured(model: str, here: Conditions, runs: int, timings: dict[str, Timing]) -> list[str]:
    """Sentences on the measurement: model, device, versions, rounds and threads."""
    environment = stamp(here.device, here.threads, here.precision)
    packages, code = environment["packages"], environment["code"]
    timing = next(iter(timings.values()))
    rounds = len(timing.limit)
    updates = " or ".join(map(str, sorted({timing.updates for timing in timings.values()})))
    apart = max(timing.apart for timing in timings.values())
    threads = f"{here.threads} thread{'s' * (here.threads > 1)}"
    together = f"{runs} runs at once{' that share the GPU' * here.on_gpu}" if runs > 1 else "1 run at a time"
    return [
        f"{model}, batches of {BATCH}, {here.precision} on {environment['device']}, torch {packages['torch']}, "
        f"transformers {packages['transformers']}, code {(code['commit'] or 'no commit')[:12]}"
        f"{' + changes' if code['dirty'] else ''}.",
        f"Steady updates: medians over {rounds} rounds of {updates} updates in which the sides took turns, each after "
        f"{timing.warm} that are not timed. Without dropout they made as many updates with the same losses: at most "
        f"{apart:.1g} apart, where {here.tolerance:g} is allowed for {here.precision} on a {'GPU' if here.on_gpu else 'CPU'}.",
        f"A run alone has {threads}{' of the host' * here.on_gpu}, as Trainer has. A grid is {together}, "
        "of one thread each, as a sweep runs by default; Trainer's runs come one after another."
        f"{' Our updates are computed, not replayed.' * (here.on_gpu and here.replay is False)}",
    ]


def time_of(seconds: float) -> str:
    """Time of an update in s or ms, with three digits."""
    return f"{seconds:.3f} s" if seconds >= 0.1 else f"{1000 * seconds:.3g} ms"


def compared(baselines: list[str], means: list[float]) -> str:
    """Mean ratios to every baseline, in words."""
    return ", ".join(
        f"{mean:.2f}x {'of Trainer ' if side is baselines[0] else ''}({side.removeprefix('Trainer, ')})"
        for side, mean in zip(baselines, means, strict=True)
    )


def geometric_mean(values: Iterable[float]) -> float:
    """The geometric mean of positive numbers."""
    logs = [math.log(value) for value in values]
    return math.exp(sum(logs) / len(logs))


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    """Lines of a Markdown table whose columns align."""
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]

    def line(cells: list[str]) -> str:
        return (
            "| "
            + " | ".join(
                c.ljust(w) if i == 0 else c.rjust(w)
                for i, (c, w) in enumerate(zip(cells, widths, strict=True))
            )
            + " |"
        )

    rule = "|" + "|".join("-" * (w + 1) + ("-" if i == 0 else ":") for i, w in enumerate(widths)) + "|"
    return [line(head), rule, *map(line, rows)]
