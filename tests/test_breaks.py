"""The list of deliberate breaks fits the code, and a trial tells what is noticed; `make breaks` tries them all."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from helpers.breaks.listed import PROJECT, Break, Part, parts
from helpers.breaks.trial import noticing, tried

PARTS = parts()
TESTS = ["test_thing.py"]


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
def test_what_is_broken_stands_once_in_its_file_and_the_break_is_code(part: Part) -> None:
    for broken in part.breaks:
        content = broken.of((PROJECT / broken.file).read_text())
        if broken.file.endswith(".py"):
            ast.parse(content)
        else:
            yaml.safe_load(content)
        assert broken.text != broken.instead
    assert part.tests
    for test in part.tests:
        file, _, name = test.partition("::")
        assert f"def {name or 'test'}" in (PROJECT / file).read_text()


def test_no_two_breaks_or_parts_are_one() -> None:
    breaks = [
        (*part.tests, broken.file, broken.text, broken.instead) for part in PARTS for broken in part.breaks
    ]
    assert len(set(breaks)) == len(breaks)
    assert len({part.name for part in PARTS}) == len(PARTS)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of one function and its test."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "thing.py").write_text("def double(x):\n    return 2 * x  # twice\n")
    test = "from thing import double\n\n\ndef test_it():\n    assert double(2) == 4\n"
    (folder / TESTS[0]).write_text(test)
    return folder


@pytest.mark.parametrize(
    ("text", "instead", "test"), [("2 * x", "3 * x", "test_thing.py::test_it"), ("2 * x", "x * x", "")]
)
def test_a_break_is_noticed_by_a_test_that_fails(text: str, instead: str, test: str, project: Path) -> None:
    before = (project / "thing.py").read_text()
    assert noticing(project, TESTS).test == ""
    assert tried(project, Break("thing.py", text, instead, ""), TESTS).test == test
    assert (project / "thing.py").read_text() == before


@pytest.mark.parametrize(
    ("text", "instead", "why"),
    [
        ("return", "retrun", "pytest ended with 2"),  # no test ran
        ("x", "y", r"'x' is there 2 times"),
        ("z", "y", r"'z' is there 0 times"),
        ("2 * x", "__import__('os')._exit(3)", "the session ended with 3"),
    ],
)
def test_what_cannot_be_tried_is_not_noticed(text: str, instead: str, why: str, project: Path) -> None:
    before = (project / "thing.py").read_text()
    with pytest.raises(ValueError, match=why):
        tried(project, Break("thing.py", text, instead, ""), TESTS)
    assert (project / "thing.py").read_text() == before


def test_the_command_tries_a_part_and_counts() -> None:
    command = [sys.executable, "-m", "helpers.breaks"]

    def said(*names: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*command, *names], cwd=PROJECT / "tests", capture_output=True, text=True, check=False
        )

    done = said("no_dropout")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (
        "  by other tests: attention dropout is switched off too (methods/test_no_dropout.py::" in done.stdout
    )
    assert done.stdout.splitlines()[-2:] == ["no_dropout: 1 = 1 by other tests", "all: 1 = 1 by other tests"]
    unknown = said("no_such")
    assert unknown.returncode == 2
    assert "no_such: no such part of the list; valid: " in unknown.stderr
