"""The engines of the experiment, each with what it needs on this machine, and the mending of what was killed."""

from __future__ import annotations

import os
import secrets
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from helpers import slurm

NODES = 2  # of a Ray cluster, with one CPU each
OBJECTS = 80_000_000  # bytes for Ray's objects, about the least it takes


@dataclass
class Place:
    """This machine alone. ``words`` choose the engine; a driver that is killed takes what it ``owns`` along."""

    words: list[str] = field(default_factory=list)
    owns: bool = True

    def mend(self) -> None:
        """Start again what was killed and is not the engine's to start."""

    def wait(self) -> None:
        """Wait until nothing goes on of a grid that has ended."""


@dataclass
class Ray(Place):
    """A cluster of nodes on this machine."""

    cluster: Any = None
    nodes: list[Any] = field(default_factory=list)

    def mend(self) -> None:
        for node in [node for node in self.nodes if not alive(node)]:
            self.nodes.remove(node)
            self.cluster.remove_node(node, allow_graceful=False)
        while len(self.nodes) < NODES:
            self.nodes.append(self.cluster.add_node(num_cpus=1, object_store_memory=OBJECTS))


def alive(node: Any) -> bool:
    """True if the process that is a node of Ray lives."""
    return all(info.process.poll() is None for info in node.all_processes.get("raylet", []))


@dataclass
class Slurm(Place):
    """Slurm with one node on this machine."""

    node: slurm.OneNode | None = None

    def call(self, *words: str) -> str:
        assert self.node is not None
        return self.node.call(*words).stdout.strip()

    def mend(self) -> None:
        assert self.node is not None
        pid = self.node.pid("slurmd")
        if pid is None or not Path(f"/proc/{pid}").exists():
            self.node.start("slurmd")
        for job in self.call("squeue", "--noheader", "--array", "--states=PENDING", "--format=%i").split():
            self.call("scontrol", "update", f"jobid={job}", "starttime=now")  # else two minutes later

    def wait(self) -> None:
        last = time.monotonic() + 120
        while self.call("squeue", "--noheader") and time.monotonic() < last:
            time.sleep(0.5)


@contextmanager
def place_of(engine: str) -> Iterator[Place]:
    """The place of an engine, for as long as the block lasts; ``os.environ`` tells commands of it."""
    if engine == "slurm":
        with slurm.one_node(cpus=2) as node:
            os.environ["SLURM_CONF"] = str(node.conf)
            yield Slurm(["engine=slurm"], owns=False, node=node)
    elif engine == "ray":
        with tempfile.TemporaryDirectory(prefix="ray-", dir="/tmp", ignore_cleanup_errors=True) as folder:
            os.environ |= {
                "RAY_USAGE_STATS_ENABLED": "0",
                "RAY_AUTH_MODE": "token",
                "RAY_AUTH_TOKEN": secrets.token_hex(32),
                "RAY_TMPDIR": folder,
            }
            from ray.cluster_utils import Cluster

            head = {"num_cpus": 0, "include_dashboard": False, "object_store_memory": OBJECTS}
            cluster = Cluster(initialize_head=True, head_node_args=head)
            os.environ["RAY_ADDRESS"] = cluster.address
            ray = Ray(["engine=ray"], cluster=cluster)
            try:
                ray.mend()
                yield ray
            finally:
                with suppress(Exception):  # of a node that is dead already
                    cluster.shutdown()
    else:
        yield Place()
