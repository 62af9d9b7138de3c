"""Parquet files of a split in the hub's cache, and the number of their rows."""

from __future__ import annotations

from pathlib import Path


def paths(folder: Path, config: str, split: str) -> list[Path]:
    """The files of a split: ``CONFIG/SPLIT-*`` or ``CONFIG/SPLIT/``.

    The latter is the layout of branches that the hub converts by itself.
    """
    files = sorted((folder / config).glob(f"{split}-*.parquet"))
    return files or sorted((folder / config / split).glob("*.parquet"))


def size(repo: str, revision: str | None, config: str, split: str) -> int | None:
    """The number of rows in a split's files; None if they are not cached.

    All rows count, whatever their content. Nothing is fetched.
    """
    import pyarrow.parquet
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        folder = snapshot_download(repo, repo_type="dataset", revision=revision, local_files_only=True)
    except (LocalEntryNotFoundError, OSError):
        return None
    files = paths(Path(folder), config, split)
    return sum(pyarrow.parquet.read_metadata(path).num_rows for path in files) if files else None
