"""A pretrained encoder with a fresh head: from the hub, a folder or the project."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import PreTrainedModel
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from benchmark.config.schema import ModelConfig
from benchmark.config.targets import made_by
from benchmark.models import fitting
from benchmark.models.checkpoint import Checkpoint, in_short, located
from benchmark.randomness import derive

CLASSIFIER = "AutoModelForSequenceClassification"
# Values of a configuration that change how a model computes or what it returns, never its result; set as
# needed here.
SWITCHES: dict[str, Any] = {
    "chunk_size_feed_forward": 0,  # above 0 it saves memory, but fails for most lengths
    "return_dict": True,
    "output_attentions": False,
    "output_hidden_states": False,
}


def source(model: ModelConfig, cache: Path) -> str:
    """The hub id or local folder of ``model``.

    An encoder of the project itself is built first.
    """
    return str(made_by("model.builder", model.builder, cache)) if model.builder else str(model.id)


def tokenizer(model: ModelConfig, cache: Path, pairs: bool = False) -> PreTrainedTokenizerBase:
    """Load the tokenizer of ``model``, limited to the positions that the model has.

    ``pairs``: it is for two texts per example. Raises: BenchmarkError if the checkpoint cannot be found, or
    its tokenizer does not fit it.
    """
    place = checkpoint(model, cache)
    place.check_files()
    return fitting.tokenizer(place, pairs)


def load(
    model: ModelConfig,
    units: int,
    seed: int,
    cache: Path,
    head: str = CLASSIFIER,
) -> PreTrainedModel:
    """Load ``model`` in float32 with a fresh head of ``units`` units.

    The head, of the `transformers` class ``head``, is drawn from the run's own head stream. The model's
    attribute ``drawn`` has the names of all weights that were drawn.

    Raises: BenchmarkError if the checkpoint cannot be found, or lacks a weight of its encoder.
    """
    place = checkpoint(model, cache)
    config = fitting.configuration(place)
    fitting.skeleton(place, config, head)
    if head == CLASSIFIER and config.is_encoder_decoder:
        fitting.check_end(place, config)
    # A decoder's head finds the last token of a text by the padding token.
    unpadded = getattr(config, "pad_token_id", 0) is None
    changes: dict[str, Any] = {"pad_token_id": fitting.tokenizer(place).pad_token_id} if unpadded else {}
    changes |= {key: value for key, value in SWITCHES.items() if getattr(config, key, value) != value}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(seed, "head"))
        try:
            loaded, loading = getattr(transformers, head).from_pretrained(
                place.folder,
                num_labels=units,
                **changes,
                dtype=torch.float32,
                ignore_mismatched_sizes=True,  # the head of a checkpoint for another task need not fit
                trust_remote_code=False,
                local_files_only=True,
                output_loading_info=True,
            )
        except Exception as error:  # many types; likely causes were checked before
            raise place.refusal("", f"cannot be loaded ({in_short(error)})") from error
    loaded.drawn = fitting.check_weights(place, loaded, loading)
    fitting.check_computes(place, loaded)
    return loaded


def depth(model: ModelConfig, cache: Path) -> int:
    """The number of layers of ``model``.

    Raises: BenchmarkError if it cannot be found.
    """
    return int(fitting.configuration(checkpoint(model, cache)).num_hidden_layers)


def checkpoint(model: ModelConfig, cache: Path) -> Checkpoint:
    """The files of ``model``. Raises: BenchmarkError if they cannot be found."""
    return located(model.name, source(model, cache), model.revision)
