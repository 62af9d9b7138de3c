"""What tests share: composed configurations, hand-made records, and the command line in this process."""

from __future__ import annotations

import functools
import json
import logging
import os
import pickle
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from copy import deepcopy
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

pytest_plugins = ["helpers.reference_report"]

REPOSITORY = Path(__file__).resolve().parent.parent
HUB = REPOSITORY.parent / "shared" / "hf"
SCRATCH = tempfile.TemporaryDirectory(prefix="benchmark-tests-")

# The Hugging Face libraries read these when they are imported, so they are set before anything else is.
for variable in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "TRANSFORMERS_CACHE"):
    os.environ.pop(variable, None)
os.environ |= {
    "HF_HUB_OFFLINE": "1",
    "HF_HOME": str(HUB) if HUB.is_dir() else f"{SCRATCH.name}/hub",
    "HF_DATASETS_CACHE": f"{SCRATCH.name}/datasets",
    "HF_MODULES_CACHE": f"{SCRATCH.name}/modules",
    "HF_METRICS_CACHE": f"{SCRATCH.name}/metrics",
    "TOKENIZERS_PARALLELISM": "false",
    "OMP_NUM_THREADS": "1",  # torch starts with one thread wherever it is imported
    # Test files have methods of their own, and some write one to a file.
    "BENCHMARK_TRUSTED": ",".join(
        ["helpers", "theirs", "meddler", "untrustworthy", "strangers_shrink"]
        + [path.stem for path in Path(__file__).parent.rglob("*.py")]
    ),
}

import pytest  # noqa: E402
from hydra.core.global_hydra import GlobalHydra  # noqa: E402

from benchmark import __main__ as command  # noqa: E402
from benchmark import reproduce as reproduce_command  # noqa: E402
from benchmark import stopping  # noqa: E402
from benchmark.config.compose import ROOT  # noqa: E402
from benchmark.config.identity import run_id  # noqa: E402
from benchmark.config.schema import RunConfig  # noqa: E402
from benchmark.grids.grid import Grid  # noqa: E402
from benchmark.records.record import VERSION, Record  # noqa: E402
from benchmark.runs.result import portable  # noqa: E402
from helpers.grids import composed  # noqa: E402

CACHE = ROOT / ".cache"
# The files that take longest, in seconds of a clock: begun first, so that no worker is left with one at the end.
LONGEST = [
    *(
        "engines/test_clusters.py",
        "grids/test_smoke.py",
        "testing/test_checks.py",
        "models/test_architectures.py",
    ),
    *(
        "training/test_graphs.py",
        "engines/test_process.py",
        "methods/test_composition.py",
        "tasks/test_kinds.py",
    ),
]
Outcome = tuple[int, str, str]


def pytest_sessionstart(session: pytest.Session) -> None:
    """Build the embedded encoders and tasks before any worker of pytest-xdist starts, so that none races for them."""
    if hasattr(session.config, "workerinput") or session.config.option.collectonly or of_cuda(session.config):
        return
    from benchmark.embedded import encoder, multilingual_encoder, multilingual_tasks, tasks

    every = (encoder, multilingual_encoder, tasks, multilingual_tasks)
    with ProcessPoolExecutor() as pool:
        for made in [pool.submit(module.build, CACHE) for module in every]:
            made.result()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files that take longest first; the workers of pytest-xdist take files in this order."""
    tests = Path(__file__).parent
    places = {tests / name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path, len(places)))


def of_cuda(config: pytest.Config) -> bool:
    """True if only tests of tests/cuda are asked for, which need nothing embedded."""
    asked = [Path(config.invocation_params.dir, name.split("::")[0]).resolve() for name in config.args]
    return all(path.is_relative_to(Path(__file__).parent / "cuda") for path in asked)


@pytest.fixture(autouse=True)
def no_hydra_left_over() -> Iterator[None]:
    """Hydra keeps global state, which a test that fails half-way would leave to the next one."""
    GlobalHydra.instance().clear()
    yield
    GlobalHydra.instance().clear()


@pytest.fixture(autouse=True)
def nobody_hears_signals() -> Iterator[None]:
    """A command that ran in this process hears signals: neither its ears nor what it heard are for the next test."""
    before = {number: signal.getsignal(number) for number in stopping.SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
    stopping._asked.clear()
    stopping._obeyed.clear()


@pytest.fixture
def compose(tmp_path: Path) -> Callable[..., RunConfig]:
    """``compose(*overrides)``: the configuration of one run, with a store of the test's own."""

    def composed(*overrides: str) -> RunConfig:
        config = deepcopy(composed_once(overrides))
        return replace(config, store=str(tmp_path / "store"), cache=str(CACHE))

    return composed


@functools.cache
def composed_once(overrides: tuple[str, ...]) -> RunConfig:
    """Many tests want the same run."""
    return composed(overrides)


@pytest.fixture
def tiny(compose: Callable[..., RunConfig]) -> Callable[..., RunConfig]:
    """``tiny(*overrides)``: the shortest real run on the embedded encoder."""

    def composed(*overrides: str) -> RunConfig:
        return compose("task=opinion", "data.count=64", "protocol.epochs=1", *overrides)

    return composed


@pytest.fixture(scope="session")
def record_of() -> Callable[..., Record]:
    """``record_of(config, scores, **changes)``: a finished record as `benchmark/runs/run.py` writes it, by hand.

    ``scores`` is by evaluation set and metric, e.g. ``{"validation": {"accuracy": 0.5}}``, in fractions.
    """

    def record(config: RunConfig, scores: dict[str, dict[str, float]], **changes: Any) -> Record:
        stored = {
            "version": VERSION,
            "run_id": run_id(config),
            "finished": "2026-01-01T00:00:00+00:00",
            "command": f"python -m benchmark seed={config.seed}",
            "status": "finished",
            "diverged_at": None,
            "collapsed": [],
            "resumed": 0,
            "replayed": 0,
            "attention": "flash",
            "padding_computed": False,
            "config": portable_once(config),
            "scores": scores,
            "curve": [{"scores": scores}],
            "seconds": {
                "train": 1.0,
                "evaluate": 0.1,
                "survey": 0.0,
                "per_update": 0.5,
                "probes": 0.0,
                "total": 1.2,
            },
            "memory": {"peak": 100_000_000, "reserved": None},
            "examples": {"train": 64} | dict.fromkeys(scores, 400),
            "model": {"id": config.model.id or config.model.builder, "revision": None, "digest": None},
            "data": {
                "id": config.task.repo or config.task.builder,
                "revision": None,
                "revisions": {},
                "digests": {},
                "max_length": 128,
                "remarks": {},
            },
            "environment": {
                "code": {"commit": "0123456789abcdef", "dirty": False},
                "python": "3.11.0",
                "packages": {"torch": "2.0.0", "transformers": "5.0.0"},
                "device": "a processor",
                "device_type": "cpu",
                "threads": 1,
                "precision": "float32",
                "deterministic": True,
            },
        } | changes
        entry = {"step": 2, "epoch": 1.0, "loss": 0.5, "losses": {}}
        whole = stored | {"curve": [entry | one for one in stored["curve"]]}
        return Record.from_json(json.loads(json.dumps(whole)))  # numbers of numpy become plain ones

    return record


PORTABLE: dict[tuple[int, ...], tuple[list[Any], bytes]] = {}


def portable_once(config: RunConfig) -> dict[str, Any]:
    """A copy of ``portable(config)``, which is made once for all seeds of a planned run: tables have thousands."""
    parts = [getattr(config, part.name) for part in fields(config) if part.name != "seed"]
    key = tuple(map(id, parts))  # kept beside the bytes, so that no other part gets the same
    if key not in PORTABLE:
        PORTABLE[key] = parts, pickle.dumps(portable(config))
    return pickle.loads(PORTABLE[key][1]) | {"seed": config.seed}


@pytest.fixture
def records(
    record_of: Callable[..., Record], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., dict[str, Record]]:
    """``records(grid, plain, noisy)``: a record per run, with the score in percent that its seed is given.

    ``plain`` and ``noisy`` are for the runs without and with a method. A seed that is not in them has no
    record; one whose score is None diverged.
    """

    monkeypatch.chdir(tmp_path)  # where there is no store of the user's

    def made(
        planned: Grid, plain: dict[int, float | None], noisy: dict[int, float | None]
    ) -> dict[str, Record]:
        found = {}
        for run in planned.runs:
            scores = noisy if run.config.method else plain
            if run.config.seed not in scores:
                continue
            value = scores[run.config.seed]
            by_set = {"validation": dict.fromkeys(run.config.task.metrics, (value or 0) / 100)}
            record = record_of(run.config, by_set)
            if value is None:
                record = replace(record, status="diverged", diverged_at=20, scores={}, curve=[])
            found[run.run_id] = record
        return found

    return made


@pytest.fixture
def cli(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Outcome]:
    """``cli(*arguments)``: `python -m benchmark` in this process -> (exit status, stdout, stderr).

    It works in ``tmp_path``, so that nothing reaches the user's own store, unless told otherwise.
    """

    def called(*arguments: str) -> Outcome:
        defaults = {"store": tmp_path / "store", "cache": CACHE}
        given = {argument.partition("=")[0] for argument in arguments}
        added = [f"{key}='{path}'" for key, path in defaults.items() if key not in given]
        monkeypatch.setattr(sys, "argv", ["benchmark", *arguments, *added])
        monkeypatch.setattr(command, "failures", [])
        monkeypatch.setattr(command, "refusals", [])
        monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
        return in_process(command.command_line, tmp_path, monkeypatch, capsys)

    return called


@pytest.fixture
def reproduce(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Outcome]:
    """``reproduce(*arguments)``: `python -m benchmark.reproduce`, as ``cli`` does it."""

    def called(*arguments: str) -> Outcome:
        added = [f"store='{tmp_path / 'store'}'"] * (not any(a.startswith("store=") for a in arguments))
        arguments = (*arguments, *added, f"cache='{CACHE}'", "--output", str(tmp_path / "tables"))
        return in_process(lambda: reproduce_command.main(list(arguments)), tmp_path, monkeypatch, capsys)

    return called


def in_process(
    call: Callable[[], int],
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Outcome:
    """The exit status and output of ``call``, warnings included, as a shell in ``folder`` would see them."""
    GlobalHydra.instance().clear()
    capsys.readouterr()
    root, handlers = logging.getLogger(), logging.getLogger().handlers
    root.handlers = []
    try:
        with monkeypatch.context() as patch:
            patch.chdir(folder)
            status = call()
    except SystemExit as stop:
        status = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    finally:
        root.handlers = handlers
        GlobalHydra.instance().clear()
    output = capsys.readouterr()
    return status, output.out, output.err


@pytest.fixture
def hub() -> Path:
    """The offline hub cache with real data and one real encoder; HF_HOME points to it already."""
    if not HUB.is_dir():
        pytest.skip("no offline hub cache at ../shared/hf beside the repository: real data are not tested")
    return HUB
