"""What the README tells people to type works."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Callable

import pytest

from benchmark.config.compose import ROOT

README = (ROOT / "README.md").read_text()
COMMANDS = [
    line.split("  #")[0].strip() for line in re.findall(r"^    ((?:make|python) .*)$", README, re.MULTILINE)
]
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def test_the_two_set_up_commands_come_first() -> None:
    assert COMMANDS[:2] == ["make demo", "make test"]


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("make")])
def test_every_make_target_exists(command: str) -> None:
    assert shlex.split(command)[1] in TARGETS


@pytest.mark.parametrize("command", [c for c in COMMANDS if "TABLE=" in c])
def test_every_table_command_gets_through_make(command: str) -> None:
    settings = shlex.split(command)[2:]
    done = subprocess.run(["make", "plan", *settings], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "to do" in done.stdout


@pytest.mark.parametrize("command", [c for c in COMMANDS if "TABLE=demo/" in c])
def test_every_demo_table_is_made(command: str, reproduce: Callable[..., tuple[int, str, str]]) -> None:
    named = dict(setting.split("=", 1) for setting in shlex.split(command)[2:])
    status, output, _ = reproduce(named["TABLE"], "protocol.epochs=0.1", "--args", named["ARGS"])
    assert status == 0
    assert "plain fine-tuning" in output


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
