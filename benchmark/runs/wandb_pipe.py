"""A run's side of the pipe to the process that communicates with Weights & Biases.

No disk and no network can delay the run: if the pipe has no room for a message, it is dropped and counted.
"""

from __future__ import annotations

import json
import os
import re
import select
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from benchmark.places import PACKAGE
from benchmark.privacy import without_secrets

PATIENCE = 40.0  # seconds for an answer: more than W&B takes to be imported, to begin and to finish
LEAVING = 5.0  # seconds until a process that is no longer needed must have ended
LONGEST = 300  # characters of an error
# Without ids, the messages of all runs are equal, and a launcher prints them once
OF_A_RUN = re.compile(r"\brun [0-9a-f]{16}\b")


class WandBError(Exception):
    """The process of W&B failed, or did not answer."""


class Pipe:
    """A process for W&B, with the messages to it."""

    def __init__(self) -> None:
        paths = [str(PACKAGE.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "benchmark.runs.wandb_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            start_new_session=True,  # Ctrl-C is for the run
            env=os.environ | {"PYTHONPATH": os.pathsep.join(paths), "WANDB_ERROR_REPORTING": "false"},
        )
        assert self.process.stdin
        assert self.process.stdout
        self.into, self.out = self.process.stdin.fileno(), self.process.stdout.fileno()
        os.set_blocking(self.into, False)
        self.rest = b""  # the rest of a message that is half written
        self.heard = b""
        self.dropped = 0

    def offer(self, message: Mapping[str, Any]) -> None:
        """Send a message if that needs no waiting; otherwise drop it."""
        self._write()
        if self.rest:
            self.dropped += 1
        else:
            self.rest = _line(message)
            self._write()

    def ask(self, message: Mapping[str, Any], seconds: float = PATIENCE) -> dict[str, Any]:
        """Send a message and wait for the answer. Raises: WandBError for a late answer or a failure."""
        end = time.monotonic() + seconds
        self.rest += _line(message)
        self._write()
        while self.rest:
            self._wait(self.into, select.POLLOUT, end)
            self._write()
        while b"\n" not in self.heard:
            self._wait(self.out, select.POLLIN, end)
            part = os.read(self.out, 1 << 16)
            if not part:
                raise WandBError(f"its process {_end(self.process.wait(LEAVING))}")
            self.heard += part
        line, _, self.heard = self.heard.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        if "failed" in answer:
            raise WandBError(without_secrets(OF_A_RUN.sub("a run", answer["failed"]))[:LONGEST])
        return answer

    def close(self, seconds: float = LEAVING) -> None:
        """End the process: by itself in these ``seconds``, or else by force."""
        try:
            os.set_blocking(self.into, False)
            self.process.stdin.close()  # type: ignore[union-attr]
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(seconds)
        finally:
            self.process.kill()
            self.process.wait()
            self.process.stdout.close()  # type: ignore[union-attr]

    def _write(self) -> None:
        """Write as much as the pipe has room for; messages to a process that is gone are dropped."""
        try:
            while self.rest:
                self.rest = self.rest[os.write(self.into, self.rest) :]
        except BlockingIOError:
            pass
        except BrokenPipeError:
            self.rest = b""

    def _wait(self, end_of_pipe: int, event: int, until: float) -> None:
        ready = select.poll()
        ready.register(end_of_pipe, event)
        if not ready.poll(1000 * max(0.0, until - time.monotonic())):
            raise WandBError("its process does not answer")


def _line(message: Mapping[str, Any]) -> bytes:
    return json.dumps(message).encode() + b"\n"


def _end(status: int) -> str:
    return f"was killed by signal {-status}" if status < 0 else f"ended with exit status {status}"
