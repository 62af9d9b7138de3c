"""One damaged record of a store: it is named once, costs one run, and nothing is moved, for every reader."""

from __future__ import annotations

import errno
import json
import logging
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from benchmark import claims, plan, report, reproduce
from benchmark.command import OneLine
from benchmark.grids import grid
from benchmark.grids.grid import Grid
from benchmark.records import reading
from benchmark.records.store import Store
from benchmark.report import evidence
from benchmark.runs import tracking
from benchmark.runs.finished import load_records
from benchmark.runs.hits import Hits
from benchmark.runs.run import Run, run
from helpers import damage
from helpers.hand_made import claim

TABLE = "demo/noisytune"
CHANGES = ("task=opinion", "seed=1,2", "protocol.epochs=null", "protocol.steps=3", "data.count=64")
LIMIT = 20  # seconds of one question


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Grid, Path]:
    """A grid of four runs, and a store with their records."""
    folder = tmp_path_factory.mktemp("whole") / "store"
    planned = grid.load(TABLE, [*CHANGES, f"store={folder}", f"cache={Path(__file__).parents[2] / '.cache'}"])
    for one in planned.runs:
        run(Run(one.config))
    shutil.rmtree(folder / "unfinished", ignore_errors=True)
    planned = replace(planned, table=planned.table | {"claims": [claim(where=["opinion"])]})
    return planned, folder


@pytest.fixture
def planned(whole: tuple[Grid, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Grid:
    """The grid with a store of the test's own; every command loads it."""
    shutil.copytree(whole[1], tmp_path / "store")
    runs = [replace(one, config=replace(one.config, store=str(tmp_path / "store"))) for one in whole[0].runs]
    planned = replace(whole[0], runs=runs)
    monkeypatch.setattr(grid, "load", lambda *_: planned)
    return planned


def store_of(planned: Grid) -> Store:
    return Store(planned.runs[0].config.store)


def damaged(planned: Grid) -> str:
    """The id of the run whose record is damaged: the first with a method."""
    return next(one.run_id for one in planned.runs if one.config.method)


class Heard(tracking.Tracker):
    def __init__(self, told: list[str]) -> None:
        self.told = told

    def track(self, record: Any, arrays: Any, purpose: Any, new: bool) -> None:
        tracking.Told.of(record, arrays)
        self.told.append(record.run_id)


def by_plan(planned: Grid) -> Any:
    return plan.plan([TABLE], [], False).splitlines()[-1].split()[1:4]  # runs, done, to do


def by_report(planned: Grid) -> Any:
    hits = Hits(store_of(planned))
    records, missing = reproduce.look_up(planned, hits)
    shown = evidence.gathered(planned, records, hits.store.arrays)
    return shown, {one.run_id for one in missing}, set(hits.unknown)


def by_ledger(planned: Grid) -> Any:
    return claims.Judging(store_of(planned), [])(TABLE)


def by_tracker(planned: Grid) -> Any:
    told: list[str] = []
    store = store_of(planned)
    for one in planned.runs:
        try:
            record = store.find(one.run_id)
        except reading.UnreadableError as error:
            logging.getLogger("tracker").warning("%s", error)
            continue
        if record is not None:
            tracking.track({"_target_": "heard"}, record, store.arrays(one.run_id), None, True)
    return told


READERS: dict[str, Callable[[Grid], Any]] = {
    "plan": by_plan,
    "report": by_report,
    "ledger": by_ledger,
    "tracker": by_tracker,
}


@contextmanager
def limited() -> Iterator[None]:
    """No reader waits for ever."""

    def late(*_: object) -> None:
        raise TimeoutError("a reader waits")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(LIMIT)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def tree(folder: Path) -> dict[str, Any]:
    """Everything in a store, by path."""
    return {
        str(path.relative_to(folder)): (path.lstat().st_mode, path.lstat().st_size, path.lstat().st_mtime_ns)
        for path in folder.rglob("*")
    }


def asked(
    planned: Grid, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> dict[str, tuple[Any, list[str]]]:
    """By reader: what it answers, and its lines as a terminal shows them. Nothing in the store has changed."""
    told: list[str] = []
    monkeypatch.setattr(tracking, "build", lambda _: Heard(told))
    monkeypatch.setattr(tracking, "broken", set())
    before, answers = tree(store_of(planned).folder), {}
    for name, reader in READERS.items():
        caplog.clear()
        with limited():
            answer = reader(planned)
        lines = [OneLine("%(message)s").format(record) for record in caplog.records]
        assert all(line.isprintable() and len(line) < 1000 for line in lines)
        answers[name] = told if name == "tracker" else answer, lines
    assert tree(store_of(planned).folder) == before
    assert tracking.broken == set()
    return answers


def scores(shown: Any, without: str = "") -> pd.DataFrame:
    frame = shown.frame
    return frame[frame["run_id"] != without][["run_id", "status", "score"]].reset_index(drop=True)


@pytest.fixture(scope="module")
def usual(whole: tuple[Grid, Path]) -> pd.DataFrame:
    """The scores of the undamaged store."""
    return by_report(whole[0])[0]


@pytest.mark.parametrize(("kind", "name"), damage.VARIANTS, ids=lambda value: value)
def test_a_damaged_record_is_named_once_and_costs_its_run_alone(
    kind: str,
    name: str,
    planned: Grid,
    usual: Any,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    victim, every = damaged(planned), {one.run_id for one in planned.runs}
    damage.damage(store_of(planned).folder / victim, kind, name)
    answers = asked(planned, caplog, monkeypatch)
    lost = kind != "arrays"
    for reader, (_, lines) in answers.items():
        assert len(lines) == (0 if kind == "arrays" and reader == "plan" else 1), (reader, lines)
        assert all(victim in line for line in lines)
    shown, missing, unknown = answers["report"][0]
    assert missing == ({victim} if lost and kind != "unknown" else set())
    assert unknown == ({victim} if kind == "unknown" else set())
    assert answers["plan"][0] == ["4", "3" if lost else "4", str(len(missing))]
    assert set(answers["tracker"][0]) == (every - {victim} if lost else every)
    without = victim if lost else ""
    pd.testing.assert_frame_equal(scores(shown, without), scores(usual, without))
    assert not lost or scores(shown).set_index("run_id")["score"].isna()[victim]


@pytest.mark.parametrize("number", ["EMFILE", "EIO", "ESTALE", "EACCES", "ENOMEM", "ETIMEDOUT", "ELOOP"])
def test_a_record_that_cannot_be_read_now_is_unknown_and_not_made_again(
    number: str, planned: Grid, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    victim, whole_open = damaged(planned), os.open

    def failing(path: Any, *rest: Any, **named: Any) -> int:
        if victim in str(path):
            code = getattr(errno, number)
            raise OSError(code, os.strerror(code), str(path))
        return whole_open(path, *rest, **named)

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", failing)
        answers = asked(planned, caplog, patch)
        config = next(one.config for one in planned.runs if one.run_id == victim)
        with pytest.raises(reading.UnreadableError, match="cannot be read now"):
            run(Run(config))
        assert victim not in load_records(planned)
    for reader, (_, lines) in answers.items():
        assert [victim in line for line in lines] == [True], (reader, lines)
    _, missing, unknown = answers["report"][0]
    assert (missing, unknown, answers["plan"][0]) == (set(), {victim}, ["4", "3", "0"])
    assert len(load_records(planned)) == 4


def test_a_record_that_is_moved_into_place_while_it_is_looked_for_is_found(
    planned: Grid, monkeypatch: pytest.MonkeyPatch
) -> None:
    victim, whole_open = damaged(planned), os.open
    folder = store_of(planned).folder / victim
    folder.rename(folder.with_name("aside"))

    def arriving(path: Any, *rest: Any, **named: Any) -> int:
        try:
            return whole_open(path, *rest, **named)
        except FileNotFoundError:
            folder.with_name("aside").rename(folder)
            raise

    monkeypatch.setattr(os, "open", arriving)
    assert store_of(planned).find(victim).run_id == victim


def test_a_record_that_is_a_link_to_a_whole_one_elsewhere_is_read(
    planned: Grid, caplog: pytest.LogCaptureFixture
) -> None:
    folder = store_of(planned).folder / damaged(planned)
    shutil.move(folder, folder.parent.parent / "elsewhere")
    folder.symlink_to(folder.parent.parent / "elsewhere")
    assert len(load_records(planned)) == 4
    assert caplog.text == ""


def test_a_record_without_a_seal_is_read_as_older_code_wrote_it(
    planned: Grid, caplog: pytest.LogCaptureFixture
) -> None:
    for one in planned.runs:
        path = store_of(planned).folder / one.run_id / "record.json"
        content = json.loads(path.read_text())
        assert set(content.pop("seal")) == {"record", "arrays"}
        del content["environment"]["deterministic"]
        path.write_text(json.dumps(content))
    assert len(load_records(planned)) == 4
    assert store_of(planned).arrays(damaged(planned))
    assert caplog.text == ""


@pytest.mark.parametrize("text", damage.SAFE.values(), ids=damage.SAFE.keys())
def test_texts_of_a_record_do_nothing_in_any_form_of_a_report(
    text: str, planned: Grid, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = store_of(planned)
    for one in planned.runs:
        path = store.folder / one.run_id / "record.json"
        content = json.loads(path.read_text())
        del content["seal"]
        content["environment"]["device"] = text
        path.write_text(json.dumps(content))
    report.write(planned, load_records(planned), tmp_path / "out", store.arrays)
    shown = capsys.readouterr().out
    assert all(line.isprintable() for line in shown.splitlines())
    forms = {
        suffix: (tmp_path / "out" / f"table.{suffix}").read_text() for suffix in ("md", "tex", "html", "csv")
    }
    assert not any(danger in forms["html"] for danger in ("<script>", "<img"))
    assert not any(danger in forms["tex"] for danger in ("\\input{", "\\write18"))
    assert not any(danger in forms["md"] for danger in ("<script>", "<img", " a | b", "**bold**"))
    assert "\n=" not in forms["csv"]
    assert ",=" not in forms["csv"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("-1", "no JSON"),
        ("-1", "[]"),
        ("-x", "{}"),
        ("-1", '{"run_id": 7}'),
        ("-1", "[" * 100_000),
        ("-", "null"),
    ],
)
def test_a_failure_that_cannot_be_read_is_passed_over_with_a_line(
    name: str, content: str, planned: Grid, caplog: pytest.LogCaptureFixture
) -> None:
    store = store_of(planned)
    (store.folder / "failures").mkdir()
    path = store.folder / "failures" / f"{damaged(planned)}{name}.json"
    path.write_text(content)
    assert store.failures(damaged(planned)) == []
    assert [record.getMessage().count(path.name) for record in caplog.records] == [1]


def test_a_tracker_goes_on_after_a_record_that_it_cannot_be_told(
    planned: Grid, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(tracking, "build", lambda _: Heard(told))
    monkeypatch.setattr(tracking, "broken", set())
    first, second, *_ = load_records(planned).values()
    bad = replace(first, config={"method": {}})
    for record in (bad, second):
        tracking.track({"_target_": "heard"}, record, {}, None, True)
    assert told == [second.run_id]
    [line] = caplog.records
    assert f"the record {bad.run_id} cannot be told" in line.getMessage()
