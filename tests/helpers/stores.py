"""Small stores of hand-made records, and the commands that work on stores, in this process."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmark.records.record import Record
from benchmark.records.store import Store
from helpers.records import ARRAYS, ID, RECORD


def record(run_id: str = ID, **changes: Any) -> Record:
    """The hand-made record under another id, with changes."""
    return replace(deepcopy(RECORD), run_id=run_id, **changes)


def elsewhere(device: str = "another processor", **changes: Any) -> Record:
    """The hand-made record as another machine would have made it."""
    return record(environment=RECORD.environment | {"device": device}, **changes)


def store(folder: Path, *records: Record, arrays: Mapping[str, np.ndarray] = ARRAYS) -> Store:
    """A store with records, all of the same arrays."""
    made = Store(folder)
    made.open()
    for one in records:
        made.add(one, arrays)
    return made


def other_bits() -> dict[str, np.ndarray]:
    """The hand-made arrays with one bit of a loss changed."""
    losses = ARRAYS["losses"].copy()
    losses.view(np.uint32)[0] ^= 1
    return {**ARRAYS, "losses": losses}


def called(
    main: Callable[[list[str]], int], capsys: pytest.CaptureFixture[str], *words: str | Path
) -> tuple[int, str, str]:
    """The exit status, stdout and stderr of a command."""
    capsys.readouterr()
    root, handlers = logging.getLogger(), logging.getLogger().handlers
    root.handlers = []
    try:
        status = main([str(word) for word in words])
    except SystemExit as stop:
        status = stop.code if isinstance(stop.code, int) else 1
    finally:
        root.handlers = handlers
    output = capsys.readouterr()
    return status, output.out, output.err
