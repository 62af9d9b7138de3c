"""A reproducible GLUE/XTREME benchmark of noise and regularisation methods for fine-tuning.

The words of this package, each with its one meaning:

    task            a data set with its labels, splits and metrics
    kind            a form of task with its own items, loss and outputs (classification, tagging, …)
    item            the unit of the mean loss: an example, a labelled word, the start or end of an answer
    method          a perturbation or regulariser of fine-tuning, in one class
    setting         one choice of hyper-parameter values, searched over or not
    variant         one of several forms of a method, or of Adam, under a name of its own
    hook            a function of a method or probe that is called at a fixed time of a run
    probe           a measurement of a run for a figure, which does not change the run
    update          one change of the weights by the optimiser
    part            a share of an update's batch that is computed at a time (`micro_batch_size`)
    step            one part as methods see it: its clean pass, further passes and loss
    capture/replay  keep an update's operations as a CUDA graph, and run them again
    snapshot        the state of an unfinished run on disk, from which it continues
    run             one fine-tuning of one model on one task; its configuration determines its result
    record          the stored result of a finished run
    table           a table or figure of a paper: axes, published numbers and claims
    sweep           the file in `sweeps/` that declares a table
    grid            all planned runs of a table
    planned run     a run of a grid: its configuration, the overrides that make it, and its id
    cell            one number of a printed table, over the runs behind it

Its folders, each named for its content; `tests/test_layout.py` lists which may import which:

    config      what one run is: schema, composition, checks, id
    grids       what a table asks for: axes, planned runs, declared claims
    records     what a run leaves: record, arrays, failures, and the store
    data        files of data sets and their rows
    models      encoders with their heads, computed without padding
    tasks       kinds of task, their metrics
    step        one update as methods see it: passes, then the optimiser's stages
    methods     one file per method
    training    the loop of a run, and its snapshots
    probes      one file per probe
    runs        one run from its configuration to its record; trackers
    engines     many runs: on this machine, on Ray, on Slurm (apart from `runs`, which knows no other run)
    forecast    time and memory of planned runs, without making them
    report      records to tables and verdicts, without torch
    store       whole stores: check, merge, archives, run again
    scorecard   a user's method beside the committed campaigns
    dashboard   tables in Weights & Biases
    site        web pages of a store
    embedded    encoders and tasks that the project makes itself
    speed       timing beside `transformers.Trainer`
    testing     checks that any method must pass

A file beside them is a command, or is used by several folders.

Its API from Python, imported when it is first used:

    load_grid       the grid of a sweep file, narrowed or changed by overrides
    run             the record of a `benchmark.runs.run.Run`: from its store, or made now
    load_records    the finished records of a grid
    report          a module: `report.write(grid, records, folder)` makes a table in every form
    Method          the base class of methods
"""

from __future__ import annotations

import signal
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchmark import report
    from benchmark.grids.grid import load as load_grid
    from benchmark.methods.base import Method
    from benchmark.runs.finished import load_records
    from benchmark.runs.run import run

if sys.argv[:1] == ["-m"] and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    # A command of ours is being imported: Ctrl-C ends it without a stack trace, until `stopping.hear` listens.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

__all__ = ["Method", "load_grid", "load_records", "report", "run"]
API = {
    "Method": "benchmark.methods.base:Method",
    "load_grid": "benchmark.grids.grid:load",
    "load_records": "benchmark.runs.finished:load_records",
    "report": "benchmark.report",
    "run": "benchmark.runs.run:run",
}


def __dir__() -> list[str]:
    return sorted({*globals(), *API})


def __getattr__(name: str) -> Any:
    """Import a name of the API at its first use: importing the package alone stays quick."""
    if name not in API:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, attribute = API[name].partition(":")
    return getattr(import_module(module), attribute) if attribute else import_module(module)
