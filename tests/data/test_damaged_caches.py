"""What the project has cached and finds cut or foreign is set aside and made anew; a full disk is one line."""

from __future__ import annotations

import errno
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmark.config.schema import RunConfig
from benchmark.damage import healed, is_full
from benchmark.embedded.folder import built_once
from benchmark.errors import BenchmarkError, one_line
from benchmark.models import pretrained
from benchmark.places import ROOT
from benchmark.records import writing
from benchmark.records.record import Record
from benchmark.runs.run import Run, run
from benchmark.tasks import load

CACHE = ROOT / ".cache"

Damage = Callable[[Path], None]


def halved(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def foreign(path: Path) -> None:
    """Another file of the same format."""
    import pyarrow

    table = pyarrow.table({"other": [1, 2, 3]})
    with pyarrow.OSFile(str(path), "wb") as file, pyarrow.ipc.new_stream(file, table.schema) as writer:
        writer.write_table(table)


def fewer(path: Path) -> None:
    """The same columns with half of the rows: a file that was cut between two batches."""
    import pyarrow

    with pyarrow.OSFile(str(path)) as file:
        table = pyarrow.ipc.open_stream(file).read_all()
    half = table.slice(0, len(table) // 2).combine_chunks()
    with pyarrow.OSFile(str(path), "wb") as file, pyarrow.ipc.new_stream(file, half.schema) as writer:
        writer.write_table(half)


@pytest.fixture
def config(tiny: Callable[..., RunConfig], tmp_path: Path) -> RunConfig:
    """A run with a cache of its own, in which the embedded encoder and tasks are built already."""
    shutil.copytree(CACHE / "embedded" / "encoder-1", tmp_path / "cache" / "embedded" / "encoder-1")
    shutil.copytree(CACHE / "embedded" / "tasks-1", tmp_path / "cache" / "embedded" / "tasks-1")
    return replace(tiny(), cache=str(tmp_path / "cache"))


def read(config: RunConfig) -> list[list[int]]:
    task = load(config, pretrained.tokenizer(config.model, Path(config.cache)))
    return [ids.tolist() for ids in task.evaluation["validation"].ids]


@pytest.mark.parametrize("damage", [halved, emptied, foreign, fewer], ids=lambda damage: damage.__name__)
@pytest.mark.parametrize("folder", ["tokens", "parquet"])
def test_a_damaged_cache_is_made_anew(
    folder: str, damage: Damage, config: RunConfig, caplog: pytest.LogCaptureFixture
) -> None:
    whole, cache = read(config), Path(config.cache)
    files = sorted((cache / folder).rglob("*.arrow"))
    assert len(files) == 2
    if folder == "parquet":
        shutil.rmtree(cache / "tokens")  # else the rows are counted, and not read
    for path in files:
        damage(path)
    assert read(config) == whole
    assert caplog.text.count("made anew") == 2
    assert len(list((cache / "set-aside").iterdir())) == 2
    caplog.clear()
    assert read(config) == whole
    assert caplog.text == ""


def test_what_fails_for_another_reason_fails_as_before(tmp_path: Path) -> None:
    def fails() -> None:
        raise ValueError("of its own")

    with pytest.raises(ValueError, match="of its own"):
        healed(tmp_path / "cache" / "tokens" / "absent", fails, lambda made: True)


@pytest.mark.parametrize("folder", ["tokens", "parquet"])
def test_a_file_in_place_of_a_folder_of_the_cache_is_one_line(folder: str, config: RunConfig) -> None:
    place = Path(config.cache) / folder
    place.touch()
    with pytest.raises(OSError, match=folder) as error:
        run(Run(config))
    assert one_line(error.value) == f"{place} is a file, and a folder is wanted there: move it away"


@pytest.mark.parametrize("folder", ["digests", "packing", "set-aside"])
def test_what_is_only_kept_for_the_next_time_need_not_be_kept(folder: str, config: RunConfig) -> None:
    (Path(config.cache) / folder).touch()
    assert run(Run(config)).status == "finished"


def test_what_is_in_the_way_is_named_wherever_it_is(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("/nothing")
    wanted = "and a folder is wanted there: move it away"
    for made, line in (
        (lambda: (tmp_path / "file").mkdir(exist_ok=True), f"{tmp_path}/file is a file, {wanted}"),
        (lambda: (tmp_path / "file" / "x").mkdir(), f"{tmp_path}/file is a file, {wanted}"),
        (lambda: (tmp_path / "file" / "x").open("w"), f"{tmp_path}/file is a file, {wanted}"),
        (lambda: (tmp_path / "link").mkdir(exist_ok=True), f"{tmp_path}/link is a link to nothing, {wanted}"),
        (lambda: tmp_path.open("w"), f"{tmp_path} is a folder, and a file is wanted there: move it away"),
    ):
        with pytest.raises(OSError, match=str(tmp_path)) as error:
            made()
        assert one_line(error.value) == line


def test_damage_that_cannot_be_moved_away_is_named(tmp_path: Path) -> None:
    place = tmp_path / "cache" / "tokens" / "x.arrow"
    place.parent.mkdir(parents=True)
    place.write_text("cut")
    (tmp_path / "cache" / "set-aside").touch()
    with pytest.raises(PermissionError) as error:
        healed(place, lambda: None, lambda _: False)
    assert one_line(error.value) == f"{place}: it is damaged, and could not be moved away: remove it"


def test_a_full_disk_is_no_damage(tmp_path: Path) -> None:
    (tmp_path / "cached").write_text("whole")

    def fails() -> None:
        raise RuntimeError("around it") from OSError(errno.ENOSPC, "No space left on device", "/store/x")

    with pytest.raises(RuntimeError) as error:
        healed(tmp_path / "cached", fails, lambda made: True)
    assert (tmp_path / "cached").read_text() == "whole"
    line = one_line(error.value)
    assert is_full(error.value)
    assert line is not None
    assert line.startswith("no space left on the disk of /store/x")


@pytest.mark.parametrize("damage", [halved, emptied, Path.unlink], ids=["halved", "emptied", "gone"])
def test_a_folder_that_the_project_built_is_built_anew(damage: Damage, tmp_path: Path) -> None:
    def build(folder: Path) -> None:
        (folder / "weights").write_bytes(b"12345678")
        (folder / "more").mkdir()
        (folder / "more" / "words.txt").write_text("a b c")

    folder = built_once(tmp_path / "cache" / "embedded" / "thing-1", build)
    (folder / "added.txt").write_text("of the user's")
    assert built_once(folder, lambda _: pytest.fail("built again")) == folder
    damage(folder / "more" / "words.txt")
    built_once(folder, build)
    assert (folder / "more" / "words.txt").read_text() == "a b c"
    [kept] = (tmp_path / "cache" / "set-aside").iterdir()
    assert (kept / "thing-1" / "added.txt").read_text() == "of the user's"


def test_a_finished_run_is_kept_if_the_store_is_full(
    tiny: Callable[..., RunConfig], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, write, elsewhere = tiny("data.count=16"), writing.written, tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(elsewhere))

    def full(record: Record, arrays: dict[str, np.ndarray], folder: Path) -> Path:
        if folder == Path(config.store):
            raise OSError(errno.ENOSPC, "No space left on device", str(folder))
        return write(record, arrays, folder)

    monkeypatch.setattr(writing, "written", full)
    this = Run(config)
    with pytest.raises(BenchmarkError, match="No space left on device") as error:
        run(this)
    assert "\n" not in str(error.value)
    [kept] = elsewhere.glob(".writing-*")
    assert str(kept) in str(error.value)
    [failure] = this.store.failures(this.id)
    assert str(tmp_path) not in json.dumps(failure.to_json())
    kept.rename(Path(config.store) / this.id)
    assert run(this).status == "finished"
    assert this.store.arrays(this.id)["losses"].size
