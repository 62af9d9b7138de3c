"""Costs of runs besides updates: starting, finding a record, and each method's extra work."""

from __future__ import annotations

import copy
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmark.places import ROOT
from benchmark.speed.conditions import Conditions
from benchmark.speed.timing import Amount

METHOD_TASK, METHOD_ROUNDS = "cola", 3
METHOD_BATCHES = 4  # few, so that all their sizes are captured soon on a GPU
FIRST = ("hype_n", "hype_u", "pats", "lnsr", "noisytune", "rdrop", "r3f")
GRID_OF_60 = (
    "noisytune/table2",
    "model=minilm",
    "task=rte,mrpc",
    "seed=range(1,11)",
    "protocol.epochs=1",
)


def starts(here: Conditions) -> dict[str, float]:
    """Seconds by one-time cost: imports, start of a further run, finding a record."""
    from benchmark.config.compose import run_config
    from benchmark.runs.run import Run, run

    seconds_by_cost = {}
    overrides = [f"device={here.device}", f"protocol.precision={here.precision}", f"threads={here.threads}"]
    for name, code in {
        "import what a plan needs": "import benchmark.grids.grid",
        "import what a run needs": "import benchmark.training.loop, benchmark.models.pretrained, benchmark.methods",
    }.items():
        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
        seconds_by_cost[name] = time.perf_counter() - started
    with tempfile.TemporaryDirectory() as store:
        for seed in (1, 2, 3):
            run_of = [f"seed={seed}", "data.count=64", "protocol.epochs=1", *overrides]
            config = replace(run_config(*run_of), store=store)
            started = time.perf_counter()
            seconds = run(Run(config)).seconds
            seconds_by_cost["start a further run in a warm process (embedded encoder)"] = (
                time.perf_counter() - started - seconds.train - seconds.evaluate
            )
        started = time.perf_counter()
        run(Run(config))
        seconds_by_cost["find a run in the store"] = time.perf_counter() - started
    return seconds_by_cost


def method_names() -> list[str]:
    """Names of the files of conf/method, the methods of the papers' tables first."""
    names = sorted(path.stem for path in (ROOT / "conf" / "method").glob("*.yaml"))
    return sorted(names, key=lambda name: name not in FIRST)


def methods(
    model_name: str, here: Conditions, names: Iterable[str], rounds: int = METHOD_ROUNDS
) -> Iterator[tuple[str, float]]:
    """Pairs (method, time of a steady update relative to vanilla), as soon as measured."""
    from benchmark.speed.sides import ours
    from benchmark.speed.subjects import load, method_of

    amount = Amount(12, 3, 12) if here.on_gpu else Amount(1, 1, 3)
    model, _, task = load(model_name, METHOD_TASK, METHOD_BATCHES, here.device)
    for name in names:
        method = method_of(name, here, f"task={METHOD_TASK}")
        ratios = []
        for _ in range(rounds):
            beside = ours(copy.deepcopy(model), task, amount, here).update
            ratios.append(ours(copy.deepcopy(model), task, amount, here, method).update / beside)
        ratio = float(np.median(ratios))
        print(f"{name}: {ratio:.2f}x", file=sys.stderr)
        yield name, ratio


def finished(store: Path) -> int:
    """Number of records in a store."""
    return sum(not path.parent.name.startswith(".") for path in store.glob("*/record.json"))


def runs_per_hour(here: Conditions, *overrides: str) -> tuple[int, float]:
    """Number of runs of a grid, and runs per hour, from command start to report."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "benchmark.reproduce", *GRID_OF_60, *overrides]
        command += [f"device={here.device.type}", f"store={folder}/store", "--output", f"{folder}/tables"]
        started = time.perf_counter()
        subprocess.run(command, check=True, cwd=ROOT, stdout=sys.stderr)
        seconds = time.perf_counter() - started
        runs = finished(Path(folder, "store"))
    return runs, 3600 * runs / seconds


def compiled(model_name: str, task_name: str, here: Conditions) -> str:
    """Time of Trainer's steady update with torch_compile=True, or the failure, in words."""
    from benchmark.speed.sides import trainer
    from benchmark.speed.subjects import load

    amount = Amount(100, 3, 20)
    model, tokenizer, task = load(model_name, task_name, amount.total, here.device)
    try:
        took = trainer(tokenizer, None, here, compiled=True)(model, task, amount)
    except Exception as error:  # compilers fail in many ways, and nothing here depends on them
        return f"Trainer with torch_compile=True failed: {' '.join(str(error).split())[:200]}"
    return (
        f"Trainer with torch_compile=True, {task_name}: {1000 * took.update:.3g} ms an update, "
        f"after {took.before:.0f} s for compiling and the first {amount.warm}"
    )
