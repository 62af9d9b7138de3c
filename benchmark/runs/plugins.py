"""Early check of a configuration's plug-ins: build each once, before a run begins."""

from __future__ import annotations

from benchmark.config.schema import RunConfig
from benchmark.config.targets import no_exit


@no_exit()
def check_plugins(config: RunConfig) -> None:
    """Build the methods, probes and tracker of a configuration to check their settings.

    Raises: BenchmarkError for a setting that a class refuses.
    """
    # Imported only if needed: methods and probes import torch, which is slow.
    if config.method:
        from benchmark import methods

        for method in methods.build(config.method).values():
            method.check(config.protocol, config.task)
    if config.probe:
        from benchmark import probes

        probes.build(config.probe)
    if config.tracker:
        from benchmark.runs import tracking

        tracking.build(config.tracker)
