"""Tracking: what a record says, told to an experiment tracker once the run is in the store.

A tracker sees records and nothing else, so that none can change or lose a run; one that fails is warned of
once and left alone for the rest of the process. `conf/tracker/` names them.
"""

from __future__ import annotations

import logging
import netrc
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import numpy as np

from benchmark.config.targets import built
from benchmark.errors import unknown
from benchmark.records.record import Record

log = logging.getLogger(__name__)

Arrays = Mapping[str, np.ndarray]
MODES = ("online", "offline", "disabled", "shared")
FACTS = ("status", "diverged_at", "collapsed", "resumed", "seconds", "memory", "examples")
broken: set[str] = set()


class Tracker:
    """Somewhere records are told to."""

    def track(self, record: Record, arrays: Arrays, purpose: str | None, new: bool) -> None:
        """Tell of ``record``, whose arrays are ``arrays``, and which was wanted for ``purpose``, a table.

        It is not ``new`` if it was in the store already. Whatever is raised here ends in a warning.
        """
        raise NotImplementedError


@dataclass
class WandB(Tracker):
    """Weights & Biases: a run per record, grouped by table, its job type the methods.

    ``mode`` None is WANDB_MODE's, else online with an account and offline without; offline runs are in
    ``folder`` for `wandb sync`. A record of old is told of to a sweep's agent alone, which waits for it.
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

        config = record.config
        methods = sorted(config["method"])
        Path(self.folder).mkdir(parents=True, exist_ok=True)
        try:
            with (
                wandb.init(
                    project=self.project,
                    entity=self.entity,
                    mode=self.chosen_mode(),  # type: ignore[arg-type]
                    dir=self.folder,
                    name=f"{config['model']['name']} {config['task']['name']} [{','.join(methods)}] seed {config['seed']}",
                    group=purpose,
                    job_type="+".join(methods)[:64] or "vanilla",
                    config=without_paths(
                        {"run_id": record.run_id, **config, "environment": record.environment}
                    ),
                    # Nothing that W&B would find out for itself: it names files, users and machines.
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
                for step, values in history(record, arrays.get("losses", [])):
                    run.log(values, step=step)
                run.summary.update(
                    flat(record.scores)
                    | flat({key: value for key, value in record.to_json().items() if key in FACTS})
                )
        finally:
            wandb.teardown()  # only then is all of it written, and the next run may be in another environment

    def chosen_mode(self) -> str:
        """The configuration's mode, or the environment's, or what an account allows."""
        return self.mode or os.environ.get("WANDB_MODE") or ("online" if has_account() else "offline")


def build(settings: dict[str, Any]) -> Tracker:
    """The tracker of a configuration. Raises: BenchmarkError for what it does not take."""
    return built("tracker", settings, Tracker)


def track(settings: dict[str, Any], record: Record, arrays: Arrays, purpose: str | None, new: bool) -> None:
    """Let the tracker of ``settings`` have a record; never raises."""
    target = str(settings.get("_target_"))
    if target in broken:
        return
    try:
        build(settings).track(record, arrays, purpose, new)
    except Exception as error:  # whatever a network, an account or a package that is not there may raise
        broken.add(target)
        why = f"{type(error).__name__}: {error}".split("\n")[0]
        log.warning("tracker: %s; runs go on untracked, their records are in the store", why)


def history(record: Record, losses: Iterable[float]) -> list[tuple[int, dict[str, float]]]:
    """By update: its training loss, and where the run was evaluated, losses and scores by ``SET/METRIC``."""
    steps: dict[int, dict[str, float]] = {i: {"loss": float(loss)} for i, loss in enumerate(losses, 1)}
    for entry in record.curve:
        found = {"epoch": entry.epoch} | flat(entry.scores)
        found |= {f"{name}/loss": loss for name, loss in entry.losses.items()}
        steps.setdefault(entry.step, {}).update(found)
    return sorted(steps.items())


def flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one, with names such as ``validation/accuracy``."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        found |= flat(value, f"{prefix}{key}/") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return found


def without_paths(value: Any) -> Any:
    """``value`` with every absolute path in it cut to its last part."""
    if isinstance(value, dict):
        return {key: without_paths(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [without_paths(inner) for inner in value]
    return (
        os.path.basename(value.rstrip(os.sep)) if isinstance(value, str) and os.path.isabs(value) else value
    )


def has_account() -> bool:
    """Whether W&B has been told who is here, without asking anybody."""
    if os.environ.get("WANDB_API_KEY") or os.environ.get("WANDB_IDENTITY_TOKEN_FILE"):
        return True
    host = urlparse(os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai")).hostname or ""
    try:
        return netrc.netrc(os.environ.get("NETRC")).authenticators(host) is not None
    except (OSError, netrc.NetrcParseError):
        return False
