"""Make a grid's missing runs on a Slurm cluster: an array of a few long workers, never a job per run.

Each job runs the worker command as a child process (`benchmark.engines.slot`). Before a time limit or a
preemption Slurm warns the job: its runs save snapshots, and the job goes back into the queue, as often as
needed. Slurm's exit states of jobs are ignored; only the store tells which runs were made.

Ctrl-C cancels the jobs, whose runs save snapshots first. If the command ends in any other way, the jobs go
on. If the command is started again meanwhile, it adds no jobs and watches the existing ones.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import signal
import time
from contextlib import redirect_stderr
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

from benchmark import stopping
from benchmark.engines.base import Assignment, Engine
from benchmark.engines.extras import need
from benchmark.engines.process import QUITTING
from benchmark.engines.slot import STOPPED, Slot
from benchmark.engines.slurm_jobs import Jobs, called, refusal
from benchmark.engines.stamp import stamps_of
from benchmark.engines.watch import Watch
from benchmark.engines.workplace import LOGS, Begun, begin, threads_of
from benchmark.errors import BenchmarkError
from benchmark.grids.grid import Grid
from benchmark.records.store import Store
from benchmark.records.token import Token, read

log = logging.getLogger(__name__)

WORKERS = 4  # jobs of an array, unless --workers is given
REQUEUES = 10_000  # times that a job is queued again after its time limit
WARNED = 90  # seconds before the end of a job's time, in which it saves snapshots and is queued again
ENDS = 6 * QUITTING  # seconds within which jobs without a run to make have ended
LEAVING = 60.0  # seconds in which Slurm ends a job that goes back to the queue


@dataclass
class SlurmCluster(Engine):
    """Slurm's `sbatch` on this machine; the array has as many jobs as ``--workers``, or `WORKERS`.

    A job has ``minutes`` of time, ``cpus_per_task`` CPUs (None: the threads of a run), on which it makes as
    many runs at a time as these allow, and ``gres`` such as ``gpu:1``. ``setup`` are lines of shell before
    the worker, such as ``module load cuda``. A run that takes more than ``run_minutes`` is stopped.
    """

    partition: str | None = None
    account: str | None = None
    minutes: int = 240
    cpus_per_task: int | None = None
    gres: str | None = None
    mem: str | None = None
    setup: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, least in (("minutes", 1 + WARNED // 60), ("cpus_per_task", 1)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise BenchmarkError(f"engine.{name}={value}: {least} or more")

    def check(self) -> None:
        need("slurm", "submitit")
        for command in ("sbatch", "srun", "squeue", "scancel"):
            if shutil.which(command) is None:
                raise BenchmarkError(
                    f"engine=slurm: {command} is not on this machine; go to one of the cluster's"
                )

    def make(self, asked: Assignment) -> None:
        workers = min(WORKERS, len(asked.missing)) if asked.workers is None else asked.workers
        cpus = self.cpus_per_task or threads_of(asked)
        begun = begin(asked, cpus, self.run_minutes)
        jobs = Jobs(named(asked.store.open(wait=True), begun.stamp))
        watch = Watch(asked, begun.logs)
        if jobs.unfinished():
            log.warning(
                "engine=slurm: %d jobs of this grid are there already: none is added", len(jobs.states)
            )
        else:
            jobs.submitted(self.submit(begun, jobs.name, cpus, workers))
        try:
            while watch.missing and jobs.unfinished():
                watch.look(jobs.running())
                time.sleep(1)
        except stopping.Stopped as stopped:
            watch.progress.close()
            if stopped.number == signal.SIGINT:
                jobs.cancel()
            else:
                log.warning("engine=slurm: the jobs go on; `scancel --name %s` ends them", jobs.name)
            raise
        jobs.drop_waiting()
        watch.close()
        if not watch.missing and jobs.gone(ENDS):
            drop(begun.logs)

    def tidy(self, store: Store, ended: Grid | None) -> None:
        token, own = read(store.folder), set() if ended is None else stamps_of(ended, store)
        for logs in sorted((store.folder / LOGS).glob("*")):
            if token and of_submitit(logs) and shutil.which("squeue"):
                jobs = Jobs(named(token, logs.name))
                if jobs.answered and (jobs.gone(ENDS) if logs.name in own else not jobs.states):
                    drop(logs)

    def submit(self, begun: Begun, name: str, cpus: int, workers: int) -> list[str]:
        """Put the array into the queue and return the jobs' ids. Raises: BenchmarkError with Slurm's words."""
        import submitit

        executor = submitit.SlurmExecutor(folder=begun.logs, max_num_timeout=REQUEUES)
        executor.update_parameters(
            job_name=name,
            partition=self.partition,
            account=self.account,
            time=self.minutes,
            cpus_per_task=cpus,
            gres=self.gres,
            mem=self.mem,
            setup=[*self.setup] or None,
            signal_delay_s=WARNED,
            array_parallelism=workers,
            srun_args=[f"--cpus-per-task={cpus}"],  # Slurm 22.05 and later: a step does not take the job's
        )
        earlier = {*begun.logs.iterdir()}
        try:
            with redirect_stderr(StringIO()), executor.batch():  # Slurm's words come with the error
                jobs = [executor.submit(SlurmSlot(begun.place)) for _ in range(workers)]
            return [job.job_id for job in jobs]
        except (submitit.core.utils.FailedJobError, submitit.core.utils.FailedSubmissionError) as error:
            for path in {*begun.logs.iterdir()} - earlier:
                path.unlink()
            raise BenchmarkError(f"engine=slurm: {refusal(str(error))}") from error


def named(token: Token, stamp: str) -> str:
    """The name of a grid's jobs."""
    return f"benchmark-{token.id}-{stamp}"


def of_submitit(logs: Path) -> list[Path]:
    """The files of submitit for a grid; they name folders and variables of the user."""
    return [*logs.glob("*.pkl"), *logs.glob("*.sh")]


def drop(logs: Path) -> None:
    """Remove the files of submitit for a grid that has ended."""
    for path in of_submitit(logs):
        path.unlink(missing_ok=True)


@dataclass
class SlurmSlot(Slot):
    """The worker in a job of Slurm."""

    def __call__(self) -> int:
        status = super().__call__()
        if status in STOPPED and preempted():
            # A job that ended before its time limit would not be queued again.
            called("scontrol", "requeue", own_job())
            time.sleep(LEAVING)
        return status

    def checkpoint(self) -> Any:
        """End the child when Slurm warns of the job's end; the job that is queued again is this one."""
        import submitit

        self.stop()
        return submitit.helpers.DelayedSubmission(self)


def own_job() -> str:
    """The job that this process is in."""
    return os.environ["SLURM_JOB_ID"]


def preempted() -> bool:
    """True if Slurm ends this job in favour of others; Slurm has no separate signal for that."""
    return re.search(r"PreemptTime=\d", called("scontrol", "show", "job", own_job()).stdout) is not None
