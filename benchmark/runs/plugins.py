"""Early check of what a run is made with, before it begins: its plug-ins are built once."""

from __future__ import annotations

from collections.abc import Iterable

from benchmark.config.names import check_translations
from benchmark.config.schema import RunConfig
from benchmark.config.targets import no_exit
from benchmark.runs import own_code


@no_exit()
def check_plugins(config: RunConfig) -> None:
    """Build the methods and probes of a configuration to check their settings; look for its translations.

    Raises: BenchmarkError for a setting that a class refuses.
    """
    check_translations(config)
    # Imported only if needed: methods and probes import torch, which is slow.
    if config.method:
        from benchmark import methods

        for method in methods.build(config.method).values():
            method.check(config.protocol, config.task)
    if config.probe:
        from benchmark import probes

        probes.build(config.probe)
    own_code.loaded(config)  # now, as it has just been imported: a file may be edited before the run ends


def check_trackers(configs: Iterable[RunConfig]) -> None:
    """Build the trackers of some configurations, each once, to check their settings.

    They are no part of a run's id, so they are checked for a run that is in the store, too. Raises: BenchmarkError.
    """
    for settings in {repr(config.tracker): config.tracker for config in configs}.values():
        if settings:
            from benchmark.runs import tracking

            tracking.build(settings)
