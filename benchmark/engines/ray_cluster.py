"""Make a grid's missing runs on a Ray cluster: a few long workers, placed and replaced by Ray.

A task of Ray holds the resources of one worker and runs it as a child process (`benchmark.engines.slot`). If
its node is lost, Ray starts the task again on another node. The runs of the lost node continue from their
snapshots, in the first worker with room. Ray only decides where workers run; the store decides which runs are
missing.

If the command is stopped, its workers stop too, and their runs save snapshots first. If the command is
killed, Ray ends its tasks, and the workers end when their pipes close. The same command then continues the
grid.
"""

from __future__ import annotations

import logging
import os
import secrets
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout
from dataclasses import dataclass
from typing import Any

from benchmark import stopping
from benchmark.engines.base import Assignment, Engine
from benchmark.engines.extras import need
from benchmark.engines.process import QUITTING
from benchmark.engines.slot import Slot
from benchmark.engines.watch import Watch
from benchmark.engines.workplace import Begun, begin, threads_of
from benchmark.errors import BenchmarkError

log = logging.getLogger(__name__)

ADDRESS = "RAY_ADDRESS"
SECONDS = 5.0  # in which a cluster must answer
LOOK = 0.5  # seconds between two looks at the tasks
RESTARTS = 20  # restarts of a worker after its node or its Ray process was lost
OBJECTS = (
    80_000_000  # bytes for Ray's objects in a cluster of ours, about the least it takes: none are kept there
)


@dataclass
class RayCluster(Engine):
    """A cluster at ``address``; None: at RAY_ADDRESS, else one on this machine for as long as the command runs.

    A worker has ``cpus`` CPUs (None: the threads of a run), makes as many runs at a time as these allow, and
    has ``gpus`` GPUs, perhaps a fraction (None: one, if the cluster has GPUs and the runs may use them). A
    run that takes more than ``run_minutes`` is stopped.
    """

    address: str | None = None
    cpus: float | None = None
    gpus: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, least in (("cpus", 0.01), ("gpus", 0.0)):
            value = getattr(self, name)
            if value is not None and not least <= value < float("inf"):
                raise BenchmarkError(f"engine.{name}={value}: {least:g} or more")

    def check(self) -> None:
        need("ray", "ray")
        if address := self.place():
            check_answers(address)

    def place(self) -> str | None:
        """The address of the cluster; None for one of our own."""
        return self.address or os.environ.get(ADDRESS) or None

    def make(self, asked: Assignment) -> None:
        cpus = float(threads_of(asked)) if self.cpus is None else self.cpus
        begun = begin(asked, cpus, self.run_minutes)
        with ExitStack() as stack:
            # Ray says on stdout what happens to nodes, page by page, until it is shut down.
            said = stack.enter_context((begun.logs / f"ray-{os.getpid()}.out").open("a"))
            stack.enter_context(redirect_stdout(said))
            ray = stack.enter_context(connected(self.place()))
            resources = {"num_cpus": cpus, "num_gpus": self.gpus_of(asked, ray)}
            tasks = Tasks(ray, resources, begun, asked.workers, len(asked.missing))
            watch = Watch(asked, begun.logs)
            with stopping.deferred():  # Ray does not take an exception in the middle of a call
                try:
                    while tasks.go_on() and watch.missing and not stopping.asked():
                        watch.look(len(tasks.going))
                        time.sleep(LOOK)
                    if not watch.missing:
                        tasks.wait(stopping.PATIENCE)  # workers notice the end of the command themselves
                finally:
                    if stopping.asked():
                        watch.progress.close()
                    tasks.end()
            watch.close(tasks.lost)

    def gpus_of(self, asked: Assignment, ray: Any) -> float:
        """The GPUs of a worker."""
        if self.gpus is not None:
            return self.gpus
        on_cpu = all(run.config.device == "cpu" for run in asked.missing)
        return 0.0 if on_cpu or not ray.cluster_resources().get("GPU") else 1.0


def work(slot: Slot) -> int:
    """A task of Ray."""
    return slot()


class Tasks:
    """The workers of a grid as tasks of Ray: ``workers`` of them, or as many as the cluster has room for."""

    def __init__(
        self, ray: Any, resources: dict[str, float], begun: Begun, workers: int | None, runs: int
    ) -> None:
        self.ray, self.resources, self.workers, self.runs = ray, resources, workers, runs
        self.task = ray.remote(max_retries=RESTARTS, **resources)(work)
        self.begun, self.number = begun, 0
        self.going: list[Any] = []
        self.lost = ""  # why the last worker was
        if not self.room():
            asked = f"{resources['num_cpus']:g} CPUs and {resources['num_gpus']:g} GPUs"
            resources_here = ray.cluster_resources()
            raise BenchmarkError(
                f"engine=ray: no node has {asked} for a worker (the cluster has {resources_here.get('CPU', 0):g} and "
                f"{resources_here.get('GPU', 0):g}); change engine.cpus or engine.gpus"
            )

    def room(self) -> int:
        """The number of workers that all nodes have resources for."""
        needs = [("CPU", self.resources["num_cpus"]), ("GPU", self.resources["num_gpus"])]
        return sum(
            min(int(node["Resources"].get(name, 0) / need) for name, need in needs if need)
            for node in self.ray.nodes()
            if node["Alive"]
        )

    def go_on(self) -> bool:
        """Start the workers that the cluster has room for.

        False if all have ended, with nothing left to do.
        """
        most = min(self.room() if self.workers is None else self.workers, self.runs)
        while self.number < most:
            self.number += 1
            place = self.begun.logs / f"ray-{os.getpid()}-{self.number}.err"
            self.going.append(self.task.remote(Slot(self.begun.place, place)))
        ended, self.going = self.ray.wait(self.going, num_returns=len(self.going), timeout=0)
        for task in ended:
            try:
                self.ray.get(task)
            except Exception as error:  # an error of Ray or of the place, such as a missing folder
                self.lost = str(error).strip().splitlines()[-1]
                log.warning("engine=ray: a worker was lost (%s)", self.lost)
        return bool(self.going)

    def wait(self, seconds: float) -> None:
        """Wait at most so many ``seconds`` until all workers have ended."""
        last = time.monotonic() + seconds
        while self.going and time.monotonic() < last:
            time.sleep(LOOK)
            _, self.going = self.ray.wait(self.going, num_returns=len(self.going), timeout=0)

    def end(self) -> None:
        """End the workers; their runs save snapshots first."""
        for task in self.going:
            self.ray.cancel(task)
        self.wait(stopping.PATIENCE + QUITTING)


@contextmanager
def connected(address: str | None) -> Iterator[Any]:
    """The package ray, connected to a cluster; without an address, to one that ends with the block.

    Raises: BenchmarkError if there is none.
    """
    with ExitStack() as stack:
        variables = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}
        where: dict[str, Any] = {"address": address}
        if address is None:
            folder = stack.enter_context(
                tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True)
            )
            # Without a token for this cluster, Ray would write one to the home folder, or accept anybody who
            # finds the port.
            variables |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
            where = {
                "address": "local",
                "include_dashboard": False,
                "object_store_memory": OBJECTS,
                "_temp_dir": folder,
            }
        stack.enter_context(in_environment(variables))
        import ray

        try:
            ray.init(**where, log_to_driver=False, logging_level=logging.ERROR)
        except Exception as error:  # ConnectionError, RuntimeError (another version), ValueError
            line = " ".join(str(error).split())
            raise BenchmarkError(f"engine=ray: no cluster at {address or 'this machine'} ({line})") from error
        stack.callback(ray.shutdown)
        stopping.hear()  # Ray takes SIGTERM for itself
        yield ray


@contextmanager
def in_environment(variables: dict[str, str]) -> Iterator[None]:
    """Set environment variables for the block, except those that the user has set."""
    new = [name for name in variables if name not in os.environ]
    os.environ |= {name: variables[name] for name in new}
    try:
        yield
    finally:
        for name in new:
            os.environ.pop(name, None)


def check_answers(address: str) -> None:
    """Raises: BenchmarkError if nobody answers at HOST:PORT; other forms are left to Ray."""
    host, _, port = address.rpartition("//")[2].rpartition(":")
    if not (host and port.isdigit()):
        return
    try:
        with socket.create_connection((host, int(port)), SECONDS):
            pass
    except (OSError, OverflowError) as error:
        raise BenchmarkError(
            f"engine=ray: no cluster at {address} ({error}); set {ADDRESS}, or engine.address, or neither for one on this machine"
        ) from error
