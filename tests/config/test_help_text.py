"""The help of a run: all groups and keys, in lines that a terminal holds."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from hydra import compose
from omegaconf import OmegaConf

from benchmark.command import by_folder
from benchmark.config.compose import ROOT, composing
from benchmark.config.explained import GROUPS, KEYS
from benchmark.config.help_text import help_text
from benchmark.config.schema import RunConfig
from benchmark.printable import in_columns


def keys_of(kind: Any, prefix: str = "") -> set[str]:
    hints = get_type_hints(kind)
    keys: set[str] = set()
    for field in fields(kind):
        inner = hints[field.name]
        keys |= keys_of(inner, f"{prefix}{field.name}.") if is_dataclass(inner) else {f"{prefix}{field.name}"}
    return keys


def helped(*overrides: str, places: tuple[Path, ...] = (ROOT / "conf",)) -> list[str]:
    with composing():
        return help_text(compose("config", list(overrides)), places).splitlines()


def test_every_key_of_a_run_has_words() -> None:
    assert keys_of(RunConfig) - {*KEYS} == {*GROUPS} - {"model", "task", "protocol", "data"} | {"table"}
    assert {*KEYS} <= keys_of(RunConfig)


@pytest.mark.parametrize("width", [80, 100])
def test_lines_fit_and_name_every_choice_once(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    lines = helped("method=[hype_n]", "task=squad")
    assert max(map(len, lines)) <= max(width, 100)
    assert max(len(line) for line in lines[5 : lines.index("Change any value with KEY=VALUE. Now:")]) <= width
    methods = lines.index(next(line for line in lines if line.startswith("method:")))
    listed = " ".join(lines[methods + 1 : lines.index("", methods)]).split()
    assert sorted(listed) == sorted(path.stem for path in (ROOT / "conf/method").glob("*.yaml"))


def test_values_are_those_of_the_choices() -> None:
    lines = helped("method=[hype_n]", "protocol=noisytune", "seed=7")
    for setting in ("seed=7", "protocol.epochs=3.0", "method.hype_n.noise=normal", "protocol.values={…}"):
        assert any(line.strip().split("  ")[0] == setting for line in lines), setting


def test_an_interpolation_that_leads_nowhere_stands_as_it_is_written() -> None:
    with composing():
        config = compose("config")
    OmegaConf.update(config, "protocol.epochs", "${nowhere}")
    assert any(line.startswith("  protocol.epochs=${nowhere}") for line in help_text(config, []).splitlines())


def test_choices_of_ones_own_are_among_them(tmp_path: Path) -> None:
    (tmp_path / "task").mkdir()
    (tmp_path / "task" / "of_my_own.yaml").write_text("")
    assert any("of_my_own" in line.split() for line in helped(places=(ROOT / "conf", tmp_path)))


def test_columns_are_read_downwards() -> None:
    assert in_columns(["a", "bb", "c", "d", "e"], 12) == ["    a   d", "    bb  e", "    c"]
    assert in_columns(["longer than the line"], 5) == ["    longer than the line"]
    assert in_columns([], 80) == []


def test_tables_stand_by_paper_in_natural_order() -> None:
    assert by_folder(["b/table10", "b/table9", "a/x"]) == "  a/  x\n  b/  table9, table10"
