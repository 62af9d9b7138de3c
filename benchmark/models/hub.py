"""Checkpoints of the hub: found in its cache, or fetched, or refused with what the hub answered."""

from __future__ import annotations

import errno
from pathlib import Path

from huggingface_hub import constants, snapshot_download, try_to_load_from_cache
from huggingface_hub.errors import (
    DisabledRepoError,
    GatedRepoError,
    HfHubHTTPError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from benchmark.errors import BenchmarkError

FILES = ["*.json", "*.txt", "*.model", "*.safetensors"]
PICKLED = ["*.bin"]  # fetched only if there are no safetensors
OTHERS = ["onnx/*", "openvino/*", "coreml/*", "*training_args.bin"]
TOO_MANY, FORBIDDEN, UNAUTHORISED, SERVER = 429, 403, 401, 500
BROKEN = ("consistency check failed", "incomplete", "peer closed", "content-length", "connection reset")


def cached(repo: str, revision: str | None, *files: str) -> Path | None:
    """The folder of a revision in the cache that has one of ``files``; None if there is none."""
    for file in files:
        path = try_to_load_from_cache(repo, file, revision=revision)
        if isinstance(path, str):
            return Path(path).parent
    return None


def fetched(name: str, repo: str, revision: str | None, absent: bool) -> Path | None:
    """The folder of a revision, with what its cache had not.

    None if the hub may not be asked and something of it is in the cache, not ``absent``.
    Raises: BenchmarkError that tells a user what the hub's answer asks for.
    """
    if constants.HF_HUB_OFFLINE and not absent:
        return None
    try:
        folder = Path(
            snapshot_download(repo, revision=revision, allow_patterns=FILES, ignore_patterns=OTHERS)
        )
        if not any(folder.rglob("*.safetensors")):
            snapshot_download(repo, revision=revision, allow_patterns=PICKLED, ignore_patterns=OTHERS)
    except Exception as error:  # of the hub, of the connection's library, of the disk
        stated = f"{repo!r} at revision {revision}" if revision else repr(repo)
        raise BenchmarkError(f"model {name!r}: {stated}: {advice(repo, revision, error)}") from error
    return folder


def advice(repo: str, revision: str | None, error: BaseException) -> str:
    """The cause of an ``error`` of the hub, and the way out of it."""
    causes = list(_causes(error))
    for kind, text in {
        OfflineModeIsEnabled: f"not in the hub cache, and HF_HUB_OFFLINE keeps from asking the hub; {_get(repo)}",
        GatedRepoError: f"is gated: accept its terms at {constants.ENDPOINT}/{repo}, then `hf auth login`",
        DisabledRepoError: "was disabled on the hub",
        RepositoryNotFoundError: "no such model on the hub: misspelt, or private (then `hf auth login`)",
        RevisionNotFoundError: f"the hub has this model, but no revision {revision!r}",
    }.items():
        if any(isinstance(cause, kind) for cause in causes):
            return text
    status = next((cause.response.status_code for cause in causes if isinstance(cause, HfHubHTTPError)), None)
    if status == TOO_MANY:
        return "too many requests: the hub's rate limit is reached; wait some minutes, or `hf auth login`"
    if status in (UNAUTHORISED, FORBIDDEN):
        return f"the hub refuses access ({status}): `hf auth login` with a token that may read it"
    if status is not None and status >= SERVER:
        return f"the hub is out of order ({status}); try again later"
    if any(isinstance(cause, OSError) and cause.errno == errno.ENOSPC for cause in causes):
        return f"no space left for the hub cache at {constants.HF_HUB_CACHE}; set HF_HOME to another disk"
    last = causes[-1]
    reason = f"{type(last).__name__}: {' '.join(str(last).split())[:120]}"
    if any(word in str(cause).lower() for cause in causes for word in BROKEN):
        return f"the download broke off; the same command goes on from there ({reason})"
    return f"not in the hub cache, and the hub was not reached; {_get(repo)} ({reason})"


def _get(repo: str) -> str:
    return f"get it with `hf download {repo}` on a connected machine, or set HF_HOME to a cache that has it"


def _causes(error: BaseException) -> list[BaseException]:
    """``error`` and the errors behind it, the first cause last."""
    causes: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in causes:
        causes.append(link)
        link = link.__cause__ or link.__context__
    return causes
