"""A signal is heard wherever it comes."""

from __future__ import annotations

import subprocess
import sys

from benchmark.config.compose import ROOT

IN_A_DESTRUCTOR = """
import os, signal, time
from benchmark import stopping

class Short:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.01)

stopping.hear()
try:
    Short()
    time.sleep(20)
except stopping.Stopped as stopped:
    print(stopped.status)
"""


def test_a_signal_that_comes_where_python_ignores_errors_is_heard_and_says_nothing() -> None:
    done = subprocess.run(
        [sys.executable, "-c", IN_A_DESTRUCTOR], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("143\n", "")
