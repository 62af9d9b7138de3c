"""The first import of fork servers: whatever they fork ignores Ctrl-C from its first moment on.

A terminal tells all processes of a command, and the command's own tells its children. A child that is still being set
up would end with a stack trace.
"""

from __future__ import annotations

import gc
import os
import signal
import sys

FIRST = ["benchmark.runs.forking"]  # of what a fork server is told to import

if any("multiprocessing.forkserver" in word for word in sys.orig_argv):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # What it imports stays, and to look for garbage in it takes a fifth of its time. Those that it forks do look.
    gc.disable()
    os.register_at_fork(after_in_child=gc.enable)
