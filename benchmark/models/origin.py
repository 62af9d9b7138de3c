"""The files behind a model's name: weights and tokenizer, with their revision. Needs no torch."""

from __future__ import annotations

from pathlib import Path

from benchmark import digests
from benchmark.config.schema import ModelConfig

WEIGHTS, TOKENIZER, REVISION = "weights", "tokenizer", "revision"
FORMATS = ("*.safetensors", "*.bin")  # of weights; the first that a folder has counts
TEXTS = ("*.json", "*.txt", "*.model")  # configuration and tokenizer


def kept(model: ModelConfig, cache: Path) -> Path:
    """The place of a model's digests; see `benchmark.digests`."""
    return digests.place(cache, ["model", model.id, model.builder, model.revision])


def folder_of(model: ModelConfig) -> Path | None:
    """The folder of a model on this machine; None for a builder's, or if it is not here. Fetches nothing."""
    if model.id is None:
        return None
    if (folder := Path(model.id).expanduser()).is_dir():
        return folder
    return in_hub_cache(model.id, model.revision)


def in_hub_cache(repo: str, revision: str | None) -> Path | None:
    """The snapshot of a model of the hub, if its configuration is cached."""
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        path = try_to_load_from_cache(repo, "config.json", revision=revision)
    except HFValidationError:
        return None
    return Path(path).parent if isinstance(path, str) else None


def computed(model: ModelConfig, folder: Path, cache: Path) -> dict[str, str]:
    """The digests of the model in ``folder`` by ``WEIGHTS`` and ``TOKENIZER``, and its ``REVISION``."""
    weights = next((paths for name in FORMATS if (paths := sorted(folder.glob(name)))), [])
    texts = sorted(path for name in TEXTS for path in folder.glob(name))
    facts = {REVISION: folder.name} if folder.parent.name == "snapshots" else {}
    return digests.computed(kept(model, cache), {WEIGHTS: weights, TOKENIZER: texts}, facts)
