"""A pretrained encoder with a fresh head: from the hub, a folder or the project."""

from __future__ import annotations

import logging
from collections.abc import Collection
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import PreTrainedModel
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from benchmark.config.schema import ModelConfig
from benchmark.config.targets import made_by
from benchmark.models import fitting, tokenizing
from benchmark.models.checkpoint import Checkpoint, in_short, located
from benchmark.models.configuration import configuration, skeleton
from benchmark.randomness import derive

log = logging.getLogger(__name__)

CLASSIFIER = "AutoModelForSequenceClassification"


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
    return tokenizing.tokenizer(place, pairs)


def load(
    model: ModelConfig,
    units: int,
    seed: int,
    cache: Path,
    head: str = CLASSIFIER,
) -> PreTrainedModel:
    """Load ``model`` in float32 with a fresh head of ``units`` units.

    The head, of the `transformers` class ``head``, is drawn from the run's own head stream, also if the
    checkpoint has one of another training. The model's attribute ``drawn`` has the names of all weights that
    were drawn.

    Raises: BenchmarkError if the checkpoint cannot be found, or lacks a weight of its encoder.
    """
    place = checkpoint(model, cache)
    config = configuration(place)
    skeleton(place, config, head)
    if head == CLASSIFIER and config.is_encoder_decoder:
        tokenizing.check_end(place, config)
    # A decoder's head finds the last token of a text by the padding token.
    if getattr(config, "pad_token_id", 0) is None:
        config.pad_token_id = tokenizing.tokenizer(place).pad_token_id
    config.num_labels = units
    make = getattr(transformers, head).from_pretrained
    loaded, loading = _made(place, make, place.folder, config, seed, trust_remote_code=False)
    heads = _own_head(place, loaded, loading["missing_keys"])
    loading["missing_keys"] = {*loading["missing_keys"], *heads}
    drawn = fitting.check_weights(place, loaded, loading)
    if heads:
        log.warning(
            "model %r: its checkpoint has a head of another training (%s), which is not taken; a new one is drawn",
            place.name,
            ", ".join(heads),
        )
        kept = {name: value for name, value in loaded.state_dict().items() if name not in drawn}
        loaded, _ = _made(place, type(loaded).from_pretrained, None, config, seed, state_dict=kept)
    loaded.drawn = drawn
    fitting.check_computes(place, loaded)
    return loaded


def _made(
    place: Checkpoint, make: Any, folder: Path | None, config: Any, seed: int, **source: Any
) -> tuple[Any, dict[str, Any]]:
    """A model in float32 with weights from its source, and what `transformers` says of them.

    Weights that the source lacks are drawn from the run's head stream.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(seed, "head"))
        try:
            return make(
                folder,
                config=config,
                dtype=torch.float32,
                ignore_mismatched_sizes=True,  # the head of a checkpoint for another task need not fit
                local_files_only=True,
                output_loading_info=True,
                **source,
            )
        except Exception as error:  # many types; likely causes were checked before
            raise place.refusal("", f"cannot be loaded ({in_short(error)})") from error


def _own_head(place: Checkpoint, model: PreTrainedModel, missing: Collection[str]) -> list[str]:
    """The weights of a model's head if the checkpoint has all of them, in any size.

    If it lacks one, the others are of its pretraining, and a task begins with them.
    """
    encoder = fitting.parts_of(place, model)
    names = [name for name, _ in model.named_parameters() if encoder.in_head(name)]
    return [] if any(name in missing for name in names) else names


def depth(model: ModelConfig, cache: Path) -> int:
    """The number of layers of ``model``.

    Raises: BenchmarkError if it cannot be found.
    """
    return int(configuration(checkpoint(model, cache)).num_hidden_layers)


def checkpoint(model: ModelConfig, cache: Path) -> Checkpoint:
    """The files of ``model``. Raises: BenchmarkError if they cannot be found."""
    return located(model.name, source(model, cache), model.revision)
