"""The stamp of a grid: the facts in which a worker must agree with the command that began the grid.

    STORE/stamps/ID.json    the code, the runs' ids, and the digests of the files that were at hand

A worker that finds no such file does not see the store. A worker that differs would get other results.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchmark.config.schema import RunConfig
from benchmark.data import task_files
from benchmark.digests import recalled
from benchmark.errors import BenchmarkError
from benchmark.grids.grid import Grid
from benchmark.models import model_files
from benchmark.records.store import STAMPS, Store
from benchmark.runs.code import code

DIGITS = 16


def leave_stamp(grid: Grid, store: Store) -> str:
    """Write the stamp of a grid into its store and return its id."""
    text = json.dumps(stamp_of(grid), indent=1, sort_keys=True)
    name = hashlib.sha256(text.encode()).hexdigest()[:DIGITS]
    folder = store.folder / STAMPS
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.json").write_text(text)
    return name


def stamps_of(grid: Grid, store: Store) -> set[str]:
    """The ids of a store's stamps of a grid's runs.

    There may be several, since digests become known over time.
    """
    stamps, ours = set(), _runs(grid)
    for path in (store.folder / STAMPS).glob("*.json"):
        with suppress(OSError, ValueError, KeyError, TypeError):
            if json.loads(path.read_text())["runs"] == ours:
                stamps.add(path.stem)
    return stamps


def check_stamp(grid: Grid, store: Store, name: str) -> float:
    """Compare a grid with the stamp of the command that began it; return the stamp's time.

    Raises: BenchmarkError if the store is not seen from here, or something differs.
    """
    path = store.folder / STAMPS / f"{name}.json"
    try:
        theirs, begun = json.loads(path.read_text()), path.stat().st_mtime
    except (OSError, ValueError) as error:
        raise BenchmarkError(
            f"store={store.folder}: this worker does not see the store that the grid was begun on ({error}); "
            "give a folder that all machines have under this path"
        ) from error
    ours = stamp_of(grid)
    for key in ("code", "runs"):
        if ours[key] != theirs[key]:
            raise BenchmarkError(
                f"{key}: {_shown(ours[key])} here, and {_shown(theirs[key])} where the grid was begun; give all machines one "
                f"version of the project"
            )
    for key in sorted(ours["files"].keys() & theirs["files"].keys()):
        if ours["files"][key] != theirs["files"][key]:
            raise BenchmarkError(
                f"{key}: other files here than where the grid was begun; give all machines the same"
            )
    return begun


def stamp_of(grid: Grid) -> dict[str, Any]:
    """The stamp of a grid, with digests of files that earlier runs here read."""
    files: dict[str, str] = {}
    for config in {(run.config.model.name, run.config.task.name): run.config for run in grid.runs}.values():
        files |= _files(config)
    return {"code": code(), "runs": _runs(grid), "files": files}


def _runs(grid: Grid) -> str:
    """The digest of a grid's run ids."""
    ids = "\n".join(sorted({run.run_id for run in grid.runs}))
    return hashlib.sha256(ids.encode()).hexdigest()[:DIGITS]


def _files(config: RunConfig) -> dict[str, str]:
    """The digests of a model's and a task's files, as far as known without reading them."""
    cache = Path(config.cache)
    model = recalled(model_files.digests_file(config.model, cache)) or {}
    task = recalled(task_files.digests_file(config.task, cache)) or {}
    return {f"model {config.model.name}, {name}": digest for name, digest in model.items()} | {
        f"task {config.task.name}, {name}": digest for name, digest in task.items()
    }


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return f"commit {value['commit']}{' with changes' if value['dirty'] else ''}"
    return str(value)
