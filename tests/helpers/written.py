"""Data sets of a test's own, as Parquet files that the project believes to have made itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset, Features

#: Overrides for a task on such data; their sets are `mine/SPLIT`.
OURS = [
    "task=opinion",
    "task.builder=benchmark.embedded.tasks.build",
    "task.text=[text]",
    "task.labels=[bad,good]",
    "task.train={config: mine, split: train}",
    "task.evaluate={validation: {config: mine, split: validation}}",
    "protocol.epochs=1",
    "protocol.batch_size=8",
]


class Written:
    """The data set in ``folder``; `benchmark.embedded.tasks.build` gives this folder from now on."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        import benchmark.embedded.tasks as embedded

        self.folder = folder
        monkeypatch.setattr(embedded, "build", lambda _: folder)

    def __call__(
        self, split: str, rows: list[dict[str, Any]], config: str = "mine", features: Features | None = None
    ) -> None:
        """Write ``rows`` as a split."""
        path = self.folder / config / f"{split}-00000-of-00001.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        Dataset.from_list(rows, features=features).to_parquet(str(path))
