"""The first hour: help that is quick, wrong names that are cleared up in a line, and code of one's own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmark.config import searchpath
from benchmark.config.compose import ROOT
from benchmark.errors import nearest, unknown

HELPS = """
import contextlib, io, runpy, sys
wide = []
for name in {names!r}:
    sys.argv = [name, "--help"]
    with contextlib.redirect_stdout(io.StringIO()) as said:
        try:
            runpy.run_module(name, run_name="__main__", alter_sys=True)
        except SystemExit as end:
            assert not end.code, name
    assert "python -m benchmark" in said.getvalue(), name
    wide += [(name, line) for line in said.getvalue().splitlines() if len(line) > 100]
slow = "torch transformers datasets evaluate pandas sklearn matplotlib wandb pyarrow".split()
print(wide, [name for name in slow if name in sys.modules])
"""
METHOD = '''
from dataclasses import dataclass
from benchmark.methods import Method

@dataclass
class Still(Method):
    """Nothing at all."""

    def attach(self, model, context):
        pass
'''


INTERNAL = {
    "benchmark.report.simulations",
    "benchmark.speed.stages",
}  # one writes a page, one is called by a command


def commands() -> list[str]:
    """Every module that is a command with a help of its own."""
    files = (ROOT / "benchmark").rglob("*.py")
    named = [path for path in files if "parser" in path.read_text() and '= "__main__":' in path.read_text()]
    parts = [path.relative_to(ROOT).with_suffix("").parts for path in named]
    names = {".".join(part for part in names if part != "__main__") for names in parts}
    return ["benchmark", *sorted(names - INTERNAL)]


def python(*words: str, folder: Path = ROOT, **more: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT)} | more
    return subprocess.run(
        [sys.executable, *words], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_the_help_of_no_command_is_wide_or_imports_what_is_slow():
    names = commands()
    assert {"benchmark.site", "benchmark.methods", "benchmark.plan", "benchmark.embedded.xtreme"} <= set(
        names
    )
    done = python("-c", HELPS.format(names=names), COLUMNS="100")
    assert (done.returncode, done.stdout) == (0, "[] []\n"), done.stderr


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["benchmark", "help"], "Choose one of each group"),
        (["benchmark.report"], "python -m benchmark.reproduce TABLE"),
        (["benchmark.probes"], "python -m benchmark probe=[NAME]"),
        (["benchmark.reproduce", ""], "no table is named: make … TABLE=demo/noisytune"),
    ],
)
def test_what_people_try_first_is_answered(words, says):
    done = python("-m", *words)
    assert says in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.count("\n") <= 1


@pytest.mark.parametrize(
    ("wrong", "meant"), [("protocol.lr", "learning_rate"), ("bs", "batch_size"), ("WD", "weight_decay")]
)
def test_a_usual_short_name_is_understood(wrong, meant):
    assert f"did you mean {meant!r}?" in nearest(
        wrong, ["batch_size", "epochs", "learning_rate", "weight_decay"]
    )


def test_of_many_names_the_nearest_are_shown_and_the_command_that_lists_all():
    names = [f"method_{number}" for number in range(40)] + ["noisytune"]
    said = str(unknown("method", "noisytun", names))
    assert "did you mean 'noisytune'? (valid: noisytune, " in said
    assert said.endswith("and 36 more: python -m benchmark.methods)")
    assert len(said) < 200
    few = str(unknown("data", "al", ["all", "none"]))
    assert few.endswith("(valid: all, none)")


def test_code_beside_a_named_folder_is_found_and_hides_no_package(tmp_path, monkeypatch):
    (tmp_path / "conf" / "method").mkdir(parents=True)
    (tmp_path / "conf/method/still.yaml").write_text("# @package method.still\n_target_: ours_alone.Still\n")
    (tmp_path / "ours_alone.py").write_text(METHOD)
    (tmp_path / "elsewhere").mkdir()
    words = [f"hydra.searchpath=[file://{tmp_path}/conf]", "method=[still]", "protocol.epochs=null"]
    done = python(
        "-m", "benchmark", *words, "protocol.steps=1", f"store={tmp_path}/store", f"cache={ROOT}/.cache",
        folder=tmp_path / "elsewhere", BENCHMARK_TRUSTED="ours_alone",
    )  # fmt: skip
    assert done.stdout.startswith("finished"), done.stderr
    monkeypatch.setattr(sys, "path", before := list(sys.path))
    searchpath.with_ours(words)
    assert before[-1] == str(tmp_path)


def test_the_environment_finds_the_package_from_any_folder(tmp_path):
    lines = subprocess.run(
        ["make", "--dry-run", "--always-make", "env"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    [line] = [line for line in lines if "this-checkout.pth" in line]
    make_own = [sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "own")]
    subprocess.run(make_own, check=True)
    own = str(tmp_path / "own/bin/python")
    subprocess.run(["bash", "-c", line.replace(".venv/bin/python", own)], cwd=ROOT, check=True)
    code = "import importlib.util; print(importlib.util.find_spec('benchmark').origin)"
    found = subprocess.run(
        [own, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True, env={}
    )
    assert found.stdout.strip() == str(ROOT / "benchmark/__init__.py")
