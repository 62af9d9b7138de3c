"""Answers of the hub, each as a line that says what helps."""

from __future__ import annotations

import errno
import sys
import threading
from collections.abc import Sequence
from typing import Any

from huggingface_hub import constants
from huggingface_hub.errors import (
    DisabledRepoError,
    GatedRepoError,
    HFValidationError,
    HTTPError,
    IncompleteSnapshotError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import disable_progress_bars, tqdm

from benchmark import stopping
from benchmark.progress import hearer

DATA_SET, MODEL = "data set", "model"  # the kinds of repositories
OPTIONS = {DATA_SET: " --repo-type dataset", MODEL: ""}
PAGES = {DATA_SET: "datasets/", MODEL: ""}
BYTES, MB = "B", 1_000_000  # the unit of a progress bar, and its scale
PIECE = 1 << 18  # bytes that are read before a stop or the progress is looked at; the library's are 10 MB
OFFLINE = "the hub was not asked (HF_HUB_OFFLINE is set)"
UNREACHED = (HTTPError, LocalEntryNotFoundError, ConnectionError, TimeoutError)
BROKEN = ("consistency check failed", "incomplete", "peer closed", "content-length", "connection reset")
TOO_MANY, REFUSED = 429, (401, 403)


def downloading(repo: str) -> type[tqdm]:
    """Announce that a repository is fetched.

    Return the class of a bar that reports bytes to the run's display.
    """
    if not constants.HF_HUB_OFFLINE:
        disable_progress_bars()
        constants.DOWNLOAD_CHUNK_SIZE = PIECE
        print(f"downloading {repo} from the hub (once)", file=sys.stderr, flush=True)
    lock = threading.Lock()  # files come in threads
    tell, unit_told = hearer(), f"MB of {repo} downloaded"

    class CountedBytes(tqdm):
        """A bar that draws nothing itself: bars are disabled."""

        def __init__(self, *arguments: Any, unit: str = "", **options: Any) -> None:
            super().__init__(*arguments, unit=unit, **options)
            self.counts, self.made = unit == BYTES, 0.0

        def update(self, n: float | None = 1) -> bool | None:
            stopping.heed()  # the main thread waits for the other threads to end
            with lock:
                self.made += n or 0
                if self.counts and self.total:
                    tell(unit_told, int(self.made // MB), -(-int(self.total) // MB))
                return super().update(n)

    return CountedBytes


def advice(
    kind: str, repo: str, revision: str | None, error: BaseException, files: Sequence[str] = ()
) -> str:
    """A line on the cause of ``error``, and the way out of it.

    ``kind`` is of the repository. ``files`` are patterns that a user would get by hand.
    """
    causes = _causes(error)
    page = f"{constants.ENDPOINT}/{PAGES[kind]}{repo}"
    get = how_to_get(kind, repo, revision, files)
    for type_, line in {
        OfflineModeIsEnabled: f"{OFFLINE}; {get}",
        HFValidationError: f"{repo!r} is neither a folder or file here nor a name of the hub (OWNER/NAME)",
        GatedRepoError: f"{repo!r} is gated: ask for access at {page}, then `hf auth login`",
        DisabledRepoError: f"{repo!r} was disabled on the hub",
        RepositoryNotFoundError: f"the hub has no {kind} {repo!r} that you may see: mind the spelling, OWNER/NAME; "
        "if it is private, `hf auth login`",
        RevisionNotFoundError: f"{repo!r} has no revision {revision!r}: see {page}/commits/main",
    }.items():
        if any(isinstance(cause, type_) for cause in causes):
            return line
    statuses = [getattr(getattr(cause, "response", None), "status_code", None) for cause in causes]
    if status := next(filter(None, statuses), None):
        return _of_status(repo, status)
    if any(getattr(cause, "errno", None) == errno.ENOSPC for cause in causes):
        return f"no space is left for {repo!r} in {constants.HF_HUB_CACHE}; set HF_HOME to another disk"
    reason = " ".join(f"{type(causes[-1]).__name__}: {causes[-1]}".split())[:300]
    now = [str(cause).lower() for cause in causes if not isinstance(cause, IncompleteSnapshotError)]
    if any(word in text for text in now for word in BROKEN):
        return f"the download of {repo!r} broke off; the same command goes on from there ({reason})"
    if any(isinstance(cause, UNREACHED) for cause in causes):
        return f"the hub was not reached ({reason}); {get}"
    return f"the download of {repo!r} failed: {reason}"


def how_to_get(kind: str, repo: str, revision: str | None = None, files: Sequence[str] = ()) -> str:
    """The command that fills the cache on a connected machine."""
    shown = [*files[:3], *(["…"] if len(files) > 3 else [])]
    includes = "".join(f" --include '{pattern}'" for pattern in shown)
    pinned = f" --revision {revision}" if revision else ""
    command = f"hf download {repo}{OPTIONS[kind]}{pinned}{includes}"
    return f"get it with `{command}` on a connected machine, or set HF_HOME to a cache that has it"


def _of_status(repo: str, status: int) -> str:
    if status == TOO_MANY:
        return f"the hub asks for fewer requests ({status}): wait, or `hf auth login` for a higher limit; {repo!r}"
    if status in REFUSED:
        return f"the hub refuses access to {repo!r} ({status}): `hf auth login` with a token that may read it"
    return f"the hub answered {status} for {repo!r}: try again later"


def _causes(error: BaseException) -> list[BaseException]:
    """``error`` and the errors behind it, the first cause last."""
    causes: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in causes:
        causes.append(link)
        link = link.__cause__ or link.__context__
    return causes
