"""Processes that begin with the heavy imports, as a grid's workers do."""

from __future__ import annotations

import multiprocessing
from multiprocessing.context import ForkServerContext

from benchmark.engines import machine


def forking() -> ForkServerContext:
    """The context of processes that are forked from a grid's server."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(machine.HEAVY)
    return context
