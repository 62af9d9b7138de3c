"""The page of a run: its configuration, curve, environment, and the command to repeat it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from benchmark.errors import BenchmarkError
from benchmark.forecast.throughput import cost_of
from benchmark.privacy import portable_command, portable_text
from benchmark.records import arrays
from benchmark.records.reading import DamagedError, UnreadableError, record_at
from benchmark.records.record import Record, VersionError
from benchmark.records.store import Store
from benchmark.site.curves import MOST, curves
from benchmark.site.failed_runs import reason
from benchmark.site.inputs import RUN
from benchmark.site.pages import Site, environment

NONE = "none"
MEGABYTE = 1e6  # bytes
PARTS = (
    "model",
    "task",
    "method",
    "protocol",
    "data",
    "probe",
)  # groups of a configuration, in the order of the page


@dataclass(frozen=True)
class RunPages:
    """Maker of the pages of many runs; ``tables`` are the names and pages of those with a run, by its folder."""

    site: Site
    store: Store
    tables: Mapping[str, Sequence[tuple[str, str]]]

    def __call__(self, folders: Sequence[str]) -> list[dict[str, Any]]:
        """Write the pages of the records in ``folders``.

        Return the facts that other pages show of each, as JSON.
        """
        return [self._written(folder) for folder in folders]

    def _written(self, folder: str) -> dict[str, Any]:
        match, place = RUN.fullmatch(folder), self.store.folder / folder
        run_id = match[1] if match else folder
        try:
            record = record_at(place, run_id)
        except (DamagedError, VersionError, BenchmarkError) as error:
            return {"folder": folder, "problem": portable_text(str(error))}
        if record is None:
            return {"folder": folder, "problem": "it is not there any more"}
        path = f"runs/{folder}.html"
        losses, unknown = _losses(place, record)
        trouble = reason(record.diverged_at, record.collapsed)
        self.site.write(
            path,
            "run.html",
            record=record,
            folder=folder,
            tables=self.tables.get(folder, ()),
            command=_command(record),
            settings=[
                *(leaves(part, json.dumps(record.config.get(part))) for part in PARTS),
                leaves("run", json.dumps({k: v for k, v in record.config.items() if k not in PARTS})),
            ],
            environment=leaves("made with", json.dumps(record.environment)),
            trouble=trouble,
            curves=Markup(curves(record, losses)),
            thinned=len(losses) > MOST,
            unknown=unknown,
            sets=sorted({name for entry in record.curve for name in entry.scores}),
        )
        size = _bytes(place) / MEGABYTE
        return {"folder": folder, "path": path, "problem": "", "trouble": trouble} | _summary(record, size)


def _losses(place: Path, record: Record) -> tuple[np.ndarray, str]:
    """The loss of every update, or an empty array and the reason why they are unknown."""
    try:
        return arrays.losses(place / "arrays.npz", record), ""
    except FileNotFoundError:
        return np.empty(0, np.float32), "the record has no arrays.npz"
    except (DamagedError, UnreadableError) as error:
        return np.empty(0, np.float32), portable_text(f"arrays.npz: {error}")


def _command(record: Record) -> str:
    """The command that repeats a run, without folders of this machine."""
    try:
        return portable_command(record.command)
    except ValueError:  # no command line: a quotation mark is not closed
        return portable_text(record.command)


def _summary(record: Record, size: float) -> dict[str, Any]:
    config, cost = record.config, cost_of(record, size)
    return {
        "run_id": record.run_id,
        "status": record.status,
        "collapsed": bool(record.collapsed),
        "finished": record.finished,
        "seed": config["seed"],
        "names": sorted(config["method"]),
        "group": _group(config),
        "score": _score(record),
        "cost": asdict(cost) if cost else None,
    }


def _group(config: Mapping[str, Any]) -> dict[str, str]:
    """The common description of runs that differ only in their seed."""
    methods = [" ".join([name, *_changed(values)]) for name, values in sorted(config["method"].items())]
    data = config["data"]
    amounts = [f"{key}={data[key]}" for key in ("count", "share") if data.get(key) is not None]
    protocol = config["protocol"]
    return {
        "model": str(config["model"].get("label") or config["model"]["name"]),
        "task": str(config["task"].get("label") or config["task"]["name"]),
        "methods": " + ".join(methods),
        "protocol": " ".join(
            [str(protocol.get("name", "")), f"lr={protocol.get('learning_rate')}"]
            + [f"{key}={protocol[key]:g}" for key in ("epochs", "steps") if protocol.get(key) is not None]
            + amounts
        ),
    }


def _changed(values: Mapping[str, Any]) -> list[str]:
    """The numbers among a method's values, which tables vary."""
    return [
        f"{key}={value}"
        for key, value in values.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    ]


def _score(record: Record) -> str:
    """The first score of the last evaluation, in percent."""
    for name, metrics in record.scores.items():
        for metric, value in metrics.items():
            return f"{100 * value:.2f} ({metric}, {name})"
    return ""


@lru_cache(maxsize=512)
def leaves(title: str, text: str) -> Markup:
    """A list of JSON leaves without empty ones, cached: runs of a table share most of them."""
    rows = [(key, value) for key, value in flat(json.loads(text)) if key and value not in (NONE, "")]
    return Markup(environment().get_template("leaves.html").render(title=title, rows=rows))


def _bytes(place: Path) -> int:
    """The size of a record's files; 0 if it was moved away."""
    try:
        with os.scandir(place) as parts:
            return sum(part.stat().st_size for part in parts)
    except OSError:
        return 0


def flat(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """The leaves of nested JSON with their dotted keys."""
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from flat(inner, f"{key}.{name}" if key else str(name))
    elif isinstance(value, list):
        yield key, ", ".join(map(str, value)) or NONE
    else:
        yield key, NONE if value is None or value == {} else value
