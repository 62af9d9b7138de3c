"""The package works where it is installed, away from a checkout: its files are found, and so is a stranger's method."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from benchmark.places import ROOT

METHOD = '''"""Shrink: a smaller head."""

from dataclasses import dataclass

from benchmark.methods import Method


@dataclass
class Shrink(Method):
    share: float = 0.5

    def attach(self, model, setting):
        model.classifier.weight.data.mul_(1 - self.share)
'''


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of installed packages with ours in it; a wheel of pure Python is installed by unpacking it."""
    if importlib.util.find_spec("hatchling") is None:
        pytest.skip("hatchling is not here to build the wheel: `make env` installs it")
    built = tmp_path_factory.mktemp("built")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(built)]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    [wheel] = built.glob("*.whl")
    folder = tmp_path_factory.mktemp("site")
    zipfile.ZipFile(wheel).extractall(folder)
    return folder


def call(site: Path, folder: Path, *arguments: str) -> str:
    """The output of ``python -m …`` in an empty ``folder``, with the installed copy and what lies in ``folder``."""
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=folder,
        env=os.environ
        | {
            "PYTHONPATH": f"{site}{os.pathsep}{folder}",
            "OMP_NUM_THREADS": "1",
            "BENCHMARK_TRUSTED": "theirs",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_brings_what_the_code_reads(site: Path) -> None:
    for path in ("conf/config.yaml", "sweeps/hype/table8.yaml", "results/published/hype/table8.yaml"):
        assert (site / "benchmark" / "project" / path).read_text() == (ROOT / path).read_text()
    assert (site / "benchmark" / "py.typed").is_file()
    assert not (site / "tests").exists()


def test_a_table_is_reported_beside_the_papers_numbers(site: Path, tmp_path: Path) -> None:
    shown = call(site, tmp_path, "benchmark.reproduce", "pats/table3")
    assert "PATS, Table 3: search ranges" in shown
    assert "agrees" in shown
    assert (tmp_path / "results" / "tables" / "pats" / "table3" / "table.csv").is_file()


def test_a_method_in_ones_own_package_is_run(site: Path, tmp_path: Path) -> None:
    (tmp_path / "theirs.py").write_text(METHOD)
    (tmp_path / "conf" / "method").mkdir(parents=True)
    theirs = tmp_path / "conf" / "method" / "shrink.yaml"
    theirs.write_text("# @package method.shrink\n_target_: theirs.Shrink\nshare: 0.25\n")
    search = f"hydra.searchpath=[file://{tmp_path / 'conf'}]"
    small = ("data.count=32", "protocol.epochs=1", f"cache='{ROOT / '.cache'}'")
    assert "[rdrop,shrink]" in call(site, tmp_path, "benchmark", search, "method=[shrink,rdrop]", *small)
    [path] = (tmp_path / "results" / "runs").glob("*/record.json")
    record = json.loads(path.read_text())
    assert record["config"]["method"]["shrink"]["share"] == 0.25
    assert record["environment"]["code"]["commit"] is None  # of an installed copy git can say nothing
