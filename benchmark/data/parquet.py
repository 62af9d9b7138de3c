"""Where a data set of the hub's cache has the Parquet files of a split, and how many rows are in them."""

from __future__ import annotations

from pathlib import Path


def paths(folder: Path, config: str, split: str) -> list[Path]:
    """The files of a split: ``CONFIG/SPLIT-*``, or ``CONFIG/SPLIT/`` in branches that the hub converts by itself."""
    found = sorted((folder / config).glob(f"{split}-*.parquet"))
    return found or sorted((folder / config / split).glob("*.parquet"))


def size(repo: str, revision: str | None, config: str, split: str) -> int | None:
    """The rows of a split's files, whatever they say; None if they are not in the cache. Nothing is fetched."""
    import pyarrow.parquet
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        folder = snapshot_download(repo, repo_type="dataset", revision=revision, local_files_only=True)
    except (LocalEntryNotFoundError, OSError):
        return None
    found = paths(Path(folder), config, split)
    return sum(pyarrow.parquet.read_metadata(path).num_rows for path in found) if found else None
