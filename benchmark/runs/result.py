"""Conversion of a finished fine-tuning into its record and the arrays beside it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from benchmark import privacy
from benchmark.config.schema import RunConfig, as_json
from benchmark.records.record import DIVERGED, FINISHED, Data, Memory, Record, Weights

if TYPE_CHECKING:  # a run that is already in the store needs no torch
    import numpy as np

    from benchmark.tasks import Task
    from benchmark.training.journal import Outcome

NOT_IN_RECORD = ("store", "cache", "table", "tracker", "engine", "snapshot_minutes")


@dataclass(frozen=True)
class Trained:
    """A finished fine-tuning: task, outcome, initial weights, environment, peak memory and own code."""

    task: Task
    outcome: Outcome
    weights: Weights
    environment: dict[str, Any]
    memory: Memory
    own_code: dict[str, str]


def record_of(run_id: str, config: RunConfig, command: str, trained: Trained) -> Record:
    """The record of a run that has just been trained."""
    task, outcome, data = trained.task, trained.outcome, trained.task.stamp
    finished = outcome.diverged is None
    return Record(
        run_id=run_id,
        status=FINISHED if finished else DIVERGED,
        finished=timestamp(),
        command=portable_command(config, command),
        diverged_at=outcome.diverged,
        resumed=outcome.resumed,
        replayed=outcome.replayed,
        attention=outcome.attention,
        padding_computed=outcome.padded,
        collapsed=collapsed(task, outcome.outputs),
        terms=outcome.terms,
        config=portable(config),
        scores=outcome.curve[-1].scores if outcome.curve and finished else {},
        curve=outcome.curve,
        seconds=outcome.seconds,
        memory=trained.memory,
        examples={
            "train": len(task.training),
            **{key: task.about(key).size for key in task.evaluation},
        },
        model=Weights(**privacy.portable(asdict(trained.weights))),
        data=Data(**privacy.portable(data) | {"revisions": _by_name(data["revisions"])}),
        environment=trained.environment,
        own_code=trained.own_code,
    )


def arrays_of(trained: Trained) -> dict[str, np.ndarray]:
    """The arrays of a record, by the names that `benchmark.records.record` explains."""
    task, outcome = trained.task, trained.outcome
    arrays = {"losses": outcome.losses, "subset": task.subset.astype("int32"), **outcome.probed}
    for key, outputs in outcome.outputs.items():
        about = task.about(key)
        arrays[f"{about.kind.keeps}/{key}"] = outputs
        arrays |= {f"{name}/{key}": values for name, values in about.references.items()}
    return arrays


def collapsed(task: Task, outputs: dict[str, np.ndarray]) -> list[str]:
    """Evaluation sets on which one answer to every example shows a collapse.

    A set whose targets are not one array has as many right answers as examples.
    """
    from benchmark.records.one_answer import OTHERS, shows_collapse  # imports numpy, which help does not need

    names = []
    for key, values in outputs.items():
        about = task.about(key)
        targets = about.references.get("targets")
        shows = about.size > OTHERS if targets is None else shows_collapse(targets)
        if shows and about.kind.collapsed(values[-1]):
            names.append(key)
    return names


def portable(config: RunConfig) -> dict[str, Any]:
    """A configuration as JSON, without places, table, tracker, engine and snapshot interval; folders by name."""
    return privacy.portable(
        {key: value for key, value in as_json(config).items() if key not in NOT_IN_RECORD}
    )


def portable_command(config: RunConfig, command: str) -> str:
    """A run's command with relative folders, so that it names no user; see `benchmark.privacy`."""
    return privacy.portable_command(command, privacy.folders_in(as_json(config)))


def _by_name(facts: dict[str, Any]) -> dict[str, Any]:
    """Facts by data set, with folders by name."""
    return {privacy.portable(name, "repo"): fact for name, fact in facts.items()}


def timestamp() -> str:
    """Date and time, to the second (ISO 8601, UTC)."""
    return datetime.now(UTC).isoformat(timespec="seconds")
