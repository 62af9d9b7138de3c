"""Experiment trackers, which receive the record of a run once it is in the store.

A tracker sees only records, so it cannot change or lose a run. If a tracker fails, one warning is logged and
it is not used again in the process; a record that cannot be told costs that record alone. The choices are in
`conf/tracker/`.
"""

from __future__ import annotations

import logging
import netrc
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlparse

import numpy as np

from benchmark.config.targets import built
from benchmark.errors import unknown
from benchmark.places import in_home
from benchmark.privacy import portable
from benchmark.records.record import Record

log = logging.getLogger(__name__)

Arrays = Mapping[str, np.ndarray]
MODES = ("online", "offline", "disabled", "shared")
FACTS = ("status", "diverged_at", "collapsed", "resumed", "seconds", "memory", "examples")
broken: set[str] = set()


class UntellableError(Exception):
    """A record that a tracker cannot be told of; it goes on with others."""


class Tracker:
    """Interface for a receiver of records."""

    def track(self, record: Record, arrays: Arrays, purpose: str | None, new: bool) -> None:
        """Receive ``record`` with its ``arrays``; ``purpose`` names the table that wanted the run.

        ``new`` is False if the record was in the store already. An error raised here becomes a warning, and the
        tracker is not used again; after an UntellableError it is.
        """
        raise NotImplementedError


@dataclass
class WandB(Tracker):
    """Weights & Biases: one run per record, grouped by table, with methods as job type.

    ``mode`` None: the value of WANDB_MODE, else online with an account and offline without one. Offline runs
    are in ``folder`` for `wandb sync`. A record that is not new is sent only under a sweep's agent, because
    the agent waits for it.
    """

    project: str = "finetuning-noise-benchmark"
    entity: str | None = None
    mode: str | None = None
    folder: str = "results/wandb"

    def __post_init__(self) -> None:
        if self.mode is not None and self.mode not in MODES:
            raise unknown("mode", self.mode, MODES)

    def track(self, record: Record, arrays: Arrays, purpose: str | None, new: bool) -> None:
        if not new and "WANDB_SWEEP_ID" not in os.environ:
            return
        import wandb

        told = Told.of(record, arrays)
        folder = in_home(self.folder)
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with (
                wandb.init(
                    project=self.project,
                    entity=self.entity,
                    mode=self.chosen_mode(),  # type: ignore[arg-type]
                    dir=folder,
                    name=told.name,
                    group=purpose,
                    job_type="+".join(told.methods)[:64] or "vanilla",
                    config=told.config,
                    # No facts that W&B collects by itself: they name files, users and machines.
                    settings=wandb.Settings(
                        silent=True,
                        console="off",
                        disable_git=True,
                        disable_code=True,
                        host="",
                        x_disable_meta=True,
                        x_disable_stats=True,
                        x_disable_machine_info=True,
                        x_save_requirements=False,
                    ),
                ) as run
            ):
                for step, values in told.history:
                    run.log(values, step=step)
                run.summary.update(told.summary)
        finally:
            wandb.teardown()  # writes everything out; the next run may have another environment

    def chosen_mode(self) -> str:
        """The mode of the configuration, else of the environment, else by presence of an account."""
        return self.mode or os.environ.get("WANDB_MODE") or ("online" if has_account() else "offline")


@dataclass(frozen=True)
class Told:
    """The content of a record as a tracker is told it."""

    name: str
    methods: list[str]
    config: dict[str, Any]
    history: list[tuple[int, dict[str, float]]]
    summary: dict[str, Any]

    @classmethod
    def of(cls, record: Record, arrays: Arrays) -> Self:
        """Take it from a record. Raises: UntellableError."""
        config = record.config
        try:
            methods = sorted(config["method"])
            return cls(
                f"{config['model']['name']} {config['task']['name']} [{','.join(methods)}] seed {config['seed']}",
                methods,
                portable({"run_id": record.run_id, **config, "environment": record.environment}),
                history(record, arrays.get("losses", [])),
                flat(record.scores)
                | flat({key: value for key, value in record.to_json().items() if key in FACTS}),
            )
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise UntellableError(f"{type(error).__name__}: {error}") from error


def build(settings: dict[str, Any]) -> Tracker:
    """The tracker of a configuration. Raises: BenchmarkError for a setting that it refuses."""
    return built("tracker", settings, Tracker)


def track(settings: dict[str, Any], record: Record, arrays: Arrays, purpose: str | None, new: bool) -> None:
    """Send a record to the tracker of ``settings``; errors are logged, never raised."""
    target = str(settings.get("_target_"))
    if target in broken:
        return
    try:
        build(settings).track(record, arrays, purpose, new)
    except UntellableError as error:
        log.warning("tracker: the record %s cannot be told (%s)", record.run_id, error)
    except Exception as error:  # networks, accounts and missing packages raise many kinds
        broken.add(target)
        why = f"{type(error).__name__}: {error}".split("\n")[0]
        log.warning("tracker: %s; runs go on untracked, their records are in the store", why)


def history(record: Record, losses: Iterable[float]) -> list[tuple[int, dict[str, float]]]:
    """Pairs (update, values): the training loss, and at evaluations also epoch, losses and scores.

    Scores are named ``SET/METRIC``, losses ``SET/loss``.
    """
    steps: dict[int, dict[str, float]] = {i: {"loss": float(loss)} for i, loss in enumerate(losses, 1)}
    for entry in record.curve:
        values = {"epoch": entry.epoch} | flat(entry.scores)
        values |= {f"{name}/loss": loss for name, loss in entry.losses.items()}
        steps.setdefault(entry.step, {}).update(values)
    return sorted(steps.items())


def flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Flatten nested mappings, with names such as ``validation/accuracy``."""
    entries: dict[str, Any] = {}
    for key, value in values.items():
        entries |= flat(value, f"{prefix}{key}/") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return entries


def has_account() -> bool:
    """True if W&B finds credentials in the environment or in netrc; makes no request."""
    if os.environ.get("WANDB_API_KEY") or os.environ.get("WANDB_IDENTITY_TOKEN_FILE"):
        return True
    host = urlparse(os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai")).hostname or ""
    try:
        return netrc.netrc(os.environ.get("NETRC")).authenticators(host) is not None
    except (OSError, netrc.NetrcParseError):
        return False
