"""Places for runs at a time: the cores, or GPUs as far as their memory lasts.

The GPU memory of a run is measured, not guessed: the first run of a model has a GPU for itself, and its
record says what it took. Runs that differ from it only in task and method may take twice that, until they are
measured as well. A run cannot take more memory than it was given (`benchmark.engines.process`). If it needs
more it fails, and is made again alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from benchmark.grids.grid import PlannedRun
from benchmark.records.record import Record

GIBIBYTE = 1 << 30
CONTEXT = GIBIBYTE  # bytes of a GPU that a process takes beside its tensors: CUDA's context and kernels
MARGIN = 1.2  # times the measured memory: another seed has other batches
UNKNOWN = 2.0  # times the memory of a similar run of another task or method: a second pass at most


@dataclass(frozen=True)
class Job:
    """A waiting run; ``alone`` if it must have a GPU for itself.

    ``crashes`` counts processes that died while making it.
    """

    planned: PlannedRun
    alone: bool = False
    crashes: int = 0


@dataclass(frozen=True)
class GpuMemory:
    """The bytes of a GPU, as its first worker found them."""

    free: int
    total: int


class Needs:
    """The GPU memory that runs take, learnt from similar runs; configurations are as in records."""

    def __init__(self, records: Iterable[Record] = ()) -> None:
        self.alike: dict[tuple[Any, ...], dict[tuple[Any, ...], int]] = {}
        for record in records:
            self.learn(record.config, record.memory.reserved)

    def learn(self, config: dict[str, Any], reserved: int | None) -> None:
        """Note that a run of ``config`` took ``reserved`` bytes of a GPU; None if it ran on a CPU."""
        if reserved is not None:
            model, kind = model_of(config), kind_of(config)
            known = self.alike.setdefault(model, {})
            known[kind] = max(reserved, known.get(kind, 0))

    def of(self, config: dict[str, Any]) -> int | None:
        """The bytes that a run of ``config`` may take; None if nothing like it was measured."""
        known = self.alike.get(model_of(config))
        if not known:
            return None
        took = known.get(kind_of(config), UNKNOWN * max(known.values()))
        return round(MARGIN * took)


def model_of(config: dict[str, Any]) -> tuple[Any, ...]:
    """The values on which the memory of a run depends most."""
    protocol = config["protocol"]
    batch = protocol["micro_batch_size"] or protocol["batch_size"]
    return config["model"]["name"], batch, protocol["max_length"], protocol["precision"]


def kind_of(config: dict[str, Any]) -> tuple[Any, ...]:
    """The other values on which memory depends: task (length of texts) and methods (passes of an update)."""
    return config["task"]["name"], *sorted(config["method"])


@dataclass
class Slots:
    """The cores, or a GPU, with the runs that go on there: at most ``most`` at a time.

    ``gpu`` is its number among those that its workers see; None for the cores. ``environment`` is that of its
    workers, ``taken`` the bytes given to each run, by worker; None is all of it.
    """

    most: int
    gpu: int | None = None
    environment: dict[str, str] = field(default_factory=dict)
    memory: GpuMemory | None = None
    taken: dict[Any, int | None] = field(default_factory=dict)

    def fit(self, need: int | None) -> bool:
        """True if a run that takes ``need`` bytes can begin now.

        None is all of the GPU, and any run can be alone.
        """
        if not self.taken or self.gpu is None:
            return len(self.taken) < self.most
        if len(self.taken) == self.most or self.memory is None or need is None:
            return False
        others = [bytes_given for bytes_given in self.taken.values() if bytes_given is not None]
        if len(others) < len(self.taken):
            return False
        return (
            sum(others) + need + CONTEXT * len(others) <= self.memory.free
        )  # its own context is taken already


def choose(places: Iterable[Slots], need: int | None) -> Slots | None:
    """The place for a run that takes ``need`` bytes, the emptiest first; None if it has to wait."""
    return min(
        (slots for slots in places if slots.fit(need)), key=lambda slots: len(slots.taken), default=None
    )
