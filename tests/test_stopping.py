"""A signal is heard wherever it comes."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

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


IN_CLEAN_UP = """
import os, signal, sys
from benchmark.command import carried_out

def work():
    try:
        os.kill(os.getpid(), signal.SIGTERM)
    finally:
        raise ValueError("half of it is missing")

sys.exit(carried_out(work, goes_on=True))
"""


def test_a_signal_is_not_masked_by_the_error_of_what_it_left_half_done() -> None:
    done = subprocess.run(
        [sys.executable, "-c", IN_CLEAN_UP], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (
        143,
        "stopped by SIGTERM: finished runs are kept; the same command goes on from here\n",
    )


def test_ctrl_c_while_a_command_is_imported_shows_no_stack_trace(tmp_path: Path) -> None:
    (tmp_path / "benchmark").symlink_to(ROOT / "benchmark")
    (tmp_path / "hydra.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n")
    done = subprocess.run(
        [sys.executable, "-m", "benchmark", "--help"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # what a shell runs behind ignores it
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (-signal.SIGINT, "")
