"""`python -m benchmark …`: one run, or a grid of runs (`-m`, `+sweeps=…`), through Hydra."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from traceback import walk_tb
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from benchmark import stopping
from benchmark.command import carried_out
from benchmark.config.compose import composing, register, typed
from benchmark.config.help_text import help_text
from benchmark.config.launching import SEARCHPATH, check_files, check_sweep, overrides_of, parsed
from benchmark.config.overrides import as_written
from benchmark.config.own_model import each_own_model
from benchmark.config.schema import RunConfig, as_json
from benchmark.config.searchpath import folders, with_ours
from benchmark.config.targets import OURS
from benchmark.engines import base as engines
from benchmark.errors import BenchmarkError, one_line
from benchmark.grids.grid import PlannedRun, axes
from benchmark.grids.multirun import multiruns, planned
from benchmark.places import ROOT
from benchmark.printable import printable
from benchmark.progress import IN_STORE, RunProgress, shown
from benchmark.records.record import Record
from benchmark.runs.early import check_grid
from benchmark.runs.failures import REFUSED, cause_of
from benchmark.runs.missing import reason, without_record
from benchmark.runs.plugins import check_trackers
from benchmark.runs.run import Run, run

BASIC = "basic"  # Hydra's launcher unless another is chosen
MOST = 1000  # characters of a launcher's own error
refusals: list[str] = []  # refusals of a single run
failures: list[str] = []  # the ids of runs that failed in this process; an empty one was not composed


@hydra.main(config_path=str(ROOT / "conf"), config_name="config", version_base="1.3")
def main(config: DictConfig) -> None:
    """Run one configuration; in a grid, a run that fails does not stop the others.

    Under Hydra's basic launcher all runs share this process, so a run that ends the process (a crash, the
    out-of-memory killer) ends the grid. `benchmark.reproduce` makes each run in a worker process, which can
    be replaced.
    """
    overrides, this = list(HydraConfig.get().overrides.task), None
    choices = dict(HydraConfig.get().runtime.choices)
    try:
        if config.table and config.table.static:
            name = choices.get("sweeps")
            raise BenchmarkError(f"{name} has no runs: python -m benchmark.reproduce {name} shows it")
        given = [
            override for override in HydraConfig.get().overrides.hydra if override.startswith(SEARCHPATH)
        ]
        command = rerun_command([*given, *overrides], choices)
        this = Run(typed(config), command, choices.get("sweeps"))
        check_engines(overrides, [this.config])
        record, from_store = _run(this)
    except Exception as error:
        stopping.unmask(error)
        line = one_line(error)
        if HydraConfig.get().mode is RunMode.RUN:
            if line is None:
                raise
            if cause_of(error) == REFUSED:
                refusals.append(line)  # kept here too, since Hydra does not always show it
                return
        failures.append(this.id if this else "")
        if launched_here(HydraConfig.get().runtime.choices):
            # Otherwise `_left` says it, in the sweep's own process
            _failed(overrides, line or f"{type(error).__name__}: {error}")
        return
    print(summary(record, from_store), flush=True)


def _run(this: Run) -> tuple[Record, bool]:
    """The record of a run, and True if it was in the store."""
    progress = RunProgress(subject=settings_of(as_json(this.config)))
    try:
        return run(this, progress), progress.in_store
    finally:
        progress.line.close()


def rerun_command(overrides: list[str], choices: dict[str, str]) -> str:
    """The command that repeats a run, with the choices of its sweep spelt out."""
    # In a multirun Hydra writes `~model` as `~model=null`, which it cannot read again.
    given = [o.removesuffix("=null") if o.startswith("~") else o for o in overrides]
    typed = [override for override in given if not override.startswith("+sweeps=")]
    named = {override.split("=", 1)[0] for override in typed}
    if len(typed) < len(overrides):
        typed = [f"{g}={choices[g]}" for g in ("protocol", "data") if g not in named] + typed
    return "python -m benchmark " + shlex.join(typed)


def settings_of(config: Mapping[str, Any]) -> str:
    """The parts of a run's configuration (JSON) by which people recognise the run."""
    names = ",".join(sorted(config["method"]))
    return f"{config['model']['name']} {config['task']['name']} [{names}] seed={config['seed']}"


def summary(record: Record, from_store: bool = False) -> str:
    """One line on a run for a person: status, parts and scores; ``from_store``, also date and device."""
    scores = "  ".join(
        f"{part}/{metric} {100 * value:.2f}"
        for part, by_metric in record.scores.items()
        for metric, value in by_metric.items()
    )
    line = f"{record.run_id}  {settings_of(record.config)}  {scores}"
    if not from_store:
        return printable(f"{record.status:<10} {line}")
    made = f"{record.status} {record.finished[:10]} on {record.environment['device']}"
    return printable(f"{IN_STORE}: {line}  ({made})")


def command_line() -> int:
    """Run Hydra's main and return the exit status."""
    return carried_out(_command_line, goes_on=True)


def _command_line() -> int:
    os.environ["HYDRA_FULL_ERROR"] = "1"  # let `carried_out` see the errors themselves
    register()
    if sys.argv[1:] == ["help"]:
        sys.argv[1:] = ["--help"]
    lines = [with_ours(as_written(arguments)) for arguments in each_own_model(sys.argv[1:])]
    if parsed(lines[0]).help:
        return _help(lines[0])
    sweeps = [_checked(arguments) for arguments in lines]
    left = 0
    for arguments, sweep in zip(lines, sweeps, strict=True):
        left += _carry_out(arguments, sweep)
    if refusals:
        raise BenchmarkError(refusals[0])
    return 1 if failures or left else 0


def _help(arguments: list[str]) -> int:
    given = list(overrides_of(arguments))
    search = [override for override in given if override.startswith(SEARCHPATH)]
    with composing():
        config = hydra.compose("config", given)
    print(help_text(config, dict.fromkeys([ROOT / "conf", *folders(search)])))
    return 0


def _checked(arguments: list[str]) -> list[PlannedRun] | None:
    """The runs of a multirun, all checked; None for a single run, or if only Hydra knows them."""
    options = parsed(arguments)
    given = options.overrides
    if options.multirun:
        axes(given)
    tabled = any(argument.startswith("+sweeps=") for argument in given)
    if "hydra.mode=RUN" in given and tabled:
        raise BenchmarkError("hydra.mode=RUN: +sweeps=… is a grid of runs; leave one of the two out")
    check_sweep(arguments, os.environ)
    check_files(arguments)
    asks = options.cfg or options.info or options.hydra_help or options.shell_completion
    elsewhere = options.config_dir or options.config_name or options.config_path
    if not (options.multirun or tabled or "hydra.mode=MULTIRUN" in given) or asks or elsewhere:
        return None
    with shown():
        runs = planned(given)
    if runs is not None:
        configs = [run.config for run in runs]
        check_engines(given, configs)
        check_trackers(configs)
        todo = [run.config for run in without_record(runs)]
        with shown():
            check_grid(todo, launched_here(choices_of(given)))
    return runs


def check_engines(given: Sequence[str], configs: Sequence[RunConfig]) -> None:
    """Build the engines of some configurations if the user names one; tables alone use them, and it takes imports.

    Raises: BenchmarkError for a setting that an engine refuses.
    """
    if any(override.lstrip("+").startswith("engine") for override in given):
        for settings in {repr(config.engine): config.engine for config in configs}.values():
            engines.build(settings)


def launched_here(choices: Mapping[str, str]) -> bool:
    """True if the runs of a multirun are made in this process, one after another."""
    return choices.get("hydra/launcher", BASIC) == BASIC


def choices_of(arguments: Sequence[str]) -> dict[str, str]:
    """The values of a command line by key, as they are written."""
    return dict(argument.partition("=")[::2] for argument in arguments if "=" in argument)


def _carry_out(arguments: list[str], runs: list[PlannedRun] | None) -> int:
    """Let Hydra make ``runs``, and return the number of runs without a record."""
    for line in multiruns(arguments):
        sys.argv[1:] = line
        try:
            main()
        except Exception as error:
            if isinstance(error, OSError) and error.filename and of_hydra(error):
                raise BenchmarkError(
                    f"{error.filename}: cannot be written to ({error.strerror}); Hydra has its files there: "
                    "choose another hydra.run.dir, or for a multirun another hydra.sweep.dir"
                ) from error
            if runs is None or launched_here(choices_of(arguments)) or one_line(error) is not None:
                raise
            print(printable(f"the launcher stopped: {type(error).__name__}: {error}")[:MOST], file=sys.stderr)
    left = without_record(runs or [])
    for planned_run in left:
        if planned_run.run_id not in failures:
            _failed(planned_run.overrides, reason(planned_run))
    return len(left)


def of_hydra(error: OSError) -> bool:
    """True for an error of a folder or file of Hydra's own: the last call in it of ours or Hydra's is Hydra's."""
    packages = [frame.f_globals["__name__"].partition(".")[0] for frame, _ in walk_tb(error.__traceback__)]
    both = (OURS, "__main__", hydra.__name__)
    return next(name for name in reversed(packages) if name in both) == hydra.__name__


def _failed(overrides: Sequence[str], why: str) -> None:
    print(printable(f"failed     {' '.join(overrides)}: {why}"), file=sys.stderr)


if __name__ == "__main__":
    sys.exit(command_line())
