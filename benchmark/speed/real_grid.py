"""Stage for a grid of real runs, beside Trainer processes; some runs are repeated."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmark.config.compose import ROOT
from benchmark.speed import costs
from benchmark.speed.stage import SHORT, Stage

TABLE, *GRID = costs.GRID_OF_60
TASKS, MODEL = ("rte", "mrpc"), "sentence-transformers/all-MiniLM-L6-v2"
TIMES = 10  # factor on the runs per hour of Trainer processes
RESERVE = 35  # seconds for the repeated runs
FEW = ("task=rte", "seed=range(1,6)", "method=[noisytune]")  # the repeated part of the grid
STAND_IN = ("demo/noisytune", "task=opinion", "data.count=64", "protocol.epochs=1", "seed=1,2", "device=cpu")


def grid(stage: Stage) -> None:
    """Report a grid's runs per hour, start to report, and repeat some for equal bits."""
    with tempfile.TemporaryDirectory() as folder:
        first, second = Path(folder, "first"), Path(folder, "second")
        if stage.stand_in:
            run_grid(stage, list(STAND_IN), first, stage.left / 2)
            run_grid(stage, list(STAND_IN), second, stage.left - 2)
        else:
            of_trainer = [trainer_seconds(stage, task) for task in TASKS]
            hourly = run_grid(stage, [TABLE, *GRID, "device=cuda"], first, stage.left - RESERVE)
            if all(of_trainer):
                theirs = 3600 / float(np.mean(of_trainer))
                stage.target(
                    f"a grid has {hourly:.0f} runs an hour, times Trainer's", hourly / theirs, least=TIMES
                )
            run_grid(
                stage,
                [
                    TABLE,
                    *(axis for axis in GRID if axis.split("=")[0] not in ("task", "seed")),
                    *FEW,
                    "device=cuda",
                ],
                second,
                stage.left - 2,
            )
        compare(stage, first, second)


def run_grid(stage: Stage, overrides: list[str], folder: Path, seconds: float) -> float:
    """Run a grid in ``folder`` for at most ``seconds``; return its runs per hour."""
    command = [sys.executable, "-m", "benchmark.reproduce", *overrides]
    command += [f"store={folder}/store", "--output", f"{folder}/tables"]
    folder.mkdir()
    began, extent = time.monotonic(), "start to report"
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
        try:
            if process.wait(max(seconds, 1)):
                lines = (folder / "log").read_text().strip().splitlines() or ["nothing"]
                stage.say(f"{SHORT}: the grid ended with status {process.returncode}: {lines[-1][:300]}")
        except subprocess.TimeoutExpired:
            stop(process)
            extent = f"{SHORT}: cut off"
    took = time.monotonic() - began
    runs = costs.finished(folder / "store")
    stage.say(f"{extent}: {runs} runs in {took:.1f} s, {3600 * runs / took:.0f} an hour")
    for line in (folder / "log").read_text().splitlines():
        if "arn" in line or "runs at a time" in line or "slots" in line:
            print(line, file=sys.stderr)
    return 3600 * runs / took


def stop(process: subprocess.Popen[bytes]) -> None:
    """Stop a grid and its runs as Ctrl-C does; after 5 s by force."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def trainer_seconds(stage: Stage, task: str) -> float:
    """Seconds of one Trainer process for a run of the grid; 0 if it fails."""
    command = [sys.executable, "-m", "benchmark.speed.trainer_run", MODEL, task, "1", "32", "128", "float32"]
    began = time.monotonic()
    try:
        process = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=40, check=False)
    except subprocess.TimeoutExpired:
        stage.say(f"{SHORT}: {task}, Trainer was not through after 40 s")
        return 0.0
    took = time.monotonic() - began
    if process.returncode:
        last = (process.stderr.strip().splitlines() or ["nothing said"])[-1]
        stage.say(f"{SHORT}: {task}, Trainer ended with status {process.returncode}: {last[:300]}")
        return 0.0
    stage.say(
        f"{task}, one process of Trainer, import to end: {took:.1f} s (accuracy {process.stdout.split()[-1]})"
    )
    return took


def compare(stage: Stage, first: Path, second: Path) -> None:
    """Report the share of repeated runs with equal bits in both stores."""
    again = [path.parent.name for path in (second / "store").glob("*/record.json")]
    same = [name for name in again if same_results(first / "store" / name, second / "store" / name)]
    stage.target("runs repeated with equal bits, of all repeated", len(same) / max(len(again), 1), least=1)
    stage.say(f"repeated {len(again)} runs")


def same_results(first: Path, second: Path) -> bool:
    """True if two records have the same scores and arrays."""
    if not (first / "record.json").exists():
        return False
    scores = [json.loads((folder / "record.json").read_text())["scores"] for folder in (first, second)]
    ours, theirs = (dict(np.load(folder / "arrays.npz")) for folder in (first, second))
    return (
        scores[0] == scores[1]
        and ours.keys() == theirs.keys()
        and all(
            np.array_equal(ours[name], theirs[name], equal_nan=ours[name].dtype.kind == "f") for name in ours
        )
    )
