"""`model=FOLDER` takes a checkpoint of one's own; names of files in conf/model stay names."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from benchmark.config.own_model import each_own_model, quoted, with_own_model
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
            ["~model", "model.id='/a/my-bert'", "model.name='my-bert'", "seed=2"],
        ),
        (["model=/a/b/"], ["~model", "model.id='/a/b'", "model.name='b'"]),
        (["model='/a/b c'"], ["~model", "model.id='/a/b c'", "model.name='b c'"]),
        (["model=~/b", "model.name=x"], ["~model", "model.id='~/b'", "model.name=x"]),
        (["model=a/b", "seed=1,2", "-m"], ["~model", "model.id='a/b'", "model.name='b'", "seed=1,2", "-m"]),
        (["-m", "model=a/b", "seed=1,2"], ["-m", "~model", "model.id='a/b'", "model.name='b'", "seed=1,2"]),
        (["model=me/it"], ["~model", "model.id='me/it'", "model.name='it'"]),
        (["model.id=../b"], ["model.id=../b", "~model", "model.name='b'"]),
        (["model=.."], ["~model", "model.id='..'", f"model.name='{Path.cwd().parent.name}'"]),
        (["model=~"], ["~model", "model.id='~'", "model.name='home'"]),
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


def test_each_of_several_folders_has_a_name_of_its_own() -> None:
    first, second = each_own_model(["-m", "model.id=/a/x,~/'y'", "seed=1,2"])
    assert first == ["-m", "model.id='/a/x'", "~model", "model.name='x'", "seed=1,2"]
    assert [second[1], second[3]] == ["model.id='~/\\'y\\''", "model.name='\\'y\\''"]
    names = [line[3] for line in each_own_model(["-m", "model.id=/a/x,/b/x,/b/y,/a/x"])]
    assert names[2] == "model.name='y'"
    assert names[0] == names[3]
    assert len({*names}) == 3
    assert all(re.fullmatch(r"model\.name='x-[0-9a-f]{4}'", name) for name in names[:2])
    with pytest.raises(BenchmarkError, match=r"list the folders, as in model\.id=A,B"):
        each_own_model(["-m", "model.id=choice(/a,/b)"])


@pytest.mark.parametrize(
    "arguments",
    [["-m", "model.id=/a,/b", "model.name=x"], ["-m", "model=minilm", "model.id=/a,/b"], ["-m", "seed=1,2"]],
)
def test_names_that_are_given_stay(arguments: list[str]) -> None:
    assert each_own_model(arguments) == [with_own_model(arguments)]


def test_two_folders_of_one_name_have_records_of_their_own(cli, tmp_path: Path) -> None:
    places = [checkpoint(tmp_path / name / "my bert", max_position_embeddings=64) for name in "ab"]
    named = ",".join(f"'{place}'" for place in places)
    status, out, err = cli("-m", f"model.id={named}", "data.count=16", "protocol.epochs=1")
    assert (status, err) == (0, "")
    records = [json.loads(path.read_text()) for path in tmp_path.rglob("record.json")]
    names = {record["config"]["model"]["name"] for record in records}
    assert len(names) == 2
    assert all(name in out and name.startswith("my bert-") for name in names)
    assert "null" not in records[0]["command"]


def test_several_folders_are_no_choice(tmp_path: Path) -> None:
    for value in ("/a,/b", f"{tmp_path},b/"):
        with pytest.raises(BenchmarkError, match=r"a choice is one model; for several give model\.id=/"):
            with_own_model(["-m", f"model={value}"])
    folder = tmp_path / "a, b"
    folder.mkdir()
    assert f"model.id='{folder}'" in with_own_model([f"model={folder}/"])


@pytest.mark.parametrize("value", ["a b", "it's", "a,b", "[x]", "${y}", "\\'"])
def test_a_quoted_value_is_read_back(value: str) -> None:
    override = OverridesParser.create().parse_override(f"model.id={quoted(value)}")
    assert override.value() == value.replace("${", "${")


def test_a_run_takes_a_folder(cli, tmp_path: Path) -> None:
    folder = checkpoint(tmp_path / "my model", max_position_embeddings=64)
    status, out, err = cli(f"model={folder}", "data.count=16", "protocol.epochs=1")
    assert (status, err) == (0, "")
    assert "my model" in out
