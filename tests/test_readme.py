"""What the README tells people to type works."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable

import pytest

from benchmark import grid
from benchmark.config import ROOT

README = (ROOT / "README.md").read_text()
COMMANDS = [
    line.split("  #")[0].strip() for line in re.findall(r"^    ((?:make|python) .*)$", README, re.MULTILINE)
]
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def test_the_two_set_up_commands_come_first() -> None:
    assert COMMANDS[:2] == ["make demo", "make test"]


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("make")])
def test_every_make_target_exists_and_its_table_can_be_planned(command: str) -> None:
    _, target, *settings = shlex.split(command)
    assert target in TARGETS
    named = dict(setting.split("=", 1) for setting in settings)
    if "TABLE" in named:
        assert grid.load(named["TABLE"], named.get("ARGS", "").split()).cells


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("python -m benchmark ")])
def test_every_command_runs_on_the_shortest_training(
    command: str, cli: Callable[..., tuple[int, str, str]]
) -> None:
    arguments = shlex.split(command)[3:]
    status, output, errors = cli(*arguments, "protocol.epochs=0.1")
    assert (status, errors) == (0, "")
    assert output.count("finished") == (8 if "-m" in arguments else 1)


def test_every_file_it_names_exists() -> None:
    for path in re.findall(r"`((?:conf|sweeps|benchmark|results/(?:published|reference))/)`", README):
        assert (ROOT / path).is_dir(), path
