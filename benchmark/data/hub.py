"""Data sets of the hub: the cache is looked at first, and the hub is asked once for what it lacks."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from huggingface_hub import HfApi, constants, hf_hub_download, snapshot_download
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

from benchmark.data.listing import Listing, listed
from benchmark.errors import BenchmarkError

README = "README.md"
UNREACHED = (HTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled, ConnectionError, TimeoutError)
Choice = Callable[[Listing], list[str]]  # the names of the files to get


def cached(repo: str, revision: str | None) -> Path | None:
    """The folder of a data set in the hub's cache, perhaps with some of its files only; None if it has none.

    Raises: BenchmarkError for a name that no repository can have.
    """
    try:
        return Path(snapshot_download(repo, repo_type="dataset", revision=revision, local_files_only=True))
    except IncompleteSnapshotError as error:
        return Path(error.snapshot_path)
    except (LocalEntryNotFoundError, OfflineModeIsEnabled):
        return None
    except HFValidationError as error:
        raise BenchmarkError(reason(repo, revision, error)) from error


def fetched(repo: str, revision: str | None, choice: Choice, patterns: list[str]) -> Path:
    """The folder in the hub's cache, after the files of ``choice`` were downloaded.

    ``patterns`` are the files that a user would get by hand. Raises: BenchmarkError that says what the hub
    answered, or why it was not asked.
    """
    if constants.HF_HUB_OFFLINE:
        advice = how_to_get(repo, revision, patterns)
        raise BenchmarkError(f"the hub was not asked (HF_HUB_OFFLINE is set); {advice}")
    readme = None
    with answers_told(repo, revision, patterns):
        names = [
            sibling.rfilename for sibling in HfApi().dataset_info(repo, revision=revision).siblings or []
        ]
        if README in names:
            readme = Path(hf_hub_download(repo, README, repo_type="dataset", revision=revision)).read_text()
    there = listed(names, readme)
    if not there.names:
        raise BenchmarkError(no_data(names))
    wanted = [README, *choice(there)]
    with answers_told(repo, revision, patterns):
        return Path(
            snapshot_download(repo, repo_type="dataset", revision=revision, allow_patterns=_literal(wanted))
        )


@contextmanager
def answers_told(repo: str, revision: str | None, patterns: list[str]) -> Iterator[None]:
    """Turn an error of the hub, or of the way to it, into a line that says what helps.

    Raises: BenchmarkError.
    """
    try:
        yield
    except Exception as error:  # huggingface_hub raises many types of its own, and those of its libraries
        if not is_answer(error) and isinstance(error, UNREACHED):
            advice = how_to_get(repo, revision, patterns)
            raise BenchmarkError(f"the hub was not reached ({_one_line(error)}); {advice}") from error
        raise BenchmarkError(reason(repo, revision, error)) from error


def is_answer(error: BaseException) -> bool:
    """True for an error with the hub's own answer."""
    return getattr(error, "response", None) is not None


def no_data(names: Iterable[str]) -> str:
    """A line on a data set without a file that is read; a script is never run."""
    present = sorted(names)
    if any(name.endswith(".py") for name in present):
        return (
            "it is a script, and no code of a data set is run; the hub's own conversion is the "
            "revision refs/convert/parquet"
        )
    shown = ", ".join(present[:10]) or "nothing"
    return f"no file of Parquet, CSV, TSV, JSON or Arrow (it has {shown})"


def reason(repo: str, revision: str | None, error: BaseException) -> str:
    """A line on an error of the hub: its cause, and what helps."""
    page = f"{constants.ENDPOINT}/datasets/{repo}"
    status = getattr(getattr(error, "response", None), "status_code", None)
    if isinstance(error, GatedRepoError):
        return f"{repo!r} is gated: ask for access at {page}, then `hf auth login`"
    if isinstance(error, DisabledRepoError):
        return f"{repo!r} was disabled on the hub"
    if isinstance(error, RevisionNotFoundError):
        return f"{repo!r} has no revision {revision!r}: see {page}/commits/main"
    if isinstance(error, RepositoryNotFoundError):
        return (
            f"the hub has no data set {repo!r} that you may see: mind the spelling, OWNER/NAME; if it is "
            "private, `hf auth login`"
        )
    if isinstance(error, HFValidationError):
        return f"{repo!r} is neither a folder or file here nor a name of the hub (OWNER/NAME)"
    if status == 429:
        return f"the hub asks for fewer requests (429): wait, or `hf auth login` for a higher limit; {repo!r}"
    if status in (401, 403):
        return f"the hub refuses access to {repo!r} ({status}): `hf auth login` with a token that may read it"
    if status is not None:
        return f"the hub answered {status} for {repo!r}: try again later"
    if getattr(error, "errno", None) == errno.ENOSPC:
        return f"no space is left for {repo!r} in {constants.HF_HUB_CACHE}"
    return f"the download of {repo!r} failed: {_one_line(error)}"


def how_to_get(repo: str, revision: str | None, patterns: list[str]) -> str:
    """The command that fills the cache on a connected machine."""
    shown = [*patterns[:3], *(["…"] if len(patterns) > 3 else [])]
    includes = "".join(f" --include '{pattern}'" for pattern in shown)
    pinned = f" --revision {revision}" if revision else ""
    return f"get it with `hf download {repo} --repo-type dataset{pinned}{includes}` on a connected machine"


def _literal(names: Iterable[str]) -> list[str]:
    """Names as patterns that match themselves alone."""
    return [name.replace("[", "[[]") for name in names]


def _one_line(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]
