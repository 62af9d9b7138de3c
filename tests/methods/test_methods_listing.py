"""`python -m benchmark.methods` lists every method there is a file for, somebody else's included."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmark.config.compose import ROOT
from benchmark.methods.__main__ import listing, main

OURS = ROOT / "conf" / "method"
THEIRS = """
from benchmark.methods import Method

class Shrink(Method):
    def after(self, update):
        pass
"""


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")


def written(folder: Path, text: str, name: str = "mine") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.yaml").write_text(f"# @package method.{name}\n{text}")
    return folder


def block(output: str, name: str) -> list[str]:
    """The lines on the class of the method called ``name``, without their indentation."""
    [found] = [part for part in output.split("\n\n") if f"\n  {name} " in part]
    return [line.strip() for line in found.splitlines()]


def test_every_method_file_is_listed() -> None:
    assert {entry.name for entry in listing(OURS)} == {path.stem for path in OURS.glob("*.yaml")}


@pytest.mark.parametrize("entry", listing(OURS), ids=lambda entry: entry.name)
def test_every_method_of_ours_names_its_paper_and_its_cost(entry) -> None:
    assert {"paper", "cost"} <= vars(entry.method).keys(), "of its own, not of the class it is built on"
    assert entry.method.paper
    assert entry.method.cost


def test_a_method_is_shown_with_paper_hooks_cost_and_values(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    title, *rest = block(capsys.readouterr().out, "lnsr")
    assert title.startswith("LNSR: ")
    assert rest[:3] == [
        "paper:   Hua et al., NAACL 2021",
        "acts at: attach, beside, loss",
        "cost:    +1 pass; +2 with dropout off",
    ]
    assert " ".join(rest[3:]).split() == [
        *("lnsr", "sigma=0.001,", "layer=1,", "scale=1.0,", "weights=null,"),
        *("reduction=sum,", "tokens=real,", "dropout=shared"),
    ]


def test_files_of_one_class_stand_together(capsys: pytest.CaptureFixture[str]) -> None:
    main([])
    names = [line.split()[0] for line in block(capsys.readouterr().out, "r4f")]
    assert [name for name in names if name.startswith("r")] == ["r3f", "r3f_released", "r4f"]


def test_nothing_is_wider_than_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    main([])
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 120


@pytest.mark.parametrize("inside", ["", "method"], ids=["a folder of methods", "a folder of a search path"])
def test_the_methods_of_another_folder_can_be_listed(
    inside: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written(tmp_path / inside, "_target_: benchmark.methods.noisytune.NoisyTune\nintensity: 0.3\n")
    assert main([str(tmp_path)]) == 0
    assert block(capsys.readouterr().out, "mine")[-1].split() == ["mine", "intensity=0.3"]


def test_a_method_that_says_nothing_of_itself_is_listed_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "strangers_shrink.py").write_text(THEIRS)
    monkeypatch.syspath_prepend(tmp_path)
    written(tmp_path / "conf", "_target_: strangers_shrink.Shrink\n")
    assert main([str(tmp_path / "conf")]) == 0
    assert block(capsys.readouterr().out, "mine") == [
        "Shrink",
        "paper:   –",
        "acts at: after",
        "cost:    –",
        "mine  –",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("share: 0.5\n", ["mine.yaml", "`_target_`"]),
        ("_target_: benchmark.methods.noisytune.NoisyTun\n", ["method.mine._target_", "NoisyTun"]),
        ("_target_: pathlib.Path\n", ["method.mine._target_", "not trusted"]),
        (
            "_target_: benchmark.errors.BenchmarkError\n",
            ["method.mine._target_", "not a benchmark.methods.Method"],
        ),
        ("a: [\n", ["mine.yaml"]),
    ],
)
def test_a_file_that_is_no_method_is_refused_by_name(
    text: str, said: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(written(tmp_path, text))]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert [part for part in said if part not in error] == [], error


def test_a_copy_that_kept_its_header_is_not_listed_under_another_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written(tmp_path, "_target_: benchmark.methods.noisytune.NoisyTune\n").joinpath("mine.yaml").rename(
        tmp_path / "theirs.yaml"
    )
    assert main([str(tmp_path)]) == 2
    assert "theirs.yaml: declares method.mine" in capsys.readouterr().err


def test_a_folder_without_methods_is_refused_by_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path / "nowhere")]) == 2
    assert f"{tmp_path / 'nowhere'}: no method here" in capsys.readouterr().err


def test_help_says_how_to_list_other_folders(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "python -m benchmark.methods conf /your/conf" in capsys.readouterr().out
