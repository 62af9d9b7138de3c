"""`python -m benchmark.store check`: every fault a line, and damaged places moved only by those who hold the lease."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path

import pytest

from benchmark.records.lease import LEASES, Lease
from benchmark.records.store import Store
from benchmark.store import checked
from benchmark.store.__main__ import main
from helpers.records import ID
from helpers.stores import called, record, store

OTHERS = [f"{number:x}" * 16 for number in range(1, 5)]


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    return store(tmp_path / "store", record(), *map(record, OTHERS)).folder


def flip(path: Path) -> bytes:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    return bytes(content)


def old(path: Path) -> Path:
    os.utime(path, (0, time.time() - 100_000))
    return path


def faults(output: str) -> dict[str, str]:
    """The lines but the last, by the names of their places."""
    lines = [line.partition(": ") for line in output.splitlines()[:-1]]
    return {Path(place).name: why for place, _, why in lines}


def test_a_whole_store_is_well(whole: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = called(main, capsys, "check", whole)
    assert status == 0
    assert out.startswith("5 records, 0 failures, no fault; ")
    assert out.count("\n") == 1


def test_every_fault_is_a_line(whole: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = whole / ID / "record.json"
    path.write_text(path.read_text().replace("a processor", "A processor"))
    flip(whole / OTHERS[0] / "arrays.npz")
    (whole / "notes\x1b[2J.txt").write_text("mine")
    (whole / "failures").mkdir()
    (whole / "failures" / f"{ID}-1.json").write_text("{")
    (whole / "unfinished").mkdir()
    (whole / "unfinished" / f"{OTHERS[1]}.pt").write_text("state")
    (whole / "unfinished" / f"{'d' * 16}.pt").write_text("state")  # of a run that is not finished
    (whole / ".writing-old").mkdir()
    (whole / ".writing-new").mkdir()
    old(whole / ".writing-old")
    (whole / LEASES).mkdir(exist_ok=True)
    for name in ("a" * 16, "b" * 16):
        (whole / LEASES / name).write_text("" if name < "b" else "somebody")
        old(whole / LEASES / name)
    (whole / LEASES / ("c" * 16)).write_text("somebody now")
    os.rename(whole / OTHERS[2], whole / f"{OTHERS[2]}-3")
    status, out, _ = called(main, capsys, "check", whole)
    assert status == 1
    assert "\x1b" not in out
    assert {name: why[:38] for name, why in faults(out).items()} == {
        ID: "something in it was changed: its conte",
        "arrays.npz": "they are not what the record's digest ",
        "notes\\x1b[2J.txt": "notes\\x1b[2J.txt is not the id of a ru",
        f"{ID}-1.json": "Expecting property name enclosed in do",
        f"{OTHERS[1]}.pt": "the snapshot of a run that is finished",
        ".writing-old": "was never finished: nothing was writte",
        "a" * 16: "an empty lease that was not renewed fo",
        "b" * 16: "a lease that was not renewed for 27h46",
        f"{OTHERS[2]}-3": "is not found by readers, because there",
    }
    assert out.splitlines()[-1].startswith("5 records, 1 failure, 9 faults; ")


def test_nothing_is_moved_unless_asked_for(whole: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flip(whole / ID / "record.json")
    before = sorted(str(path) for path in whole.rglob("*"))
    called(main, capsys, "check", whole)
    assert sorted(str(path) for path in whole.rglob("*")) == before


def test_damaged_places_are_set_aside_and_not_deleted(
    whole: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    contents = {flip(whole / ID / "record.json"), flip(whole / OTHERS[0] / "arrays.npz"), b"{"}
    (whole / "failures").mkdir()
    (whole / "failures" / f"{ID}-1.json").write_text("{")
    (whole / "mine.txt").write_text("mine")
    status, out, _ = called(main, capsys, "check", whole, "--move")
    assert status == 1
    assert "4 faults, 3 set aside" in out.splitlines()[-1]
    kept = {path.read_bytes() for path in (whole / "set-aside").rglob("*") if path.is_file()}
    assert contents <= kept
    assert len(list((whole / "set-aside").rglob("arrays.npz"))) == 2  # whole runs
    assert (whole / "mine.txt").read_text() == "mine"
    assert list((whole / LEASES).iterdir()) == []
    status, out, _ = called(main, capsys, "check", whole)
    assert list(faults(out)) == ["mine.txt"]
    assert Store(whole).find(ID) is None


def test_a_run_that_is_being_made_is_not_touched(whole: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = flip(whole / ID / "record.json")
    lease = Lease(whole, LEASES, ID)
    assert lease.take()
    try:
        status, out, _ = called(main, capsys, "check", whole, "--move")
    finally:
        lease.release()
    assert status == 1
    assert f"{whole / ID}: stays there, because process {os.getpid()} of " in out
    assert (whole / ID / "record.json").read_bytes() == content


def test_what_is_whole_again_stays(whole: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is looked at again under the lease, since a run may have been made meanwhile."""
    content = (whole / ID / "record.json").read_bytes()
    flip(whole / ID / "record.json")
    monkeypatch.setattr(
        checked.workers, "arrive", lambda folder: (whole / ID / "record.json").write_bytes(content)
    )
    said: list[str] = []
    assert checked.check(Store(whole), True, said.append).moved == 0
    assert said[-1].endswith("stays there, because it is whole by now")
    assert Store(whole).find(ID) is not None


def test_later_records_of_a_run_are_still_found_when_one_before_them_is_gone(whole: Path) -> None:
    for number in (2, 3, 4):
        shutil.copytree(whole / ID, whole / f"{ID}-{number}")
    (whole / f"{ID}-2" / "record.json").write_text("{")
    (whole / f"{ID}-4" / "marked").write_text("")
    assert checked.check(Store(whole), True, lambda line: None).moved == 1
    assert sorted(path.name for path in whole.glob(f"{ID}*")) == [ID, f"{ID}-2", f"{ID}-3"]
    assert (whole / f"{ID}-3" / "marked").exists()


def test_records_of_older_code_are_counted_and_no_fault(
    whole: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = whole / ID / "record.json"
    content = json.loads(path.read_text())
    del content["seal"]
    path.write_text(json.dumps(content))
    status, out, _ = called(main, capsys, "check", whole)
    assert status == 0
    assert "1 record of older code without a seal" in out


def test_a_store_without_a_token_is_checked_too(whole: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (whole / "store.json").unlink()
    assert called(main, capsys, "check", whole)[0] == 0
    assert not (whole / "store.json").exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("check", "nowhere"), "nowhere: there is no such folder"),
        (("check", "."), ".: no store: it has neither a store.json nor a record"),
        (("chekc", "."), "unknown command 'chekc'; did you mean 'check'?"),
        (("import", "to", "nowhere.tar.gz"), "nowhere.tar.gz: there is no such file"),
    ],
)
def test_a_wrong_command_is_refused_in_one_line(
    words: tuple[str, ...], says: str, tmp_path: Path, monkeypatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    status, out, err = called(main, capsys, *words)
    assert (status, out) == (2, "")
    assert err.startswith(f"error: {says}")
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
