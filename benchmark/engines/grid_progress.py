"""Progress of a grid, on one line."""

from __future__ import annotations

from collections.abc import Callable

from benchmark.grids.grid import PlannedRun
from benchmark.progress import Line, duration


class GridProgress:
    """Tells how far a grid is."""

    def __init__(self, total: int, workers: int, write: Callable[[str], object] | None = None) -> None:
        self.total, self.workers, self.line = total, workers, Line(write)
        self.done = 0
        self.last = ""

    def finished(self, planned: PlannedRun) -> None:
        """Count a run that ended."""
        self.done += 1
        config = planned.config
        self.last = f"{config.model.name} {config.task.name} seed {config.seed}"

    def show(self, running: int, failed: int, elsewhere: int = 0) -> None:
        """Write the line if it is time to."""
        if not self.line.due() and self.done < self.total:
            return
        elapsed = self.line.elapsed
        left = f"{duration(elapsed / self.done * (self.total - self.done))} left" if self.done else "…"
        line = f"{self.done}/{self.total} runs, {running} running, {duration(elapsed)} so far, {left}"
        line += f", {elsewhere} made by other processes" if elsewhere else ""
        line += f", {failed} FAILED" if failed else ""
        self.line.show(line + (f"  (last: {self.last})" if self.last else ""))

    def close(self) -> None:
        """Leave the last line standing."""
        self.line.close()
