"""Slurm with one node on this machine, as plain daemons with all their files in one folder.

    make slurm-here     starts one, says what to export, and ends with Ctrl-C

It needs the packages slurm-wlm and munge, and root. It listens on this machine alone. Jobs of the partition `urgent`
take the places of others, which have a minute to end.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch")
INSTALL = "apt-get install slurm-wlm munge"
CONF = """
ClusterName=here
SlurmctldHost={node}(127.0.0.1)
SlurmctldPort={ctld}
SlurmdPort={slurmd}
AuthType=auth/munge
CryptoType=crypto/munge
AuthInfo=socket={folder}/munge.socket
SlurmUser=root
SlurmdUser=root
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
MpiDefault=none
ReturnToService=2
JobRequeue=1
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
KillWait=30
SchedulerParameters=batch_sched_delay=0,sched_interval=5
NodeName={node} NodeAddr=127.0.0.1 CPUs={cpus} State=UNKNOWN
PartitionName=here Nodes={node} Default=YES MaxTime=INFINITE State=UP PriorityTier=1 GraceTime=60
PartitionName=urgent Nodes={node} MaxTime=INFINITE State=UP PriorityTier=10
"""


def missing() -> str | None:
    """The reason why no Slurm can be started here, or None."""
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
    lacking = [name for name in PROGRAMS if shutil.which(name, path=path) is None]
    if lacking:
        return f"{', '.join(lacking)} not installed: {INSTALL}"
    return None if os.geteuid() == 0 else "Slurm's daemons are started by root"


class OneNode:
    """A running Slurm; commands find it by the environment variable SLURM_CONF."""

    def __init__(self, folder: Path, cpus: int) -> None:
        self.folder, self.conf = folder, folder / "slurm.conf"
        for name in ("state", "spool"):
            (folder / name).mkdir()
        key = folder / "munge.key"
        key.touch(0o600)
        key.write_bytes(secrets.token_bytes(1024))
        ports = free_ports(2)
        node = socket.gethostname().partition(".")[0]
        self.conf.write_text(CONF.format(folder=folder, node=node, cpus=cpus, ctld=ports[0], slurmd=ports[1]))

    def start(self, *names: str) -> None:
        """Start the daemons, or those of ``names``."""
        places = {name: f"{self.folder}/munge.{name}" for name in ("key", "socket", "log", "seed")}
        munged = [f"--{name}-file" if name in ("key", "log", "seed") else f"--{name}" for name in places]
        options = [word for pair in zip(munged, places.values(), strict=True) for word in pair]
        commands = {
            "munged": ["munged", "--force", f"--pid-file={self.folder}/munged.pid", *options],
            "slurmctld": ["slurmctld", "-f", str(self.conf)],
            "slurmd": ["slurmd", "-f", str(self.conf)],
        }
        for name in names or commands:
            done = self.call(*commands[name])
            if done.returncode:
                raise RuntimeError(f"{name} did not start: {done.stderr}")

    def call(self, *command: str) -> subprocess.CompletedProcess[str]:
        """A command that finds this Slurm."""
        path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
        environment = os.environ | {"SLURM_CONF": str(self.conf), "PATH": path}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    def wait(self, seconds: float = 60) -> None:
        """Wait until the node is idle."""
        last = time.monotonic() + seconds
        while self.call("sinfo", "--noheader", "--format=%t").stdout.strip() != "idle":
            if time.monotonic() > last:
                raise RuntimeError(f"the node is not idle after {seconds} s; see {self.folder}")
            time.sleep(0.2)

    def pid(self, name: str) -> int | None:
        """The process of a daemon."""
        with suppress(OSError, ValueError):
            return int((self.folder / f"{name}.pid").read_text())
        return None

    def stop(self) -> None:
        """End the jobs and then the daemons, newest first."""
        self.call("scancel", "--user=root", "--signal=KILL")
        self.call("scancel", "--user=root")
        last = time.monotonic() + 15
        while self.call("squeue", "--noheader").stdout.strip() and time.monotonic() < last:
            time.sleep(0.2)
        pids = [pid for name in ("slurmd", "slurmctld", "munged") if (pid := self.pid(name))]
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        while any(Path(f"/proc/{pid}").exists() for pid in pids) and time.monotonic() < last + 15:
            time.sleep(0.1)


@contextmanager
def one_node(cpus: int | None = None) -> Iterator[OneNode]:
    """Slurm with a node of so many ``cpus``, for the block."""
    # Munge wants a folder in which nobody else can write, nor in those above it but for sticky ones.
    with tempfile.TemporaryDirectory(prefix="slurm-", dir="/tmp", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        slurm = OneNode(Path(name), cpus or os.cpu_count() or 1)
        try:
            slurm.start()
            slurm.wait()
            yield slurm
        finally:
            slurm.stop()


def free_ports(count: int) -> list[int]:
    """Ports of this machine that nobody listens on now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def main() -> int:
    """Run Slurm until Ctrl-C."""
    if why := missing():
        print(f"error: {why}", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt), one_node() as slurm:
        print(
            f"Slurm runs on this machine. In another terminal:\n\n  export SLURM_CONF={slurm.conf}\n"
            '  make reproduce-table TABLE=demo/noisytune ARGS="engine=slurm --workers 2"\n\nCtrl-C ends it.'
        )
        sys.stdout.flush()
        while True:
            signal.pause()
    return 0


if __name__ == "__main__":
    sys.exit(main())
