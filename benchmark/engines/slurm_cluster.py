"""Make a grid's missing runs on a Slurm cluster: an array of a few long workers, never a job per run.

Each job runs the worker command as a child process (`benchmark.engines.slot`). Before a time limit or a preemption
Slurm warns the job: its runs save snapshots, and it is put into the queue again, as often as it takes. What Slurm
says of a job's end means nothing; the store has the runs that were made.

Ctrl-C cancels the jobs, whose runs save snapshots first. If the command ends in any other way, the jobs go on.
Started again while they are there, it adds none and watches those.
"""

from __future__ import annotations

import getpass
import logging
import os
import re
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import redirect_stderr
from dataclasses import dataclass, field
from io import StringIO
from typing import Any

from benchmark import stopping
from benchmark.engines.base import Assignment, Engine
from benchmark.engines.extras import need
from benchmark.engines.process import QUITTING
from benchmark.engines.slot import STOPPED, Slot
from benchmark.engines.watch import Watch
from benchmark.engines.workplace import Begun, begin, threads_of
from benchmark.errors import BenchmarkError

log = logging.getLogger(__name__)

WORKERS = 4  # of an array, unless --workers says
REQUEUES = 10_000  # of a job whose time was over
WARNED = 90  # seconds before the end of its time, in which a job saves and is queued again
LEAVING = 60.0  # seconds in which Slurm ends a job that goes back to the queue
EVERY = 5.0  # seconds between two questions to Slurm
ANSWER = 60.0  # seconds in which Slurm must answer
ENDING = "COMPLETING"
HANGING = 120.0  # seconds after which a job that is said to be ending has ended: its node does not answer


@dataclass
class SlurmCluster(Engine):
    """Slurm's `sbatch` on this machine; the array has as many jobs as ``--workers``, or `WORKERS`.

    A job has so many ``minutes`` at a time, ``cpus_per_task`` (None: the threads of a run) with which it makes
    as many runs at a time as they have threads for, and ``gres`` such as ``gpu:1``. ``setup`` are lines of shell
    before the worker, such as ``module load cuda``. A run that takes more than ``run_minutes`` is stopped.
    """

    partition: str | None = None
    account: str | None = None
    minutes: int = 240
    cpus_per_task: int | None = None
    gres: str | None = None
    mem: str | None = None
    setup: list[str] = field(default_factory=list)
    run_minutes: float | None = None

    def __post_init__(self) -> None:
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
        jobs = Jobs(f"benchmark-{asked.store.open(wait=True).id}-{begun.stamp}")
        watch = Watch(asked, begun.logs)
        if jobs.there():
            log.warning(
                "engine=slurm: %d jobs of this grid are there already: none is added", len(jobs.states)
            )
        else:
            jobs.submitted(self.submit(begun, jobs.name, cpus, workers))
        try:
            while watch.missing and jobs.there():
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
        if not watch.missing and jobs.gone(3 * QUITTING):
            for path in [*begun.logs.glob("*.pkl"), *begun.logs.glob("*.sh")]:
                path.unlink()  # of submitit; they name folders and variables of the user

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


@dataclass
class SlurmSlot(Slot):
    """The worker in a job of Slurm."""

    def __call__(self) -> int:
        status = super().__call__()
        if status in STOPPED and preempted():
            # A job that ends in the time that it has left to end would not be queued again.
            called("scontrol", "requeue", own_job())
            time.sleep(LEAVING)
        return status

    def checkpoint(self) -> Any:
        """End the child when Slurm warns of the job's end; the job that is queued again is this one."""
        import submitit

        self.stop()
        return submitit.helpers.DelayedSubmission(self)


class Jobs:
    """The jobs of a grid in Slurm's queue, by the name that they share; ``states`` is by id."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.states: dict[str, str] = {}
        self.asked = self.seen = float("-inf")
        self.answered = True
        self.ask()

    def submitted(self, ids: Iterable[str]) -> None:
        """Count jobs that were put into the queue just now."""
        self.states |= dict.fromkeys(ids, "PENDING")
        self.seen = time.monotonic()

    def there(self) -> bool:
        """True if a job has not ended; asked anew now and then."""
        if time.monotonic() - self.asked >= EVERY:
            self.ask()
        return bool(self.states) and time.monotonic() - self.seen < HANGING

    def running(self) -> int:
        """The number of jobs that run."""
        return Counter(self.states.values())["RUNNING"]

    def ask(self) -> None:
        """Ask Slurm; without an answer all is as it was."""
        done = self.call("squeue", "--noheader", "--array", "--format=%i %T")
        self.asked = time.monotonic()
        if done.returncode and self.answered:
            log.warning("engine=slurm: %s; the jobs may go on", refusal(done.stderr))
        self.answered = not done.returncode
        if self.answered:
            self.states = dict(line.split() for line in done.stdout.splitlines())
        if done.returncode or {*self.states.values()} - {ENDING}:
            self.seen = self.asked

    def cancel(self) -> None:
        """Cancel the jobs, and wait until their runs have saved snapshots."""
        self.call("scancel")
        self.gone(stopping.PATIENCE + 2 * QUITTING)

    def gone(self, seconds: float) -> bool:
        """True if all jobs end within so many ``seconds``."""
        self.ask()
        last = time.monotonic() + seconds
        while self.states and time.monotonic() < last:
            time.sleep(1)
            self.ask()
        return not self.states

    def drop_waiting(self) -> None:
        """Cancel the jobs that have not begun."""
        self.call("scancel", "--state=PENDING")

    def call(self, *words: str) -> subprocess.CompletedProcess[str]:
        """A command of Slurm on the jobs."""
        return called(*words, "--name", self.name, "--user", getpass.getuser())


def called(*words: str) -> subprocess.CompletedProcess[str]:
    """A command of Slurm; one that takes too long has failed."""
    try:
        return subprocess.run(words, capture_output=True, text=True, check=False, timeout=ANSWER)
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(words, 1, "", f"{words[0]} does not answer")


def own_job() -> str:
    """The job that this process is in."""
    return os.environ["SLURM_JOB_ID"]


def preempted() -> bool:
    """True if Slurm ends this job because others go first; it does not tell so by a signal of its own."""
    return re.search(r"PreemptTime=\d", called("scontrol", "show", "job", own_job()).stdout) is not None


def refusal(said: str) -> str:
    """The errors in what a command of Slurm said, on one line."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    errors = [line for line in lines if "error:" in line] or lines[-1:]
    return "; ".join(dict.fromkeys(line.partition("error: ")[2] or line for line in errors))
