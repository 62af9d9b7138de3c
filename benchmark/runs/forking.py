"""The first import of fork servers, which makes their children ignore Ctrl-C from the beginning.

A terminal sends Ctrl-C to all processes of a command, and the main process stops its children itself.
Otherwise a child that is still being set up would end with a stack trace.
"""

from __future__ import annotations

import gc
import os
import signal
import sys

FIRST = ["benchmark.runs.forking"]  # the first of the modules that a fork server imports

if any("multiprocessing.forkserver" in word for word in sys.orig_argv):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # What it imports stays, and to look for garbage in it takes a fifth of its time. Those that it forks do look.
    gc.disable()
    os.register_at_fork(after_in_child=gc.enable)
