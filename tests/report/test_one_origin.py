"""A mean never mixes runs of other data, weights or tokenizer behind the same names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from benchmark import report
from benchmark.grids import grid
from benchmark.grids.grid import Grid
from benchmark.records.record import Record
from benchmark.report.one_origin import of_one_origin

SCORES = {1: 80, 2: 82, 3: 90}
OLDEST, OLD, NEW = (f"202{year}-01-01T00:00:00+00:00" for year in (5, 6, 7))
CHANGES = {
    "weights": lambda record: replace(record.model, digest="1" * 64),
    "tokenizer": lambda record: replace(record.model, tokenizer="1" * 64),
    "data": lambda record: replace(record.data, digests={"opinion/train": "1" * 64}),
    "the code of theirs": lambda record: {"theirs": "1" * 64},
}


@pytest.fixture
def planned() -> Grid:
    return grid.load("demo/noisytune", ["task=opinion", "seed=1,2,3"])


@pytest.fixture
def mixed(
    planned: Grid, records: Callable[..., dict[str, Record]]
) -> Callable[[str, str], dict[str, Record]]:
    """``mixed(what, finished)``: the records of seed 3 are of another origin, and were ``finished`` then."""

    def made(what: str, finished: str) -> dict[str, Record]:
        found = {}
        for run_id, record in records(planned, SCORES, SCORES).items():
            model = replace(record.model, digest="0" * 64, tokenizer="0" * 64)
            data = replace(record.data, digests={"opinion/train": "0" * 64})
            record = replace(record, model=model, data=data, own_code={"theirs": "0" * 64}, finished=OLD)
            if record.config["seed"] == 3:
                part = {"data": "data", "the code of theirs": "own_code"}.get(what, "model")
                changed = {part: CHANGES[what](record)}
                record = replace(record, finished=finished, **changed)
            found[run_id] = record
        return found

    return made


@pytest.mark.parametrize("what", CHANGES)
@pytest.mark.parametrize(("finished", "mean", "left"), [(NEW, 90.0, 2), (OLDEST, 81.0, 4)])
def test_only_the_newest_origin_is_averaged(
    what: str,
    finished: str,
    mean: float,
    left: int,
    planned: Grid,
    mixed: Callable[..., dict[str, Record]],
    tmp_path: Path,
) -> None:
    found = mixed(what, finished)
    report.write(planned, found, tmp_path / "out")
    numbers = pd.read_csv(tmp_path / "out" / "table.csv")
    assert set(numbers["score_mean"]) == {mean}
    assert (
        f"{6 - left} runs have another origin than the newest ({what}"
        in (tmp_path / "out" / "table.md").read_text()
    )


def test_records_of_one_origin_and_old_ones_without_digests_stay_together(
    planned: Grid, records: Callable[..., dict[str, Record]]
) -> None:
    found = records(planned, SCORES, SCORES)
    assert of_one_origin(planned, found) == (found, [])
    old, *_ = found
    found[old] = replace(found[old], model=replace(found[old].model, digest=None, tokenizer=None))
    assert of_one_origin(planned, found) == (found, [])
