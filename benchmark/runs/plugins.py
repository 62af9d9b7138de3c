"""Early check of what a run is made with, before it begins: its plug-ins are built once."""

from __future__ import annotations

from collections.abc import Iterable

from benchmark.config.names import check_translations
from benchmark.config.schema import RunConfig
from benchmark.config.targets import no_exit
from benchmark.grids.grid import Grid, PlannedRun
from benchmark.grids.rectangles import OF_CHOICES
from benchmark.runs import own_code


@no_exit()
def check_plugins(config: RunConfig) -> None:
    """Build the methods and probes of a configuration to check their settings; look for its translations.

    Raises: BenchmarkError for a setting that a class refuses.
    """
    check_translations(config)
    _build(config)
    own_code.loaded(config)  # now, as it has just been imported: a file may be edited before the run ends


@no_exit()
def check_changed(planned: Grid, missing: Iterable[PlannedRun]) -> None:
    """Build the methods and probes of runs whose settings a user changed; those of files are known to be right.

    So the plan of a table as it is declared imports no torch. Raises: BenchmarkError for a setting that a class
    refuses.
    """
    changed = (
        key.partition(".")[0] in OF_CHOICES and not set(values) <= set(planned.declared.get(key, ()))
        for key, values in planned.changed.items()
    )
    if any(changed):
        for config in {run.overrides[:-1]: run.config for run in missing}.values():  # without the seed
            _build(config)


def _build(config: RunConfig) -> None:
    # Imported only if needed: methods and probes import torch, which is slow.
    if config.method:
        from benchmark import methods

        for method in methods.build(config.method).values():
            method.check(config.protocol, config.task)
    if config.probe:
        from benchmark import probes

        probes.build(config.probe)


def check_trackers(configs: Iterable[RunConfig]) -> None:
    """Build the trackers of some configurations, each once, to check their settings.

    They are no part of a run's id, so they are checked for a run that is in the store, too. Raises: BenchmarkError.
    """
    for settings in {repr(config.tracker): config.tracker for config in configs}.values():
        if settings:
            from benchmark.runs import tracking

            tracking.build(settings)
