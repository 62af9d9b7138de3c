"""What is kept or shared names no folder above the working one, no user and no password."""

from __future__ import annotations

import json
import os
import shlex
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from benchmark.config.schema import RunConfig
from benchmark.errors import BenchmarkError
from benchmark.places import ROOT
from benchmark.privacy import portable, portable_command, portable_text
from benchmark.runs.failures import failure
from benchmark.runs.run import Run, run

CACHE = ROOT / ".cache"

TEXTS = {
    "no file /home/me/data/x.csv (see /opt/y/z)": "no file …/x.csv (see …/z)",
    "'file:///home/me/conf'": "'…/conf'",
    "~/models/m and ~me/m": "…/m and …/m",
    'File "/usr/lib/python3.11/json/decoder.py", line 3': 'File "json/decoder.py", line 3',
    'File "/x/venv/lib/python3.11/site-packages/torch/nn/a.py"': 'File "torch/nn/a.py"',
    "5/32 updates, and/or, a/b/c, https://hf.co/me/mine": "5/32 updates, and/or, a/b/c, https://hf.co/me/mine",
    "https://me:secret@host/x": "https://***@host/x",
    "no ../../jane/models/m, in a/../../b/c.csv": "no …/m, in …/c.csv",
    "~ and .. and ../ and ... stay, so does 1../2": "~ and .. and ../ and ... stay, so does 1../2",
    "token hf_abcdefghijklmnopqrstuvwx": "token ***",
}


@pytest.mark.parametrize(("text", "shown"), TEXTS.items(), ids=range(len(TEXTS)))
def test_messages_name_the_last_part(text: str, shown: str) -> None:
    assert portable_text(text) == shown


def test_a_known_folder_may_have_spaces() -> None:
    assert portable_text("/a b/my models/m: no", ["/a b/my models/m"]) == "…/m: no"


def test_values_that_are_no_paths_stay() -> None:
    value = {"labels": ["/", "n/a", "a/b"], "id": "me/mine", "text": ["/x"], "rate": 0.5, "none": None}
    assert portable(value) == value
    assert portable({"id": "/m", "split": [{"repo": "/home/me/d"}], "note": "see /home/me/d"}) == {
        "id": "m",
        "split": [{"repo": "d"}],
        "note": "see d",
    }
    outside = {"id": "../../jane/m", "repo": "a/../../d e/rows", "folder": "~jane", "note": "of ../jane/x"}
    assert portable(outside) == {"id": "m", "repo": "rows", "folder": "~", "note": "of x"}


def test_the_home_folder_has_no_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "jane" / "work").mkdir(parents=True)
    monkeypatch.setenv("HOME", f"{tmp_path}/jane")
    monkeypatch.chdir(tmp_path / "jane" / "work")
    assert [portable({"id": place})["id"] for place in ("~", "~/", "..", f"{tmp_path}/jane", "../work")] == [
        *("~", "~", "~", "~"),
        "work",
    ]
    command = portable_command(f"x model.id=.. store={tmp_path}/jane")
    assert shlex.split(command) == ["x", "model.id=~", "store=~"]


def test_the_value_of_a_secret_variable_is_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_API_KEY", "0123456789abcdef")
    monkeypatch.setenv("NO_TOKENS", "visible-value")
    assert portable({"label": "0123456789abcdef visible-value"}) == {"label": "*** visible-value"}


def test_a_command_has_paths_that_can_be_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    command = (
        f"python -m benchmark model.id={tmp_path}/models/m 'store=/else/where' 'cache=~/my dir/c' "
        "'hydra.searchpath=[file:///a b/conf,../../jane/conf]' 'task.labels=[/,a/b]' model=./m task.repo=../../jane/d"
    )
    assert shlex.split(portable_command(command)) == [
        *("python", "-m", "benchmark", "model.id=./models/m", "store=./where", "cache=./c"),
        *("hydra.searchpath=[file://./conf,./conf]", "task.labels=[/,a/b]", "model=./m", "task.repo=./d"),
    ]
    monkeypatch.chdir("/")
    assert portable_command("x=/home/me/m") == "x=./m"


@pytest.fixture
def named(tiny: Callable[..., RunConfig], tmp_path: Path) -> Run:
    """A run of a model's folder and of secret-bearing texts."""
    folder = tmp_path / "my models" / "m"
    shutil.copytree(CACHE / "embedded" / "encoder-1", folder)
    config = tiny("data.count=16")
    model = replace(config.model, id=str(folder), builder=None, revision=None, label=f"of {tmp_path}/x")
    config = replace(config, model=model)
    return Run(config, f"python -m benchmark 'model.id={folder}' store={config.store} cache={tmp_path}/c")


def test_a_record_names_no_folder(named: Run, tmp_path: Path) -> None:
    record = run(named)
    for path in Path(named.config.store).rglob("*"):
        if path.is_file():
            assert str(tmp_path).encode() not in path.read_bytes(), path
    assert str(tmp_path) not in json.dumps(record.to_json())
    assert record.model.id == record.config["model"]["id"] == "m"
    assert record.command.startswith("python -m benchmark model.id=./m store=./store")


def test_a_failure_names_no_folder(named: Run, tmp_path: Path) -> None:
    try:
        (tmp_path / "absent" / "x").read_text()
    except OSError as error:
        noted = failure(named, error)
    text = json.dumps(noted.to_json())
    assert str(tmp_path) not in text
    assert os.path.expanduser("~") + "/" not in text
    assert "tests/test_privacy.py" in noted.traceback
    assert str(tmp_path) not in failure(named, BenchmarkError(f"{tmp_path}/my models/m: no")).error
