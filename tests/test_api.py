"""The five names of the Python API, each imported when it is first used."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import benchmark
from benchmark.config.compose import ROOT
from benchmark.grids import grid
from benchmark.records.disk import make_writable
from benchmark.records.store import Store
from benchmark.runs.run import run

HEAVY = {"torch", "transformers", "datasets", "pandas", "hydra", "omegaconf"}


def loaded_by(code: str) -> set[str]:
    """The heavy libraries that a new interpreter has after ``code``."""
    names = f"{code}\nimport sys\nprint(*{HEAVY!r} & sys.modules.keys())"
    output = subprocess.run(
        [sys.executable, "-c", names], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(output.stdout.split())


def test_importing_the_package_imports_no_library() -> None:
    assert loaded_by("import benchmark\nbenchmark.__all__") == set()


def test_a_table_is_planned_and_read_without_torch() -> None:
    libraries = loaded_by("from benchmark import load_grid, load_records, run, report")
    assert "hydra" in libraries
    assert not libraries & {"torch", "transformers", "datasets"}


def test_every_name_is_there_and_documented() -> None:
    assert (
        sorted(benchmark.__all__)
        == sorted(benchmark.API)
        == sorted(set(dir(benchmark)) & benchmark.API.keys())
    )
    for name in benchmark.__all__:
        assert getattr(benchmark, name) is not None
        assert f"\n    {name} " in (benchmark.__doc__ or "")
    assert benchmark.run is run
    assert benchmark.load_grid is grid.load
    with pytest.raises(AttributeError, match="no attribute 'runn'"):
        getattr(benchmark, "runn")  # noqa: B009


def test_a_table_is_reported_from_python(tmp_path: Path, record_of) -> None:
    planned = benchmark.load_grid("demo/noisytune", ["task=opinion", f"store={tmp_path}/store"])
    store = Store(f"{tmp_path}/store")
    make_writable("store", store.folder)
    for planned_run in planned.runs[1:]:
        store.add(record_of(planned_run.config, {"validation": {"accuracy": 0.5}}), {})
    records = benchmark.load_records(planned)
    assert list(records) == [planned_run.run_id for planned_run in planned.runs[1:]]
    assert benchmark.load_records(planned, Store(f"{tmp_path}/another")) == {}
    benchmark.report.write(planned, records, tmp_path)
    assert "NoisyTune" in (tmp_path / "table.md").read_text()
