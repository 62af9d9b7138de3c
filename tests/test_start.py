"""The start of commands: what is slow to import and not needed stays out of a fresh process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmark.config.compose import ROOT
from benchmark.grids import grid
from benchmark.records.disk import make_writable
from benchmark.records.store import Store

OTHERS = ["evaluate", "sklearn", "wandb", "transformers.pipelines", "transformers.trainer"]
RUNNER = [*OTHERS, "matplotlib", "scipy.stats"]
READER = ["torch", "transformers", "datasets", *OTHERS]
PLANNER = [*READER, "pandas", "pyarrow", "scipy", "matplotlib", "numpy"]
CODE = """
import runpy, sys
module, forbidden, *sys.argv[1:] = sys.argv[1:]
try:
    runpy.run_module(module, run_name="__main__", alter_sys=True)
except SystemExit as end:
    assert not end.code, end.code
print("imported", sorted(set(forbidden.split()) & set(sys.modules)))
"""


def imported(module: str, forbidden: list[str], *words: str) -> str:
    """What a command says at last: which of the ``forbidden`` modules it imported."""
    return said(module, forbidden, *words)[-1]


def said(module: str, forbidden: list[str], *words: str) -> list[str]:
    """What a command prints, with the ``forbidden`` modules that it imported in the last line."""
    done = subprocess.run(
        [sys.executable, "-c", CODE, module, " ".join(forbidden), *words],
        cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    ("task", "methods"), [("opinion", "hype_n"), ("closeness", "noisytune,no_dropout"), ("entities", "")]
)
def test_a_run_imports_no_libraries_but_those_it_needs(task, methods, tmp_path):
    words = [f"task={task}", f"method=[{methods}]", "protocol.epochs=null", "protocol.steps=1"]
    needed = {
        "entities": ["sklearn", "scipy.stats"],
        "closeness": ["scipy.stats"],
    }
    forbidden = [name for name in RUNNER if name not in needed.get(task, [])]
    assert (
        imported("benchmark", forbidden, *words, f"store={tmp_path}", f"cache={ROOT}/.cache") == "imported []"
    )


def test_a_plan_imports_what_composes_and_counts(tmp_path):
    words = ["demo/noisytune", "noisytune/table2", f"store={tmp_path}", "--on", "h100"]
    assert imported("benchmark.plan", PLANNER, *words) == "imported []"


def test_help_imports_what_composes():
    assert imported("benchmark", PLANNER, "--help") == "imported []"


def test_a_table_that_is_all_in_the_store_is_reported_without_torch(tmp_path, record_of):
    words = ["demo/noisytune", "task=opinion", f"store={tmp_path}/store"]
    planned = grid.load(words[0], words[1:])
    store = Store(f"{tmp_path}/store")
    make_writable("store", store.folder)
    for number, run in enumerate(planned.runs):
        store.add(record_of(run.config, {"validation": {"accuracy": 0.5 + number / 100}}), {})
    output = ["--output", str(tmp_path / "tables")]
    words += [f"cache={tmp_path}/cache", *output]
    *first, imports = said("benchmark.reproduce", READER, *words)
    assert imports == "imported []"
    files = {path: path.stat().st_mtime_ns for path in Path(tmp_path, "tables").rglob("*.*")}
    assert {path.name for path in files} >= {"table.md", "table.html"}
    # With nothing new, the report that is there is as good as another.
    *again, imports = said("benchmark.reproduce", PLANNER, *words)
    assert imports == "imported []"
    assert again == first
    assert {path: path.stat().st_mtime_ns for path in files} == files
