"""A pretrained encoder with a fresh head: from the hub, a folder or the project."""

from __future__ import annotations

from pathlib import Path

import torch
import transformers
from transformers import AutoConfig, AutoTokenizer, PreTrainedModel
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from benchmark.config.schema import ModelConfig
from benchmark.config.targets import made_by
from benchmark.errors import BenchmarkError
from benchmark.models.origin import in_hub_cache
from benchmark.randomness import derive


def source(model: ModelConfig, cache: Path) -> str:
    """The hub id or local folder of ``model``.

    An encoder of the project itself is built first.
    """
    return str(made_by("model.builder", model.builder, cache)) if model.builder else str(model.id)


def tokenizer(model: ModelConfig, cache: Path) -> PreTrainedTokenizerBase:
    """Load the tokenizer of ``model``.

    Raises: BenchmarkError if it can be found neither in the cache nor, when online, on the hub.
    """
    place = source(model, cache)
    try:
        return AutoTokenizer.from_pretrained(place, revision=model.revision, trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise _not_found(model, place, error) from error


def load(
    model: ModelConfig,
    units: int,
    seed: int,
    cache: Path,
    head: str = "AutoModelForSequenceClassification",
) -> PreTrainedModel:
    """Load ``model`` in float32 with a fresh head of ``units`` units.

    The head, of the `transformers` class ``head``, is drawn from the run's own head stream.

    Raises: BenchmarkError if the checkpoint cannot be found.
    """
    place = source(model, cache)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(seed, "head"))
        try:
            return getattr(transformers, head).from_pretrained(
                place,
                revision=model.revision,
                num_labels=units,
                dtype=torch.float32,
                ignore_mismatched_sizes=True,  # a checkpoint of another task has a head that does not fit
                trust_remote_code=False,
            )
        except (OSError, ValueError) as error:
            raise _not_found(model, place, error) from error


def depth(model: ModelConfig, cache: Path) -> int:
    """The number of layers of ``model``.

    Raises: BenchmarkError if it cannot be found.
    """
    place = source(model, cache)
    try:
        config = AutoConfig.from_pretrained(place, revision=model.revision, trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise _not_found(model, place, error) from error
    return int(config.num_hidden_layers)


def folder(model: ModelConfig, cache: Path) -> Path | None:
    """The folder of ``model``: its own, or the snapshot in the hub's cache; None if there is none."""
    place = Path(source(model, cache))
    return place if place.is_dir() else in_hub_cache(str(place), model.revision)


def _not_found(model: ModelConfig, place: str, error: Exception) -> BenchmarkError:
    revision = f" at revision {model.revision}" if model.revision else ""
    return BenchmarkError(
        f"model {model.name!r}: no checkpoint {place!r}{revision} in the hub cache or as a folder, and the "
        f"hub was not reached; get it with `hf download {place}` on a connected machine, or set HF_HOME "
        f"to a cache that has it ({' '.join(str(error).split())[:120]}…)"
    )
