"""Sending of a dashboard to Weights & Biases, in a process with a time limit.

W&B's library waits without limit for its own service to end, and a service with a broken connection never
ends.
"""

from __future__ import annotations

import multiprocessing
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmark.errors import BenchmarkError
from benchmark.privacy import without_secrets
from benchmark.runs.tracking import WandB

if TYPE_CHECKING:
    from benchmark.dashboard.content import Content

ENDED = 60  # seconds for everything that a server is asked
LEAVING = 5.0  # seconds for W&B's own end, after which it is ended
AGAIN = "the same command goes on from here"


def sent(shown: Content, tracker: WandB, folder: Path) -> dict[str, str]:
    """Make or renew workspace and report on the server; their addresses. Raises: BenchmarkError."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_answer, args=(shown, tracker, folder, sender), daemon=True)
    process.start()
    sender.close()
    try:
        if not receiver.poll(ENDED):
            raise BenchmarkError(f"W&B: no answer in {ENDED} s; {AGAIN}")
        told: dict[str, str] | BenchmarkError = receiver.recv()
        process.join(LEAVING)
    except EOFError as error:
        process.join(LEAVING)
        raise BenchmarkError(
            f"W&B: its process ended with exit status {process.exitcode}; {AGAIN}"
        ) from error
    finally:
        process.kill()
    if isinstance(told, BenchmarkError):
        raise told
    return told


def _answer(shown: Content, tracker: WandB, folder: Path, sender: Connection) -> None:
    """Send the addresses, or the refusal."""
    import wandb

    told: dict[str, str] | BenchmarkError
    try:
        told = made(wandb, shown, tracker, folder)
    except BenchmarkError as error:
        told = error
    except Exception as error:  # networks, accounts and servers raise many kinds
        words = without_secrets(str(error).strip().split("\n")[0])
        told = BenchmarkError(f"W&B: {type(error).__name__}: {words}; {AGAIN}")
    with suppress(BrokenPipeError):  # the reader is gone
        sender.send(told)
    wandb.teardown()


def made(wandb: Any, shown: Content, tracker: WandB, folder: Path) -> dict[str, str]:
    """Ask the server for workspace and report; their addresses."""
    from benchmark.dashboard import views
    from benchmark.dashboard.kept import Kept

    kept = Kept(folder)
    api = wandb.Api(timeout=ENDED // 4)
    entity = tracker.entity or api.default_entity or ""
    place = f"{api.settings['base_url']}/{entity}/{tracker.project}/{shown.name}"
    ids = kept.of(place)
    workspace = views.workspace(shown, entity, tracker.project)
    workspace._internal_name, workspace._internal_id = ids.get("view", ""), ids.get("workspace", "")
    workspace.save()
    kept.keep(place, {"view": workspace._internal_name, "workspace": workspace._internal_id})
    report = views.report(shown, entity, tracker.project)
    report.id = ids.get("report", "")
    report.save()
    kept.keep(place, {"report": report.id})
    return {"workspace": workspace.url, "report": report.url}
