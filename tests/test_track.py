"""A store that W&B is told of later: every record once, however often it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmark import track
from benchmark.grids import grid
from benchmark.records.record import Record
from benchmark.records.store import Store
from benchmark.runs import wandb_pipe
from benchmark.runs.told import DIGEST, MOST, digest
from helpers.stores import called
from helpers.wandb_server import KEY, ServedRun, Server, none_left, pointed_at, serving

TABLE = "demo/noisytune"
UPDATES = 2500  # more than a history has lines
LOSSES = {"losses": np.linspace(1, 0, UPDATES, dtype=np.float32)}
Asked = Callable[..., tuple[int, str, str]]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Server]:
    with serving() as running:
        pointed_at(running, monkeypatch, tmp_path)
        yield running
        assert none_left(running)
        assert running.strangers == []


@pytest.fixture
def stored(records: Callable[..., dict[str, Record]], tmp_path: Path) -> tuple[Path, dict[str, Record]]:
    """A store with four of a table's runs, and a folder for what W&B writes."""
    store = Store(tmp_path / "store")
    store.open()
    made = records(grid.load(TABLE, ["task=opinion"]), {1: 60.0, 2: 61.0}, {1: 63.0, 2: 64.0})
    long = {name: replace(one, curve=[replace(one.curve[0], step=UPDATES)]) for name, one in made.items()}
    return store.folder, {name: store.add(record, LOSSES) for name, record in long.items()}


@pytest.fixture
def asked(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Asked:
    return lambda *words: called(track.main, capsys, *words, f"tracker.folder='{tmp_path / 'wandb'}'")


def test_every_record_is_told_once(
    stored: tuple[Path, dict[str, Record]], asked: Asked, server: Server
) -> None:
    folder, made = stored
    status, out, _ = asked(folder)
    assert (status, out) == (0, "4 records sent to finetuning-noise-benchmark, 0 there already\n")
    assert server.runs.keys() == made.keys()
    for run_id, record in made.items():
        told = server.runs[run_id]
        assert (told.inserted, told.exit_code) == (1, 0)
        assert told.summary[DIGEST] == digest(record.to_json())
        assert told.summary["validation/accuracy"] == record.scores["validation"]["accuracy"]
        assert told.config["run_id"] == run_id
        losses = [line["loss"] for line in told.history if "loss" in line]
        assert MOST / 2 < len(losses) <= MOST
        assert np.mean(losses) == pytest.approx(0.5, abs=0.01)
        assert told.steps("loss")[-1] == UPDATES
    requests = server.asked["UpsertBucket"], server.asked["file_stream"]
    assert asked(folder)[1] == "0 records sent to finetuning-noise-benchmark, 4 there already\n"
    assert (server.asked["UpsertBucket"], server.asked["file_stream"]) == requests


def test_a_run_that_was_heard_in_part_is_made_complete(
    stored: tuple[Path, dict[str, Record]], asked: Asked, server: Server
) -> None:
    folder, made = stored
    name = next(iter(made))
    heard = server.runs[name] = ServedRun(name)
    heard.lines = {place: {"_step": place + 1, "loss": 9.0} for place in range(700)}
    status, out, _ = asked(folder)
    assert (status, out.split(",")[0]) == (0, "4 records sent to finetuning-noise-benchmark")
    assert [line["loss"] for line in heard.history[:700]] == [9.0] * 700
    assert heard.steps("loss")[700:] == [
        step for step in server.runs[list(made)[1]].steps("loss") if step > 700
    ]
    assert heard.summary[DIGEST] == digest(made[name].to_json())


def test_a_record_that_is_another_now_is_told_again(
    stored: tuple[Path, dict[str, Record]], asked: Asked, server: Server
) -> None:
    folder, made = stored
    asked(folder)
    name, record = next(iter(made.items()))
    (folder / name).rename(folder.parent / "old")
    again = replace(record, finished="2026-02-02T00:00:00+00:00")
    Store(folder).add(again, LOSSES)
    assert asked(folder)[1] == "1 records sent to finetuning-noise-benchmark, 3 there already\n"
    assert server.runs[name].summary[DIGEST] == digest(again.to_json()) != digest(record.to_json())
    assert server.runs[name].inserted == 1


def test_the_records_of_a_table_are_its_group(
    stored: tuple[Path, dict[str, Record]], asked: Asked, server: Server
) -> None:
    assert asked(stored[0], TABLE, "tracker.project=mine")[0] == 0
    told = server.runs.values()
    assert {run.told["groupName"] for run in told} == {TABLE}
    assert {run.told["project"] for run in told} == {"mine"}
    assert sorted(run.told["jobType"] for run in told) == ["noisytune", "noisytune", "vanilla", "vanilla"]


def test_a_record_that_cannot_be_told_keeps_none_from_it(
    stored: tuple[Path, dict[str, Record]], asked: Asked, server: Server
) -> None:
    folder, made = stored
    bad, *others = made
    (folder / bad / "record.json").write_text("{")
    status, out, err = asked(folder)
    assert (status, out) == (1, "3 records sent to finetuning-noise-benchmark, 0 there already, 1 left out\n")
    assert bad in err
    assert sorted(server.runs) == sorted(others)


@pytest.mark.parametrize("ill", ["closed", "error", "field"])
def test_a_server_that_is_ill_is_a_line(
    stored: tuple[Path, dict[str, Record]], asked: Asked, server: Server, ill: str
) -> None:
    if ill == "closed":
        server.shutdown()
        server.server_close()
    server.ill = ill
    status, out, err = asked(stored[0])
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("error: W&B: ")
    assert "0 records were sent; the same command goes on from here" in err
    assert KEY not in err


def test_what_cannot_be_told_is_refused_before_anything_is_asked(
    stored: tuple[Path, dict[str, Record]],
    asked: Asked,
    server: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    empty = tmp_path / "empty"
    Store(empty).open()
    for words, said in (
        ([stored[0], "demo/noisytun"], "did you mean 'demo/noisytune'?"),
        ([stored[0], "hype/table8"], "no record of hype/table8 is there yet"),
        ([stored[0], "seed=3"], "seed=3: not a setting of the tracker"),
        ([tmp_path / "nowhere"], "there is no such folder"),
        ([empty], "no record is there yet"),
    ):
        status, out, err = asked(*words)
        assert (status, out, err.count("\n")) == (2, "", 1)
        assert said in err
    monkeypatch.setattr(wandb_pipe, "Pipe", None)
    monkeypatch.delenv("WANDB_API_KEY")
    assert "there is no account of W&B: set WANDB_API_KEY" in asked(stored[0])[2]
    monkeypatch.setenv("WANDB_MODE", "offline")
    assert "W&B is to be offline" in asked(stored[0])[2]
    assert server.asked.total() == 0
