"""Data sets of the hub: read from the cache; what the cache lacks is fetched once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from huggingface_hub import HfApi, constants, hf_hub_download, snapshot_download
from huggingface_hub.errors import (
    HFValidationError,
    IncompleteSnapshotError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
)

from benchmark.data.listing import Listing, listed
from benchmark.errors import BenchmarkError
from benchmark.hub_answers import DATA_SET, OFFLINE, advice, downloading, how_to_get

README = "README.md"
Choice = Callable[[Listing], list[str]]  # the names of the files to get


def cached(repo: str, revision: str | None) -> Path | None:
    """A data set's folder in the hub's cache, perhaps incomplete; None if there is none.

    Raises: BenchmarkError for a name that no repository can have.
    """
    try:
        return Path(snapshot_download(repo, repo_type="dataset", revision=revision, local_files_only=True))
    except IncompleteSnapshotError as error:
        return Path(error.snapshot_path)
    except (LocalEntryNotFoundError, OfflineModeIsEnabled):
        return None
    except HFValidationError as error:
        raise BenchmarkError(advice(DATA_SET, repo, revision, error)) from error


def fetched(repo: str, revision: str | None, choice: Choice, patterns: list[str]) -> Path:
    """The folder in the hub's cache, after the files of ``choice`` were downloaded.

    ``patterns`` are the files that a user would get by hand. Raises: BenchmarkError that says what the hub
    answered, or why it was not asked.
    """
    if constants.HF_HUB_OFFLINE:
        raise BenchmarkError(f"{OFFLINE}; {how_to_get(DATA_SET, repo, revision, patterns)}")
    readme = None
    try:
        siblings = HfApi().dataset_info(repo, revision=revision).siblings or []
        names = [sibling.rfilename for sibling in siblings]
        if README in names:
            readme = Path(hf_hub_download(repo, README, repo_type="dataset", revision=revision)).read_text()
        listing = listed(names, readme)
        if not listing.names:
            raise BenchmarkError(no_data(names))
        wanted = _literal([README, *choice(listing)])
        return Path(
            snapshot_download(
                repo,
                repo_type="dataset",
                revision=revision,
                allow_patterns=wanted,
                tqdm_class=downloading(repo),
            )
        )
    except BenchmarkError:
        raise
    except Exception as error:  # huggingface_hub raises many types of its own and of its libraries
        raise BenchmarkError(advice(DATA_SET, repo, revision, error, patterns)) from error


def no_data(names: Iterable[str]) -> str:
    """A line that says why a data set has no readable file; a script is never run."""
    present = sorted(names)
    if any(name.endswith(".py") for name in present):
        return (
            "it is a script, and no code of a data set is run; the hub's own conversion is the "
            "revision refs/convert/parquet"
        )
    shown = ", ".join(present[:10]) or "nothing"
    return f"no file of Parquet, CSV, TSV, JSON or Arrow (it has {shown})"


def _literal(names: Iterable[str]) -> list[str]:
    """Names as patterns that match themselves alone."""
    return [name.replace("[", "[[]") for name in names]
