"""The collector of cycles rests during imports and plans, and is as it was after them."""

from __future__ import annotations

import gc
import subprocess
import sys

import pytest

from benchmark.config.compose import ROOT
from benchmark.runs.uncollected import uncollected

SERVER = """
import os, sys
sys.orig_argv = ["python", "-c", "from multiprocessing.forkserver import main"]
import benchmark.runs.forking, gc
there = gc.isenabled()
if os.fork() == 0:
    print(there, gc.isenabled())
    sys.stdout.flush()
    os._exit(0)
os.wait()
"""


def test_the_collector_rests_during_the_block_and_passes_by_what_was_made_in_it() -> None:
    gc.enable()
    before = gc.get_freeze_count()
    with uncollected():
        assert not gc.isenabled()
        made = [[] for _ in range(1000)]
    assert gc.isenabled()
    assert gc.get_freeze_count() >= before + len(made)
    gc.unfreeze()


def test_so_it_does_after_an_error_and_where_it_rested_before() -> None:
    with pytest.raises(ImportError), uncollected():
        raise ImportError
    assert gc.isenabled()
    gc.unfreeze()
    gc.disable()
    with uncollected():
        pass
    try:
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_a_fork_server_rests_and_those_that_it_forks_do_not() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SERVER], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("False True\n", "")
