"""The README's commands work, its files exist, and the table it shows has the shape of the one that is printed."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Callable

import pytest

from benchmark.places import ROOT

README = (ROOT / "README.md").read_text()
ROOMS = ("conf", "sweeps", "results", "benchmark/methods")
PAGES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", *(f"{room}/README.md" for room in ROOMS))
COMMANDS = [
    line.split("  #")[0].strip() for line in re.findall(r"^    ((?:make|python) .*)$", README, re.MULTILINE)
]
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
PRINTED = re.search(r"^    NoisyTune on the embedded tasks\n(?:    .*\n|\n(?=    ))*", README, re.MULTILINE)


def test_it_is_one_page_and_the_two_set_up_commands_come_first() -> None:
    assert len(README.splitlines()) <= 80
    assert COMMANDS[:2] == ["make demo", "make test"]


def test_a_finding_with_its_picture_comes_before_anything_to_type() -> None:
    first = README[: README.index("\n    make")]
    [picture] = re.findall(r"!\[[^]]+\]\((\S+\.svg)\)", first)
    assert (ROOT / picture).is_file()
    tables = "".join(path.read_text() for path in (ROOT / picture).parent.parent.glob("*/table.md"))
    assert len(differences(first)) >= 4
    assert [shown for shown in differences(first) if shown not in tables] == []


def test_what_we_found_is_what_the_tables_say() -> None:
    found = ROOT / "results" / "reference" / "README.md"
    tables = "".join(path.read_text() for path in (found.parent / "campaigns").glob("*/table.md"))
    assert len(differences(found.read_text())) >= 10
    assert [shown for shown in differences(found.read_text()) if shown not in tables] == []


def differences(text: str) -> list[str]:
    """The differences in a text with their intervals, as a table has them."""
    number = r"[−+]\d+\.\d{2,}"
    found = re.findall(rf"({number})(?: points)?\s\[({number}),\s({number})\]", text)
    return ["{} [{}, {}]".format(*(value.replace("−", "-") for value in values)) for values in found]


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


def test_the_table_it_shows_has_the_shape_of_the_one_that_is_printed(
    reproduce: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert PRINTED is not None
    monkeypatch.setenv("COLUMNS", "120")  # a narrower terminal gets the table turned
    status, output, _ = reproduce("demo/noisytune", "protocol.epochs=0.1", "seed=1,2")
    assert status == 0
    shown = shape(PRINTED[0])
    assert len(shown) == 8
    assert shape(output)[:8] == shown


def shape(text: str) -> list[list[str]]:
    """The words of every line of a printed table: without its numbers and ends, which short runs have otherwise."""
    ends = r"\[no spread\]| \(collapsed \d+ runs, plain fine-tuning \d+\)|; without collapses"
    lines = re.sub(ends, "", text).splitlines()
    return [re.findall(r"[A-Za-z][A-Za-z-]*", line) for line in lines if line.strip()]


@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_a_page_names_exists(page: str) -> None:
    text = (ROOT / page).read_text()
    linked = re.findall(r"\]\((?!http)([^)#]+)\)", text)
    named = re.findall(r"`((?:conf|sweeps|benchmark|tests|results/(?:published|reference))/[\w/.]*)`", text)
    named = [path for path in named if not re.search(r"[A-Z]{3,}(?!.*\.md)", path)]  # PAPER/TABLE.yaml
    for path in {*linked, *named}:
        base = (ROOT / page).parent if path in linked else ROOT
        assert (base / path).exists(), path
