"""The content of a record in a tracker's form: heading, history and summary."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from benchmark.privacy import portable
from benchmark.records.record import Evaluation, Record

if TYPE_CHECKING:
    import numpy as np

Arrays = Mapping[str, "np.ndarray"]
Lines = list[tuple[int, dict[str, Any]]]  # pairs (update, values)

FACTS = ("status", "diverged_at", "collapsed", "resumed", "seconds", "memory", "examples")
DIGEST = "record_digest"  # in the summary: shows whether a tracker's run has the content of this record
MOST = 1000  # lines of losses in a history; in a run of more updates, a line is the mean over several updates


class UntellableError(Exception):
    """A record cannot be sent to a tracker, which goes on with others."""


@dataclass(frozen=True)
class Heading:
    """The name and methods of a run, and its configuration without folders of this machine."""

    run_id: str
    name: str
    methods: list[str]
    config: dict[str, Any]

    @classmethod
    def of(cls, run_id: str, config: Mapping[str, Any]) -> Self:
        """Make it from a run's id and its configuration in a record's form."""
        methods = sorted(config["method"])
        return cls(
            run_id,
            f"{config['model']['name']} {config['task']['name']} [{','.join(methods)}] seed {config['seed']}",
            methods,
            portable({"run_id": run_id, **config}),
        )


@dataclass(frozen=True)
class Told:
    """The content of a record: its heading, history by update, and summary."""

    heading: Heading
    history: Lines
    summary: dict[str, Any]

    @classmethod
    def of(cls, record: Record, arrays: Arrays) -> Self:
        """Make it from a record. Raises: UntellableError."""
        try:
            content = record.to_json()
            facts = {key: value for key, value in content.items() if key in FACTS}
            return cls(
                Heading.of(record.run_id, record.config | {"environment": record.environment}),
                history(record.curve, [float(loss) for loss in arrays.get("losses", [])]),
                flat(record.scores) | flat(facts) | {DIGEST: digest(content)},
            )
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise UntellableError(f"{type(error).__name__}: {error}") from error


def digest(content: Mapping[str, Any]) -> str:
    """A SHA-256 of a record's content, the same with a seal and without."""
    facts = {key: value for key, value in content.items() if key != "seal"}
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def history(curve: Iterable[Evaluation], losses: Sequence[float]) -> Lines:
    """The training loss, and at evaluations also epoch, losses and scores.

    Scores are named ``SET/METRIC``, losses ``SET/loss``.
    """
    lines: dict[int, dict[str, Any]] = {step: {"loss": loss} for step, loss in blocks(losses, 0, MOST)}
    for entry in curve:
        lines.setdefault(entry.step, {}).update(evaluated(entry))
    return sorted(lines.items())


def evaluated(entry: Evaluation) -> dict[str, Any]:
    """The values of an evaluation, by name."""
    losses = {f"{name}/loss": loss for name, loss in entry.losses.items()}
    return {"epoch": entry.epoch} | flat(entry.scores) | losses


def blocks(losses: Sequence[float], done: int, most: int) -> list[tuple[int, float]]:
    """Pairs (last update, mean loss) of blocks of updates.

    There are at most ``most`` blocks of one size; the first begins after update ``done``.
    """
    size = max(1, math.ceil(len(losses) / most))
    parts = (losses[start : start + size] for start in range(0, len(losses), size))
    return [(done + min((i + 1) * size, len(losses)), sum(part) / len(part)) for i, part in enumerate(parts)]


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Flatten nested mappings, with names such as ``validation/accuracy``."""
    entries: dict[str, Any] = {}
    for key, value in values.items():
        entries |= flat(value, f"{prefix}{key}/") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return entries
