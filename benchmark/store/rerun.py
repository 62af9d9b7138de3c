"""Verification of records by running them again on this machine and comparing every bit.

On the same kind of machine (device, threads, precision, versions of Python and packages) all bits must be
equal. On another kind, sums are rounded in another order, and training magnifies this until some answers
differ. A share `CHURN` of differing answers is allowed; this number is an assumption. If answers change to
right as often as to wrong, a score over n examples then has a standard deviation of √(CHURN / n), and twice
that for correlations, which range from -1 to 1. The bound is `DEVIATIONS` of these: a larger difference
cannot come from rounding alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmark.config.identity import run_id
from benchmark.config.schema import RunConfig
from benchmark.config.stored import typed_again
from benchmark.config.validation import validate
from benchmark.errors import BenchmarkError, one_line
from benchmark.progress import Tell, silence
from benchmark.records.reading import DamagedError, UnreadableError
from benchmark.records.record import Record
from benchmark.records.store import Store
from benchmark.runs.hits import Hits
from benchmark.runs.request import Run
from benchmark.store.likeness import Result, few, of_environments, of_results

CHURN, DEVIATIONS = 0.2, 3.0
EQUAL, WITHIN, DIFFERS, DAMAGED = "equal", "within", "differs", "damaged"
NOT_RUN = "could not be rerun"
OUTCOMES = (EQUAL, WITHIN, DIFFERS, DAMAGED, NOT_RUN)
# Facts that do not count as a kind of machine: other versions of this project must give the same bits
NO_KIND = ("code.",)
CORRELATIONS = ("matthews_correlation", "pearson", "spearman")


@dataclass(frozen=True)
class Rerun:
    """The outcome of running a record again, with a reason or the differences."""

    outcome: str
    why: str = ""


def proven(folder: Path, cache: str, store: Store, tell: Tell = silence) -> Rerun:
    """Run the record in ``folder`` again, into another ``store``, and compare.

    Nothing that its configuration names is imported unless it is trusted (`benchmark.config.targets`).
    """
    try:
        result = Result.read(folder, folder.name[:16])
        result.check()
        config = complete(result.record, cache, store)
        again = run_again(result.record, config, tell)
    except DamagedError as error:
        return Rerun(DAMAGED, str(error))
    except Exception as error:  # a foreign configuration may raise anything, and the other records must go on
        return Rerun(NOT_RUN, one_line(error) or f"{type(error).__name__}: {error}")
    return compared(result, again)


def complete(record: Record, cache: str, store: Store) -> RunConfig:
    """The configuration of a record with places of this machine.

    Raises: BenchmarkError if parts of it are unknown.
    """
    try:
        config = typed_again(record.config)
    except (KeyError, TypeError, AttributeError) as error:
        raise BenchmarkError(f"its configuration has other keys than this code ({error})") from error
    if run_id(config) != record.run_id:
        names = ", ".join(f"{key}={value}" for key, value in _places(config) if value)
        raise BenchmarkError(
            f"a folder of another machine is known by its name alone ({names or 'in a setting'})"
        )
    # The number of a GPU means something only on its own machine
    device = "cpu" if config.device == "cpu" else "auto"
    config = replace(config, device=device, replay=None, snapshot_minutes=None)
    return replace(config, cache=cache, store=str(store.folder))


def _places(config: RunConfig) -> list[tuple[str, str | None]]:
    return [("model.id", config.model.id), ("task.repo", config.task.repo)]


def run_again(record: Record, config: RunConfig, tell: Tell) -> Result:
    """The result of running a configuration now, of the same data and weights as ``record``.

    Raises: BenchmarkError if data or weights differ here, and every error that a run raises.
    """
    from benchmark.runs.run import run

    store = Store(config.store)
    validate(config)
    if changed := record.changed(Hits(store).at_hand(config, record)):
        raise BenchmarkError(f"{', '.join(changed)} here is not what the record was made with")
    again = run(Run(config), tell)
    if changed := record.changed(again.origins()):
        raise BenchmarkError(f"{', '.join(changed)} here is not what the record was made with")
    return Result.read(store.folder / again.run_id, again.run_id)


def compared(first: Result, again: Result) -> Rerun:
    """The verdict on a record, given the result of running it again."""
    try:
        parts = of_results(first, again)
    except DamagedError as error:
        return Rerun(DAMAGED, str(error))
    except UnreadableError as error:
        return Rerun(NOT_RUN, str(error))
    around = of_environments(first.record, again.record)
    kind = [fact for fact in around if not fact.startswith(NO_KIND)]
    if not parts:
        return Rerun(EQUAL, f"on another machine: {few(kind)}" if kind else "")
    if not kind:
        return Rerun(DIFFERS, f"{few(parts)}; the machine is of the same kind{_code(around)}")
    if beyond := _beyond(first.record, again.record):
        return Rerun(DIFFERS, f"{few(beyond)}; of another kind: {few(kind)}")
    return Rerun(WITHIN, f"{few(parts)}; of another kind: {few(kind)}")


def _code(around: list[str]) -> str:
    commits = [fact for fact in around if fact.startswith("code.commit")]
    return f", {commits[0]}" if commits else ""


def _beyond(first: Record, again: Record) -> list[str]:
    """The scores that differ by more than rounding explains, and scores that one side lacks."""
    if first.status != again.status or _names(first.scores) != _names(again.scores):
        return [f"status {first.status} / {again.status}, other scores"]
    return [
        f"{set_name} {metric} {score:.6g} / {again.scores[set_name][metric]:.6g}, bound ±{limit:.3f}"
        for set_name, scores in first.scores.items()
        for metric, score in scores.items()
        if abs(score - again.scores[set_name][metric]) > (limit := bound(metric, examples(first, set_name)))
    ]


def bound(metric: str, number: int) -> float:
    """The largest difference of a score over so many examples on another kind of machine."""
    return DEVIATIONS * math.sqrt(CHURN / max(number, 1)) * (2.0 if metric in CORRELATIONS else 1.0)


def examples(record: Record, set_name: str) -> int:
    """The examples of an evaluation set; of a mean over languages those of the smallest one."""
    sizes = [size for name, size in record.examples.items() if name.rpartition("/")[0] == set_name]
    return record.examples.get(set_name) or min(sizes, default=1)


def _names(scores: Mapping[str, Mapping[str, Any]]) -> set[tuple[str, str]]:
    return {(set_name, metric) for set_name, by_metric in scores.items() for metric in by_metric}
