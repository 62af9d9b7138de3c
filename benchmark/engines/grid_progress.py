"""Progress of a grid: on one line of the terminal, and in a note in the store for `benchmark.status`."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path

from benchmark.grids.grid import PlannedRun
from benchmark.progress import PHASES, Line, RunProgress, duration
from benchmark.records.ongoing import GRID, Note


class GridProgress:
    """Tells how far a grid is; ``store`` is the folder for its note, and ``table`` its name."""

    def __init__(
        self,
        total: int,
        workers: int,
        write: Callable[[str], object] | None = None,
        store: Path | None = None,
        table: str | None = None,
    ) -> None:
        self.total, self.workers, self.line = total, workers, Line(write)
        self.work = RunProgress(self.line)
        self.note = (
            Note(store, GRID + secrets.token_hex(4), {"table": table, "total": total}) if store else None
        )
        self.done = 0
        self.last = ""
        self.idle = 0.0  # seconds before the first run

    def phase(self, name: str) -> None:
        """Name what goes on before the first run."""
        if self.line.live or self.line.due():
            self.line.show(name)
        self.idle = self.line.elapsed
        if self.note is not None:
            self.note.tell(now=True, done=0, running=0, failed=0, phase=name)

    def before(self, unit: str, done: int, total: int) -> None:
        """Show work that comes before the first run, such as a download: a progress callback."""
        self.work(unit, done, total)
        self.idle = self.line.elapsed
        if self.note is not None:
            self.note.tell(done=0, running=0, failed=0, phase=PHASES.get(unit, unit))

    def finished(self, planned: PlannedRun) -> None:
        """Count a run that ended."""
        self.done += 1
        config = planned.config
        methods = ",".join(sorted(config.method))
        self.last = f"{config.model.name} {config.task.name} [{methods}] seed {config.seed}"

    def show(self, running: int, failed: int, elsewhere: int = 0) -> None:
        """Write the line if it is time to."""
        if self.note is not None:
            self.note.tell(done=self.done, running=running, failed=failed)
        if not self.line.due() and self.done < self.total:
            return
        spent = self.line.elapsed - self.idle
        tail = f"{duration(spent / self.done * (self.total - self.done))} left" if self.done else "…"
        tail += f", {elsewhere} made by other processes" if elsewhere else ""
        tail += f", {failed} FAILED" if failed else ""
        tail += f"  (last: {self.last})" if self.last else ""
        self.line.show(f"{self.done}/{self.total} runs, {running} running", tail, self.done, self.total)

    def close(self) -> None:
        """Leave the last line standing."""
        self.line.close()
        if self.note is not None:
            self.note.close()
