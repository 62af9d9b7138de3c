"""The process that communicates with Weights & Biases for a run; `benchmark.runs.wandb_pipe` starts it.

Its stdin has a message of JSON per line: ``open`` a run, ``lines`` of its history, ``close`` it with the
record's content, or ``known``: read a key in the server's summaries of some ids. It answers the last two, and
answers ``failed`` before it ends with an error. W&B writes nothing outside this process, and its own service
ends with it.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import threading
from collections.abc import Callable, Iterable
from typing import Any

INIT, FINISH = 10.0, 15.0  # seconds that a server has to take a run, and to take the rest of it
AT_ONCE = 200  # ids in one question

Reply = Callable[[dict[str, Any]], None]


def main() -> int:
    """Carry out messages until stdin closes, and return the exit status."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 1)
    os.dup2(null, 2)
    threading.Thread(target=end_with_parent, daemon=True).start()

    def reply(answer: dict[str, Any]) -> None:
        print(json.dumps(answer), file=answers)

    try:
        import wandb

        Telling(wandb, reply).all(sys.stdin)
        wandb.teardown()
    except BaseException as error:  # networks, accounts, full disks, missing packages and W&B's own faults
        words = str(error).split("\n")[0] or "no reason was given"
        reply({"failed": f"{type(error).__name__}: {words}"})
        return 1
    return 0


def end_with_parent() -> None:
    """End this process soon after stdin is closed, even if W&B is still waiting."""
    closed = select.poll()
    closed.register(0, 0)  # a hang-up is reported even if no event is registered
    closed.poll()
    signal.alarm(round(INIT + FINISH + 5))


class Telling:
    """The runs sent to W&B, one at a time."""

    def __init__(self, wandb: Any, reply: Reply) -> None:
        self.wandb, self.reply = wandb, reply
        self.run: Any = None
        self.last = -1  # the last step that was sent

    def all(self, messages: Iterable[str]) -> None:
        """Carry out every message; a run that is not closed then is marked as failed."""
        for message in messages:
            ((verb, content),) = json.loads(message).items()
            getattr(self, f"do_{verb}")(content)
        if self.run is not None:
            self.run.finish(exit_code=1)

    def do_open(self, content: dict[str, Any]) -> None:
        """Begin a run, or go on with the one of this id."""
        os.makedirs(content["dir"], exist_ok=True)
        self.run = self.wandb.init(
            **content,
            # Switch off the facts that W&B collects itself: they name files, users and machines.
            settings=self.wandb.Settings(
                init_timeout=INIT,
                finish_timeout=FINISH,
                finish_timeout_raises=True,
                silent=True,
                console="off",
                disable_git=True,
                disable_code=True,
                host="",
                x_disable_meta=True,
                x_disable_stats=True,
                x_disable_machine_info=True,
                x_save_requirements=False,
            ),
        )
        self.last = self.run.starting_step - 1

    def do_lines(self, lines: list[tuple[int, dict[str, Any]]]) -> None:
        """Add to the run's history; steps that are already there are left out."""
        for step, values in lines:
            if step > self.last:
                self.run.log(values, step=step)
                self.last = step

    def do_close(self, content: dict[str, Any]) -> None:
        """Add the record's content, and end the run."""
        self.do_lines(content["lines"])
        self.run.config.update(content["config"], allow_val_change=True)
        self.run.summary.update(content["summary"])
        run, self.run = self.run, None
        run.finish()
        self.reply({"closed": run.id})

    def do_known(self, content: dict[str, Any]) -> None:
        """Answer with a value of the summaries on the server, by run id."""
        api = self.wandb.Api(timeout=round(INIT))
        entity = content["entity"] or api.default_entity
        known: dict[str, str] = {}
        for first in range(0, len(content["ids"]), AT_ONCE):
            asked = {"name": {"$in": content["ids"][first : first + AT_ONCE]}}
            runs = api.runs(f"{entity}/{content['project']}", filters=asked, per_page=AT_ONCE, lazy=False)
            try:
                known |= {run.id: str(run.summary_metrics.get(content["key"])) for run in runs}
            except ValueError:  # no such project yet
                break
        self.reply({"known": known})


if __name__ == "__main__":
    status = main()
    os._exit(status)  # W&B's handlers at exit would wait, and print
