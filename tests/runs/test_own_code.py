"""A record says which code of the user's own it was made with, and counts for that code alone."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.util import spec_from_file_location
from pathlib import Path

import pytest

from benchmark.config.schema import RunConfig
from benchmark.digests import sha256
from benchmark.records.record import Record
from benchmark.runs import own_code
from benchmark.runs.hits import Hits
from benchmark.runs.plugins import check_plugins
from benchmark.runs.run import Run, assemble, run

METHOD = """
from dataclasses import dataclass
from theirs.base import Start

@dataclass
class Shrink(Start):
    share: float = 0.5

    def attach(self, model, context):
        model.classifier.weight.data.mul_(1 - self.share)
"""
BASE = "from benchmark.methods import Method\n\nclass Start(Method):\n    pass\n"
BUILDER = (
    "from benchmark.embedded.encoder import build as ours\n\ndef build(cache):\n    return ours(cache)\n"
)
FILES = {"__init__": "", "base": BASE, "shrink": METHOD, "helper": "", "models": BUILDER}


def forget() -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "theirs"]:
        del sys.modules[name]


@pytest.fixture
def change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], None]]:
    """A function that adds a line to a module of the package theirs, as another process would find it."""
    (tmp_path / "theirs").mkdir()
    for name, text in FILES.items():
        (tmp_path / "theirs" / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    forget()

    def add(name: str, line: str) -> None:
        path = tmp_path / "theirs" / f"{name}.py"
        path.write_text(path.read_text() + line)
        forget()

    yield add
    forget()


@pytest.fixture
def config(change: object, tiny: Callable[..., RunConfig], tmp_path: Path) -> RunConfig:
    method = {"shrink": {"_target_": "theirs.shrink.Shrink", "share": 0.25}}
    return replace(tiny("data.count=16"), method=method, store=str(tmp_path / "store"))


def found(config: RunConfig) -> Record | None:
    this = Run(config)
    return Hits(this.store).find(config, this.id)


@pytest.mark.parametrize("module", ["shrink", "base"])
def test_a_record_of_other_code_is_not_taken_for_this_run(
    module: str, change: Callable[[str, str], None], config: RunConfig, caplog: pytest.LogCaptureFixture
) -> None:
    first = run(Run(config))
    assert sorted(first.own_code) == ["theirs.base", "theirs.shrink"]
    assert found(config) == first
    change("helper", "# not a class that the configuration names\n")
    assert found(config) == first
    change(module, "# another\n")
    assert found(config) is None
    assert "theirs" not in sys.modules, "looking into the store imports nothing"
    second = run(Run(config))
    assert f"the code of theirs.{module} changed since the record {first.run_id} was made" in caplog.text
    assert (second.run_id, second.own_code.keys()) == (first.run_id, first.own_code.keys())
    assert run(Run(config)) == second == found(config)


def test_an_older_record_and_code_that_is_not_here_are_not_compared(
    change: Callable[[str, str], None], config: RunConfig, tmp_path: Path
) -> None:
    first = run(Run(config))
    path = Path(config.store) / first.run_id / "record.json"
    stored = json.loads(path.read_text())
    for file in (tmp_path / "theirs").glob("*.py"):
        file.unlink()
    assert found(config) == first
    del stored["own_code"], stored["seal"]
    path.write_text(json.dumps(stored))
    (tmp_path / "theirs" / "shrink.py").write_text("another")
    assert found(config) is not None


def test_builders_have_code_and_ours_is_not_named(config: RunConfig, tmp_path: Path) -> None:
    models = replace(config.model, builder="theirs.models.build")
    digest = sha256([tmp_path / "theirs" / "models.py"])
    assert own_code.loaded(replace(config, model=models, method={})) == {"theirs.models": digest}
    ours = {"noise": {"_target_": "benchmark.methods.noisytune.NoisyTune"}}
    assert own_code.loaded(replace(config, method=ours)) == {}


def test_code_that_was_changed_while_a_process_uses_it_is_the_old_code(
    config: RunConfig, tmp_path: Path
) -> None:
    first = own_code.loaded(config)
    (tmp_path / "theirs" / "shrink.py").write_text("another")
    assert own_code.loaded(config) == first
    assert own_code.present("theirs.shrink") != first["theirs.shrink"]


def test_a_snapshot_of_other_code_is_not_continued(
    change: Callable[[str, str], None], config: RunConfig
) -> None:
    ready = assemble(Run(config))
    change("shrink", "# another\n")
    assert assemble(Run(config)).snapshot.stamp != ready.snapshot.stamp


def test_code_that_is_edited_after_the_early_check_is_the_code_that_was_checked(
    config: RunConfig, tmp_path: Path
) -> None:
    digest = sha256([tmp_path / "theirs" / "shrink.py"])
    check_plugins(config)
    (tmp_path / "theirs" / "shrink.py").write_text("another")
    assert own_code.loaded(config)["theirs.shrink"] == digest


def test_code_that_a_finder_of_its_own_finds_has_a_digest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.py").write_text("")

    class Editable:
        """What an editable installation adds to Python."""

        @staticmethod
        def find_spec(name: str, path: object = None, target: object = None) -> object:
            return spec_from_file_location(name, tmp_path / "mine.py") if name == "mine" else None

    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Editable])
    monkeypatch.setattr(own_code, "TRUSTED", {"benchmark", "mine"})
    assert own_code.present("mine") == sha256([tmp_path / "mine.py"])
    assert own_code.files() == [tmp_path / "mine.py"]
