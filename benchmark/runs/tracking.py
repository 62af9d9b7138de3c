"""Experiment trackers: they receive a run's progress, and its record once it is in the store.

A tracker only sees data that is written anyway, so it cannot change or lose a run. If a tracker fails, one
warning is logged and it is not used again in the process. If a single record cannot be sent, only this record
is skipped. The choices are in `conf/tracker/`.
"""

from __future__ import annotations

import logging
import netrc
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlparse

from benchmark.config.targets import built
from benchmark.errors import unknown
from benchmark.places import in_home
from benchmark.privacy import without_secrets
from benchmark.records.record import Record
from benchmark.runs.request import Run
from benchmark.runs.result import portable
from benchmark.runs.streaming import Stream
from benchmark.runs.told import DIGEST, Arrays, Heading, Lines, Told, UntellableError
from benchmark.runs.wandb_pipe import Pipe, WandBError
from benchmark.training.listener import DEAF, Listener

if TYPE_CHECKING:
    from benchmark.training.clock import Clock
    from benchmark.training.course import Course
    from benchmark.training.snapshot import Progress

log = logging.getLogger(__name__)

MODES = ("online", "offline", "disabled", "shared")
LIVE = ("online", "shared")
LONGEST = 64  # characters of a job type
broken: set[str] = set()


class Tracker:
    """Interface for a receiver of records."""

    def listener(self, this: Run) -> Listener:
        """The listener of a run that is going to be trained; none by default."""
        return DEAF

    def track(self, record: Record, arrays: Arrays, purpose: str | None, new: bool) -> None:
        """Receive ``record`` with its ``arrays``; ``purpose`` names the table that wanted the run.

        ``new`` is False if the record was in the store already. An error raised here becomes a warning, and the
        tracker is not used again; after an UntellableError it is.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Release everything: the run has ended, with or without a record."""


@dataclass
class WandB(Tracker):
    """Weights & Biases: one run per record, grouped by table, with methods as job type.

    ``mode`` None: the value of WANDB_MODE, else online with an account and offline without one. Online it
    hears the run train. Offline runs are in ``folder`` for `wandb sync`. W&B's run has the record's id, so
    that a continued run, or one sent twice, stays one run. A record that is not new is sent only under a
    sweep's agent, because the agent waits for it.
    """

    project: str = "finetuning-noise-benchmark"
    entity: str | None = None
    mode: str | None = None
    folder: str = "results/wandb"

    def __post_init__(self) -> None:
        if self.mode is not None and self.mode not in MODES:
            raise unknown("mode", self.mode, MODES)
        self.pipe: Pipe | None = None
        self.opened = False

    def listener(self, this: Run) -> Listener:
        if self.chosen_mode() not in LIVE:
            return DEAF
        pipe = self.pipe = Pipe()
        opening = self.opening(Heading.of(this.id, portable(this.config)), this.purpose)

        def offer(lines: Lines) -> None:
            self.open(pipe, opening)
            pipe.offer({"lines": lines})

        return Stream(offer)

    def track(self, record: Record, arrays: Arrays, purpose: str | None, new: bool) -> None:
        if self.chosen_mode() == "disabled" or not (new or under_agent()):
            return
        told = Told.of(record, arrays)
        self.pipe = self.pipe or Pipe()
        self.open(self.pipe, self.opening(told.heading, purpose))
        summary = told.summary | ({"dropped_lines": self.pipe.dropped} if self.pipe.dropped else {})
        self.pipe.ask({"close": {"lines": told.history, "config": told.heading.config, "summary": summary}})
        self.opened = False

    def known(self, ids: Sequence[str]) -> dict[str, str]:
        """The digests of the records that the server has under these run ids. Raises: WandBError."""
        self.pipe = self.pipe or Pipe()
        asked = {"entity": self.entity, "project": self.project, "ids": list(ids), "key": DIGEST}
        known: dict[str, str] = self.pipe.ask({"known": asked})["known"]
        return known

    def close(self) -> None:
        if self.pipe is not None:
            self.pipe.close()

    def open(self, pipe: Pipe, opening: dict[str, Any]) -> None:
        """Begin the run in W&B, once."""
        if not self.opened:
            pipe.offer({"open": opening})
            self.opened = True

    def opening(self, heading: Heading, purpose: str | None) -> dict[str, Any]:
        """The words with which W&B begins a run, or goes on with it."""
        mode = self.chosen_mode()
        # The agent waits for the id that it gave
        run_id = os.environ.get("WANDB_RUN_ID") if under_agent() else None
        return {
            "project": self.project,
            "entity": self.entity,
            "mode": mode,
            "dir": str(in_home(self.folder).absolute()),
            "id": run_id or heading.run_id,
            "resume": "allow" if mode in LIVE else None,
            "name": heading.name,
            "group": purpose,
            "job_type": "+".join(heading.methods)[:LONGEST] or "vanilla",
            "config": heading.config,
        }

    def chosen_mode(self) -> str:
        """The mode of the configuration, else of the environment, else by presence of an account."""
        return self.named_mode() or ("online" if has_account() else "offline")

    def named_mode(self) -> str | None:
        """The mode that the configuration or the environment names."""
        return self.mode or os.environ.get("WANDB_MODE") or None


class Tracking(Listener):
    """The tracker of one run; its errors are logged, never raised."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.settings = settings
        self.target = str(settings.get("_target_"))
        self.tracker: Tracker | None = None
        self.hearing = DEAF

    @property
    def wanted(self) -> bool:
        """True if there is a tracker, and it has not failed before."""
        return bool(self.settings) and self.target not in broken

    def follow(self, this: Run) -> None:
        """Let the tracker receive the progress of a run that is going to be trained."""
        if self.wanted:
            self._guard(lambda: setattr(self, "hearing", self._built().listener(this)))

    def begin(self, course: Course, progress: Progress, clock: Clock) -> None:
        """Pass on the state of a run that begins or continues."""
        self._guard(lambda: self.hearing.begin(course, progress, clock))

    def updated(self) -> None:
        """Tell the tracker that there was one more update."""
        self._guard(self.hearing.updated)

    def track(self, record: Record, arrays: Callable[[], Arrays], purpose: str | None, new: bool) -> None:
        """Send a record in the store; its ``arrays`` are read if there is a tracker."""
        if self.wanted:
            stored = arrays()
            try:
                self._guard(lambda: self._built().track(record, stored, purpose, new))
            except UntellableError as error:
                log.warning("tracker: the record %s cannot be told (%s)", record.run_id, error)

    def close(self) -> None:
        """End what the tracker has begun."""
        if self.tracker is not None:
            self._guard(self.tracker.close)

    def _built(self) -> Tracker:
        self.tracker = self.tracker or build(self.settings)
        return self.tracker

    def _guard(self, call: Callable[[], None]) -> None:
        try:
            call()
        except UntellableError:
            raise
        except Exception as error:  # networks, accounts and missing packages raise many kinds
            self.hearing = DEAF
            if self.target not in broken:
                broken.add(self.target)
                kind = "W&B" if isinstance(error, WandBError) else type(error).__name__
                why = without_secrets(f"{kind}: {error}".split("\n")[0])
                log.warning("tracker: %s; runs go on untracked, their records are in the store", why)


@contextmanager
def tracked(settings: dict[str, Any]) -> Iterator[Tracking]:
    """Track a run in the block by the tracker of ``settings``, if there is one."""
    tracking = Tracking(settings)
    try:
        yield tracking
    finally:
        tracking.close()


def build(settings: dict[str, Any]) -> Tracker:
    """The tracker of a configuration. Raises: BenchmarkError for a setting that it refuses."""
    return built("tracker", settings, Tracker)


def under_agent() -> bool:
    """True if the agent of a W&B sweep started this process."""
    return "WANDB_SWEEP_ID" in os.environ


def has_account() -> bool:
    """True if W&B finds credentials in the environment or in netrc; makes no request."""
    if os.environ.get("WANDB_API_KEY") or os.environ.get("WANDB_IDENTITY_TOKEN_FILE"):
        return True
    host = urlparse(os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai")).hostname or ""
    try:
        return netrc.netrc(os.environ.get("NETRC")).authenticators(host) is not None
    except (OSError, netrc.NetrcParseError):
        return False
