"""The classes that a configuration names are built once, to refuse what they do not take before a run begins."""

from __future__ import annotations

from benchmark.config.schema import RunConfig


def check_plugins(config: RunConfig) -> None:
    """Build the methods, probes and tracker of a configuration to see whether they can be.

    Raises: BenchmarkError for a setting that cannot be.
    """
    # Imported where they are needed: the first two import torch, which a run of neither need not wait for.
    if config.method:
        from benchmark import methods

        methods.build(config.method)
    if config.probe:
        from benchmark import probes

        probes.build(config.probe)
    if config.tracker:
        from benchmark.runs import tracking

        tracking.build(config.tracker)
