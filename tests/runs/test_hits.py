"""A record is found only for what it is of: other data, weights, tokenizer or revision behind a name is another run."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import huggingface_hub.constants
import pytest
from pyarrow import Table, parquet

from benchmark import digests
from benchmark.config.schema import RunConfig, SplitConfig
from benchmark.models import model_files
from benchmark.places import ROOT
from benchmark.records.record import Record
from benchmark.records.store import Store
from benchmark.runs import hits
from benchmark.runs.hits import Hits
from benchmark.runs.run import Run, run

CACHE = ROOT / ".cache"

REPO, FIRST, SECOND = "me/mine", "1" * 40, "2" * 40
WORDS = ("good", "bad")
Edit = Callable[["Place"], None]


class Place:
    """A hub's cache with a data set, a folder with a model, and the configuration of a run on both."""

    def __init__(self, folder: Path, config: RunConfig) -> None:
        self.hub, self.model = folder / "hub", folder / "model"
        self.data = self.hub / "datasets--me--mine"
        shutil.copytree(CACHE / "embedded" / "encoder-1", self.model)
        self.revise(FIRST)
        model = replace(config.model, id=str(self.model), builder=None, revision=None)
        splits = {name: SplitConfig(config="mine", split=name) for name in ("train", "validation")}
        task = replace(
            config.task,
            repo=REPO,
            revision=None,
            builder=None,
            train=splits["train"],
            evaluate={"dev": splits["validation"]},
        )
        self.config = replace(config, model=model, task=task, cache=str(folder / "cache"))

    def revise(self, revision: str, flipped: bool = False) -> None:
        """Make ``revision`` of the data the newest; ``flipped`` turns the labels round."""
        (self.data / "refs").mkdir(parents=True, exist_ok=True)
        (self.data / "refs" / "main").write_text(revision)
        for split, size in (("train", 16), ("validation", 8)):
            rows = [{"sentence": f"a {WORDS[i % 2]} one", "label": (i + flipped) % 2} for i in range(size)]
            path = self.data / "snapshots" / revision / "mine" / f"{split}-00000-of-00001.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            parquet.write_table(Table.from_pylist(rows), path)

    def run(self) -> Record:
        return run(Run(self.config))

    def found(self) -> Record | None:
        this = Run(self.config)
        return Hits(this.store).find(this.config, this.id)

    def numbers(self) -> list[str]:
        """The folders of records in the store."""
        return sorted(path.parent.name[16:] for path in Path(self.config.store).glob("*/record.json"))


@pytest.fixture
def place(tmp_path: Path, tiny: Callable[..., RunConfig], monkeypatch: pytest.MonkeyPatch) -> Place:
    made = Place(tmp_path, replace(tiny("data.count=16"), store=str(tmp_path / "store")))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(made.hub))
    return made


def other_weights(place: Place) -> None:
    path = place.model / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(bytes(content))


def other_tokenizer(place: Place) -> None:
    path = place.model / "tokenizer.json"
    path.write_text(path.read_text().replace('"[UNK]"', '"[UNK]" '))


CHANGES: dict[str, tuple[Edit, str]] = {
    "data in place": (lambda place: place.revise(FIRST, flipped=True), "data mine/train"),
    "revision": (lambda place: place.revise(SECOND, flipped=True), "data mine/train"),
    "weights": (other_weights, "weights"),
    "tokenizer": (other_tokenizer, "tokenizer"),
}


@pytest.mark.parametrize(("edit", "name"), CHANGES.values(), ids=CHANGES)
def test_what_changed_is_another_run_and_the_old_record_stays(
    edit: Edit, name: str, place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    first = place.run()
    assert place.run() == first == place.found()
    assert place.numbers() == [""]
    edit(place)
    assert place.found() is None
    second = place.run()
    assert name in caplog.text
    assert "changed" in caplog.text
    assert second.changed(first.origins())
    assert place.run() == second
    assert place.numbers() == ["", "-2"]
    assert (
        Record.from_json(json.loads((Path(place.config.store) / first.run_id / "record.json").read_text()))
        == first
    )


def test_each_revision_finds_its_own_record_and_arrays(place: Place) -> None:
    first = place.run()
    place.revise(SECOND, flipped=True)
    second = place.run()
    for revision, record, labels in ((FIRST, first, [0, 1]), (SECOND, second, [1, 0])):
        (place.data / "refs" / "main").write_text(revision)
        this = Run(place.config)
        assert Hits(this.store).find(this.config, this.id) == record
        assert this.store.arrays(this.id)["targets/dev"][:2].tolist() == labels
    assert place.numbers() == ["", "-2"]


def test_the_same_content_is_no_change(place: Place) -> None:
    first = place.run()
    for path in [*place.model.iterdir(), *place.data.rglob("*.parquet")]:
        path.write_bytes(path.read_bytes())
    (place.model / "notes.md").write_text("of mine")
    place.revise(SECOND)
    assert place.run() == first


def test_what_is_not_here_is_not_compared(place: Place) -> None:
    first = place.run()
    for folder in (place.data, place.model, Path(place.config.cache)):
        shutil.rmtree(folder)
        assert place.found() == first


def test_files_that_were_not_touched_are_not_read(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    first = place.run()

    def read(*_: object) -> None:
        raise AssertionError("read")

    monkeypatch.setattr(digests, "sha256", read)
    monkeypatch.setattr(model_files, "folder_of", read)
    monkeypatch.setattr(hits.data, "files", read)
    assert place.found() == first


def test_a_damaged_note_is_made_anew(place: Place) -> None:
    first = place.run()
    for damage in (
        b"",
        b"{",
        b"[]",
        b'{"version": 1}',
        b'{"version": 1, "watched": {}, "groups": {"a": 1}, "facts": {}}',
    ):
        for path in (Path(place.config.cache) / digests.FOLDER).iterdir():
            path.write_bytes(damage)
        assert place.found() == first
    other_weights(place)
    assert place.found() is None


def test_a_record_of_a_name_alone_stands(place: Place) -> None:
    """Older records have no digest of a tokenizer, nor of a hub's weights."""
    first = place.run()
    path = Path(place.config.store) / first.run_id / "record.json"
    stored = json.loads(path.read_text())
    del stored["model"]["tokenizer"], stored["seal"]
    stored["model"]["digest"] = None
    path.write_text(json.dumps(stored))
    other_tokenizer(place)
    other_weights(place)
    assert place.found() is not None


def test_a_snapshot_of_other_data_is_not_continued(place: Place) -> None:
    from benchmark.runs.run import assemble

    ready = assemble(Run(place.config))
    ready.snapshot.path.parent.mkdir(parents=True)
    head = ready.snapshot.full_stamp()
    place.revise(FIRST, flipped=True)
    assert assemble(Run(place.config)).snapshot.full_stamp() != head


def test_a_hit_takes_well_under_a_millisecond(place: Place) -> None:
    this = Run(place.config)
    place.run()
    store = Store(place.config.store)
    store.find(this.id), Hits(store).find(place.config, this.id)
    seconds = []
    for _ in range(50):
        started = time.process_time()
        Hits(store).find(place.config, this.id)
        seconds.append(time.process_time() - started)
    assert min(seconds) < 5e-3  # a millisecond, and room for a slow machine
