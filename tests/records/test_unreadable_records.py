"""Records that cannot be read now, that are links or of old, and texts in them that must do nothing."""

from __future__ import annotations

import errno
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from benchmark import report
from benchmark.grids import grid
from benchmark.grids.grid import Grid
from benchmark.records import reading
from benchmark.runs.finished import load_records
from benchmark.runs.run import Run, run
from helpers import damage, readers
from helpers.readers import asked, damaged, store_of


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Grid:
    """A grid of four runs with their records."""
    return readers.made(tmp_path_factory.mktemp("whole") / "store")


@pytest.fixture
def planned(whole: Grid, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Grid:
    """The grid with a store of the test's own; every command loads it."""
    planned = readers.copied(whole, tmp_path / "store")
    monkeypatch.setattr(grid, "load", lambda *_: planned)
    return planned


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
