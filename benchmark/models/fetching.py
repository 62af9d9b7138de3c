"""Checkpoints of the hub: found in its cache, or fetched, or refused with the hub's answer."""

from __future__ import annotations

from pathlib import Path

from huggingface_hub import constants, snapshot_download, try_to_load_from_cache
from huggingface_hub.utils import tqdm

from benchmark.errors import BenchmarkError
from benchmark.hub_answers import MODEL, advice, downloading

FILES = ["*.json", "*.txt", "*.model", "*.safetensors"]
PICKLED = ["*.bin"]  # fetched only if there are no safetensors
OTHERS = ["onnx/*", "openvino/*", "coreml/*", "*training_args.bin"]


def cached(repo: str, revision: str | None, *files: str) -> Path | None:
    """The folder of a revision in the cache that has one of ``files``; None if there is none."""
    for file in files:
        path = try_to_load_from_cache(repo, file, revision=revision)
        if isinstance(path, str):
            return Path(path).parent
    return None


def fetched(name: str, repo: str, revision: str | None, absent: bool) -> Path | None:
    """The folder of a revision, after missing files were fetched.

    None if the hub may not be asked and something of it is in the cache, not ``absent``.
    Raises: BenchmarkError with the hub's answer and what to do about it.
    """
    if constants.HF_HUB_OFFLINE and not absent:
        return None
    bar = downloading(repo)
    try:
        folder = _snapshot(repo, revision, FILES, bar)
        if not any(folder.rglob("*.safetensors")):
            _snapshot(repo, revision, PICKLED, bar)
    except Exception as error:  # errors of the hub, the network library or the disk
        state = "is not in the hub cache" if absent else "is not whole in the hub cache"
        line = advice(MODEL, repo, revision, error)
        raise BenchmarkError(f"model {name!r}: {repo!r} {state}: {line}") from error
    return folder


def _snapshot(repo: str, revision: str | None, files: list[str], bar: type[tqdm]) -> Path:
    return Path(
        snapshot_download(
            repo, revision=revision, allow_patterns=files, ignore_patterns=OTHERS, tqdm_class=bar
        )
    )
