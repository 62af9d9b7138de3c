"""The failures of a store's runs, read by one look at their folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

from benchmark.records.reading import DamagedError, UnreadableError, content_of, text_of
from benchmark.records.record import Failure, VersionError


def failures_in(
    folder: Path, run_ids: Iterable[str], warn: Callable[[Path, str], object]
) -> dict[str, list[Failure]]:
    """The readable failures of some runs by run id, oldest first.

    Runs without any are left out. ``warn`` hears of files that are not readable.
    """
    wanted, failures = set(run_ids), dict[str, dict[int, Failure]]()
    for name in _names(folder):
        run_id, _, number = name.removesuffix(".json").partition("-")
        if run_id not in wanted or not name.endswith(".json"):
            continue
        path = folder / name
        try:
            failure = Failure.from_json(content_of(text_of(path)))
            failures.setdefault(run_id, {})[int(number)] = failure
        except FileNotFoundError:
            continue
        except (DamagedError, ValueError, VersionError, UnreadableError) as error:
            why = error if number.isdecimal() else "no number is at the end of its name"
            warn(path, f"not a readable failure ({why}), passed over")
    return {
        run_id: [by_number[number] for number in sorted(by_number)] for run_id, by_number in failures.items()
    }


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []
