"""`model=FOLDER` takes a checkpoint of one's own; names of files in conf/model stay names."""

from __future__ import annotations

from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from benchmark.config.own_model import quoted, with_own_model
from benchmark.errors import BenchmarkError
from helpers.checkpoints import checkpoint


@pytest.mark.parametrize(
    "arguments",
    [
        ["model=minilm", "seed=2"],
        ["model=roberta_bas"],
        ["-m", "model=minilm,embedded"],
        ["model=minilm", "model.id=/a/b"],
        ["+sweeps=demo/noisytune", "model.id=/a/b"],
        ["~model", "model.id=/a/b", "model.name=x"],
        [],
    ],
)
def test_choices_stay_as_they_are(arguments: list[str]) -> None:
    assert with_own_model(arguments) == arguments


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (
            ["model=/a/my-bert", "seed=2"],
            ["seed=2", "~model", "model.id='/a/my-bert'", "model.name='my-bert'"],
        ),
        (["model=/a/b/"], ["~model", "model.id='/a/b'", "model.name='b'"]),
        (["model='/a/b c'"], ["~model", "model.id='/a/b c'", "model.name='b c'"]),
        (["model=~/b", "model.name=x"], ["model.name=x", "~model", "model.id='~/b'"]),
        (["model=me/it"], ["~model", "model.id='me/it'", "model.name='it'"]),
        (["model.id=../b"], ["model.id=../b", "~model", "model.name='b'"]),
        (["-m", "model.id=/a,/b"], ["-m", "model.id=/a,/b", "~model", "model.name='own'"]),
    ],
)
def test_folders_and_hub_ids_are_spelt_out(arguments: list[str], expected: list[str]) -> None:
    assert with_own_model(arguments) == expected


def test_a_file_of_ones_own_goes_before_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny" / "config.json").write_text("{}")
    assert with_own_model(["model=tiny"]) == ["~model", "model.id='tiny'", "model.name='tiny'"]
    (tmp_path / "conf" / "model").mkdir(parents=True)
    (tmp_path / "conf" / "model" / "tiny.yaml").write_text("name: tiny")
    arguments = ["model=tiny", f"hydra.searchpath=[file://{tmp_path}/conf]"]
    assert with_own_model(arguments) == arguments


def test_several_folders_are_no_choice() -> None:
    with pytest.raises(BenchmarkError, match=r"model\.id=/a,/b"):
        with_own_model(["-m", "model=/a,/b"])


@pytest.mark.parametrize("value", ["a b", "it's", "a,b", "[x]", "${y}", "\\'"])
def test_a_quoted_value_is_read_back(value: str) -> None:
    override = OverridesParser.create().parse_override(f"model.id={quoted(value)}")
    assert override.value() == value.replace("${", "${")


def test_a_run_takes_a_folder(cli, tmp_path: Path) -> None:
    folder = checkpoint(tmp_path / "my model", max_position_embeddings=64)
    status, out, err = cli(f"model={folder}", "data.count=16", "protocol.epochs=1")
    assert (status, err) == (0, "")
    assert "my model" in out
