"""What `python -m benchmark.status` says of a store: runs that go on, failures, and folders that are none."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from benchmark import status
from benchmark.records.lease import LEASES, Lease
from benchmark.records.looked_at import looked_at
from benchmark.records.ongoing import EVERY, GRID, ONGOING, Note, notes
from benchmark.records.store import Store
from benchmark.runs.failures import failure
from benchmark.runs.noted import noted
from benchmark.runs.request import Run
from benchmark.runs.run import run


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "store")
    store.open()
    return store


def asked(compose, store: Store, *overrides: str) -> Run:
    return Run(compose(f"store={store.folder}", *overrides), purpose="demo/methods")


def answer(store: Path, capsys) -> list[str]:
    assert status.main([str(store), "--once"]) == 0
    return capsys.readouterr().out.splitlines()


def test_a_run_that_goes_on_is_named_with_its_place_and_the_time_left(store, compose, capsys):
    this = asked(compose, store, "seed=4", "method=[hype_n]")
    lease = Lease(store.folder, LEASES, this.id)
    assert lease.take()
    with noted(this, lambda *_: None) as tell:
        tell("updates", 10, 50)
        note = json.loads((store.folder / ONGOING / f"{this.id}.json").read_text())
        note |= {"since": note["at"] - 20, "done": 20, "began": time.time() - 30}
        (store.folder / ONGOING / f"{this.id}.json").write_text(json.dumps(note))
        head, _, row = answer(store.folder, capsys)
    lease.release()
    assert head == f"{store.folder}: 0 in the store, 1 being made"
    assert row.split("  ")[0] == this.id
    assert "embedded opinion [hype_n] seed 4" in row
    assert f"process {os.getpid()} of " in row
    assert "training, 20/50" in row
    assert row.endswith("1m00s")  # 10 updates took 20 s, 30 are to do
    assert not list(notes(store.folder))
    assert answer(store.folder, capsys) == [f"{store.folder}: 0 in the store, 0 being made"]


def test_a_count_that_begins_anew_has_its_own_time(store, compose, monkeypatch):
    clock = iter(range(100, 200, 10))
    monkeypatch.setattr("benchmark.runs.noted.time.time", lambda: float(next(clock)))
    told: list[tuple[int, float]] = []
    monkeypatch.setattr(Note, "tell", lambda self, **known: told.append((known["first"], known["since"])))
    with noted(asked(compose, store), lambda *_: None) as tell:
        for done in (0, 5, 10, 0, 5):
            tell("examples", done, 10)
    assert [first for first, _ in told] == [0] * 5
    assert told[0] == told[1] == told[2] < told[3] == told[4]


def test_a_note_is_seldom_written_and_phases_are_at_once(store, compose, monkeypatch):
    this = asked(compose, store)
    path = store.folder / ONGOING / f"{this.id}.json"
    with noted(this, lambda *_: None) as tell:
        tell("importing", 0, 0)
        tell("loading data and model", 0, 0)
        assert json.loads(path.read_text())["unit"] == "loading data and model"
        before = path.stat().st_ino
        for update in range(1, 1000):
            tell("updates", update, 1000)
        assert path.stat().st_ino == before
        later = time.monotonic() + 100 * EVERY
        monkeypatch.setattr(time, "monotonic", lambda: later)
        tell("updates", 1000, 1000)
        assert json.loads(path.read_text())["done"] == 1000


def test_a_note_that_cannot_be_written_harms_nobody(store, compose):
    (store.folder / ONGOING).write_text("a file in the way")
    with noted(asked(compose, store), lambda *_: None) as tell:
        tell("updates", 1, 2)
    assert (store.folder / ONGOING).read_text() == "a file in the way"


def test_a_store_that_is_gone_is_not_made_anew(tmp_path):
    note = Note(tmp_path / "gone", "0" * 16, {})
    note.tell(done=1)
    note.close()
    assert not (tmp_path / "gone").exists()


def test_a_run_leaves_no_note(store, compose):
    seen: list[tuple[str, bool]] = []
    counts: dict[str, list[tuple[int, int]]] = {}
    this = asked(compose, store, "data.count=32", "protocol.epochs=1")

    def tell(unit: str, done: int, total: int) -> None:
        counts.setdefault(unit, []).append((done, total))
        seen.append((unit, (store.folder / ONGOING / f"{this.id}.json").exists()))

    run(this, tell)
    units = list(dict.fromkeys(unit for unit, _ in seen))
    assert units[:4] == ["importing", "loading data and model", "updates", "evaluation sets"]
    assert units[4:] == ["examples of validation scored"]
    scored = counts[units[4]]
    assert (scored[0][0], scored[-1][0]) == (0, scored[-1][1])
    assert scored == sorted(scored)
    assert len({total for _, total in scored}) == 1
    assert seen[-1][1]
    assert not any((store.folder / ONGOING).iterdir())
    run(this, tell)
    assert seen[-1][0] == "in the store"


def test_a_holder_that_is_silent_is_called_so(store, compose, capsys):
    this = asked(compose, store)
    lease = Lease(store.folder, LEASES, this.id)
    assert lease.take()
    past = time.time() - 300
    os.utime(store.folder / LEASES / this.id, (past, past))
    _, _, row = answer(store.folder, capsys)
    lease.release()
    assert "SILENT for 5m00s" in row
    assert "not told" in row


def test_what_failed_is_told_with_the_reason_until_it_is_done(store, compose, record_of, capsys):
    this = asked(compose, store, "seed=5")
    for why in ("first", "killed by\x1b[31m signal 9"):
        store.add_failure(failure(this, why, "crashed"))
    head, line = answer(store.folder, capsys)
    assert head.endswith("0 being made, 1 FAILED")
    assert (
        line
        == f"failed {this.id} (2 times), embedded opinion [] seed 5: crashed: killed by\\x1b[31m signal 9"
    )
    store.add(record_of(this.config, {"validation": {"accuracy": 0.5}}), {})
    assert answer(store.folder, capsys) == [f"{store.folder}: 1 in the store, 0 being made"]


def test_a_grid_is_told_as_its_command_tells_it(store, capsys):
    note = Note(store.folder, f"{GRID}1", {"table": "hype/table8", "total": 10}, began=time.time() - 60)
    note.tell(done=4, running=2, failed=1)
    _, line = answer(store.folder, capsys)
    assert line.startswith("hype/table8: 4/10 runs, 2 running, 1m30s left, 1 FAILED (process ")
    note.tell(now=True, done=0, running=0, phase="importing")
    assert "hype/table8: 0/10 runs, 0 running, importing (process" in answer(store.folder, capsys)[1]
    os.utime(note.path, (1, 1))  # its command was killed long ago
    assert len(answer(store.folder, capsys)) == 1


def test_a_stopped_run_is_counted(store, compose, capsys):
    path = store.snapshot(asked(compose, store).id)
    path.parent.mkdir()
    path.touch()
    assert answer(store.folder, capsys) == [
        f"{store.folder}: 0 in the store, 0 being made, 1 stopped, to go on from a snapshot"
    ]


@pytest.mark.parametrize("text", ["", "[", "[1]", '{"unit": 3, "done": "x", "total": []}'])
def test_a_damaged_or_half_written_note_stops_nobody(text, store, compose, capsys):
    this = asked(compose, store)
    lease = Lease(store.folder, LEASES, this.id)
    assert lease.take()
    (store.folder / ONGOING).mkdir()
    for name in (this.id, f"{GRID}1"):
        (store.folder / ONGOING / f"{name}.json").write_text(text)
    assert this.id in "\n".join(answer(store.folder, capsys))
    lease.release()


def test_a_failure_of_another_version_is_named(store, compose, capsys):
    path = store.add_failure(failure(asked(compose, store), "why", "crashed"))
    path.write_text(path.read_text().replace('"version": 1', '"version": 7'))
    assert "version 7" in answer(store.folder, capsys)[-1]


def test_an_empty_store_says_so(tmp_path, capsys):
    assert answer(tmp_path, capsys)[-1] == "empty: no run was made here yet"


def test_what_is_no_store_is_refused_in_a_line(tmp_path, capsys):
    assert status.main([str(tmp_path / "no"), "--once"]) == 2
    assert "no such folder" in capsys.readouterr().err
    (tmp_path / "letters").touch()
    assert status.main([str(tmp_path), "--once"]) == 2
    assert "no store, but a folder with other files" in capsys.readouterr().err
    (tmp_path / "store.json").write_text('{"id": "x", "lease": 30, "format": 9}')
    assert status.main([str(tmp_path), "--once"]) == 2
    assert "a store of format 9" in capsys.readouterr().err


def test_looking_writes_nothing(store):
    before = sorted(store.folder.rglob("*"))
    looked_at(store.folder)
    assert sorted(store.folder.rglob("*")) == before


def test_records_of_another_version_are_said_to_be_such(store, record_of, compose, capsys):
    record = record_of(compose(f"store={store.folder}"), {"validation": {"accuracy": 0.5}})
    store.add(record, {})
    assert answer(store.folder, capsys) == [f"{store.folder}: 1 in the store, 0 being made"]
    path = store.folder / record.run_id / "record.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"version": 99}))
    assert answer(store.folder, capsys)[1:] == [
        f"{record.run_id}: a record of version 99, and this code reads version 1"
    ]
