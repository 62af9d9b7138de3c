"""`python -m benchmark …`: one run, or a grid of runs (`-m`, `+sweeps=…`), through Hydra."""

from __future__ import annotations

import os
import shlex
import sys

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from benchmark.command import carried_out
from benchmark.config.compose import register, typed
from benchmark.config.launching import SEARCHPATH, check_files, check_sweep
from benchmark.config.overrides import as_written
from benchmark.config.own_model import each_own_model
from benchmark.config.searchpath import with_ours
from benchmark.errors import BenchmarkError, one_line
from benchmark.grids.grid import axes
from benchmark.grids.multirun import multiruns
from benchmark.places import ROOT
from benchmark.printable import printable
from benchmark.progress import RunProgress
from benchmark.records.record import Record
from benchmark.runs.run import Run, run

failures: list[str] = []


@hydra.main(config_path=str(ROOT / "conf"), config_name="config", version_base="1.3")
def main(config: DictConfig) -> None:
    """Run one configuration; in a grid, a run that fails does not stop the others."""
    overrides = list(HydraConfig.get().overrides.task)
    choices = dict(HydraConfig.get().runtime.choices)
    try:
        if config.table and config.table.static:
            name = choices.get("sweeps")
            raise BenchmarkError(f"{name} has no runs: python -m benchmark.reproduce {name} shows it")
        given = [
            override for override in HydraConfig.get().overrides.hydra if override.startswith(SEARCHPATH)
        ]
        command = rerun_command([*given, *overrides], choices)
        record = _run(Run(typed(config), command, choices.get("sweeps")))
    except Exception as error:
        line = one_line(error)
        if line is None and HydraConfig.get().mode is RunMode.RUN:
            raise
        failures.append(line or f"{type(error).__name__}: {error}")
        print(printable(f"failed     {' '.join(overrides)}: {failures[-1]}"), file=sys.stderr)
        return
    print(summary(record), flush=True)


def _run(this: Run) -> Record:
    progress = RunProgress()
    try:
        return run(this, progress)
    finally:
        progress.line.close()


def rerun_command(overrides: list[str], choices: dict[str, str]) -> str:
    """The command that repeats a run, with the choices of its sweep spelt out."""
    # In a multirun Hydra writes `~model` as `~model=null`, which it does not take back.
    given = [o.removesuffix("=null") if o.startswith("~") else o for o in overrides]
    typed = [override for override in given if not override.startswith("+sweeps=")]
    named = {override.split("=", 1)[0] for override in typed}
    if len(typed) < len(overrides):
        typed = [f"{g}={choices[g]}" for g in ("protocol", "data") if g not in named] + typed
    return "python -m benchmark " + shlex.join(typed)


def summary(record: Record) -> str:
    """One line on a run for a person: its parts, its status and its scores."""
    config = record.config
    settings = (
        f"{config['model']['name']} {config['task']['name']} [{','.join(sorted(config['method']))}] "
        f"seed={config['seed']}"
    )
    scores = "  ".join(
        f"{part}/{metric} {100 * value:.2f}"
        for part, by_metric in record.scores.items()
        for metric, value in by_metric.items()
    )
    return printable(f"{record.status:<10} {record.run_id}  {settings}  {scores}")


def command_line() -> int:
    """Run Hydra's main and return the exit status."""
    return carried_out(_command_line)


def _command_line() -> int:
    os.environ["HYDRA_FULL_ERROR"] = "1"  # let `carried_out` see the errors themselves
    register()
    for arguments in each_own_model(sys.argv[1:]):
        _carry_out(with_ours(as_written(arguments)))
    return 1 if failures else 0


def _carry_out(arguments: list[str]) -> None:
    given = [argument for argument in arguments if not argument.startswith("-")]
    if {"-m", "--multirun"} & set(arguments):
        axes(given)
    if "hydra.mode=RUN" in given and any(argument.startswith("+sweeps=") for argument in given):
        raise BenchmarkError("hydra.mode=RUN: +sweeps=… is a grid of runs; leave one of the two out")
    check_sweep(arguments, os.environ)
    check_files(arguments)
    for line in multiruns(arguments):
        sys.argv[1:] = line
        main()


if __name__ == "__main__":
    sys.exit(command_line())
