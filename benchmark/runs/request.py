"""A requested run, whether or not the store has it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from benchmark.config.identity import run_id
from benchmark.config.schema import RunConfig
from benchmark.records.store import Store


@dataclass(frozen=True)
class Run:
    """One fine-tuning: its configuration, the ``command`` to repeat it, and its table (``purpose``)."""

    config: RunConfig
    command: str = ""
    purpose: str | None = None

    @cached_property
    def id(self) -> str:
        """16 hex digits that name the run; see `benchmark.config.identity`."""
        return run_id(self.config)

    @cached_property
    def store(self) -> Store:
        """The store for its record."""
        return Store(self.config.store)
