"""The files behind a model's name: weights and tokenizer, with their revision. Needs no torch."""

from __future__ import annotations

from pathlib import Path

from benchmark import digests
from benchmark.config.schema import ModelConfig
from benchmark.errors import BenchmarkError
from benchmark.places import in_home

WEIGHTS, TOKENIZER, REVISION = "weights", "tokenizer", "revision"
FORMATS = ("*.safetensors", "*.bin")  # files of weights; the first format in a folder is used
TEXTS = ("*.json", "*.txt", "*.model")  # configuration and tokenizer


def digests_file(model: ModelConfig, cache: Path) -> Path:
    """The place of a model's digests; see `benchmark.digests`."""
    return digests.cache_file(cache, ["model", model.id, model.builder, model.revision])


def folder_of(model: ModelConfig) -> Path | None:
    """The folder of a model on this machine.

    None for a builder's model, or if it is not here. Nothing is fetched.
    """
    from huggingface_hub.errors import HFValidationError

    from benchmark.models import checkpoint, fetching  # imports the hub's library, which is slow

    if model.id is None:
        return None
    folder: Path | None = in_home(model.id)
    try:
        if folder is None or not folder.is_dir():
            folder = fetching.cached(model.id, model.revision, checkpoint.CONFIG, checkpoint.MODULES)
        place = folder and checkpoint.inside(checkpoint.Checkpoint(model.name, folder), strict=False)
    except (HFValidationError, BenchmarkError):
        return None
    return place.folder if place else None


def computed(model: ModelConfig, folder: Path, cache: Path) -> dict[str, str]:
    """The digests of the model in ``folder`` by ``WEIGHTS`` and ``TOKENIZER``, and its ``REVISION``."""
    weights = next((paths for name in FORMATS if (paths := sorted(folder.glob(name)))), [])
    texts = sorted(path for name in TEXTS for path in folder.glob(name))
    facts = {REVISION: folder.name} if folder.parent.name == "snapshots" else {}
    return digests.computed(digests_file(model, cache), {WEIGHTS: weights, TOKENIZER: texts}, facts)
