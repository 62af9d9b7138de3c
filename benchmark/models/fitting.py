"""Checks that the weights of a checkpoint fit its configuration.

Its model must compute a batch of texts.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from transformers import PreTrainedModel

from benchmark.errors import BenchmarkError
from benchmark.models import verification
from benchmark.models.architecture import POOLER, Encoder, encoder_of
from benchmark.models.checkpoint import CONFIG, Checkpoint, in_short
from benchmark.models.config_values import uneven

NAMED = 3  # weights in a message
COMPUTED = ("position_ids", "token_type_ids", "inv_freq", "masked_bias")  # once kept beside weights


def parts_of(checkpoint: Checkpoint, model: PreTrainedModel) -> Encoder:
    """The parts of a checkpoint's model.

    Raises: BenchmarkError naming the checkpoint if it has no list of layers or no token embedding.
    """
    try:
        return encoder_of(model)
    except BenchmarkError as error:
        raise checkpoint.refusal(CONFIG, str(error)) from error


def check_weights(checkpoint: Checkpoint, model: PreTrainedModel, loading: dict[str, Any]) -> list[str]:
    """Check that a checkpoint had every weight of its encoder.

    ``loading`` is the loading information of `transformers`.

    Returns the names of weights that were drawn: the head's, and the pooler's if it had none.
    Raises: BenchmarkError naming a weight that is missing, left over, of another size, or not finite.
    """
    encoder = parts_of(checkpoint, model)

    def is_encoder(name: str) -> bool:
        return not encoder.in_head(name) and not encoder.in_pooler(name)

    files = ", ".join(path.name for path in checkpoint.weights()[:NAMED])
    sizes = {name: sizes for name, *sizes in sorted(loading["mismatched_keys"])}
    for name, (has, needs) in sizes.items():
        if is_encoder(name):
            raise checkpoint.refusal(
                files,
                f"{name} is {tuple(has)} there, and {tuple(needs)} by {CONFIG}; one of them belongs to another model",
            )
    missing = sorted(loading["missing_keys"])
    if lost := [name for name in missing if is_encoder(name)]:
        unknown = sorted(loading["unexpected_keys"])
        instead = f" (it has {', '.join(unknown[:NAMED])}, which this model has not)" if unknown else ""
        raise checkpoint.refusal(files, f"has no {_listed(lost)}{instead}")
    if unused := unused_of(encoder, loading["unexpected_keys"]):
        raise checkpoint.refusal(
            files, f"has {_listed(unused)}, and the model of {CONFIG} has no place for it"
        )
    drawn = {*missing, *sizes}
    for name, parameter in model.named_parameters():
        if name not in drawn and not parameter.detach().sum().isfinite():
            raise checkpoint.refusal(files, f"{name} has values that are not finite (NaN or infinite)")
    return sorted(drawn)


def unused_of(encoder: Encoder, unexpected: Iterable[str]) -> list[str]:
    """The weights of the checkpoint's encoder for which the model has no place.

    Pretraining heads, a pooler and tables that the model computes itself may be left over.
    """
    parts = {name for name, _ in encoder.base.named_children()} - {POOLER}
    places = [(name, name.removeprefix(encoder.prefix).split(".")) for name in unexpected]
    return sorted(name for name, place in places if place[0] in parts and place[-1] not in COMPUTED)


def check_computes(checkpoint: Checkpoint, model: PreTrainedModel) -> None:
    """Check that a model computes texts, and that its head sees their words.

    Raises: BenchmarkError with the model's own error, or with the likely cause.
    """
    name = type(model).__name__
    try:
        with torch.no_grad():
            inputs = verification.texts(encoder_of(model), verification.LENGTHS)
            blind = _blind(model.eval(), inputs)
    except Exception as error:  # an architecture may need further inputs, and raises any type without them
        reason = uneven(model.config) or f"{name} cannot compute a batch of texts ({in_short(error)})"
        raise checkpoint.refusal(CONFIG, reason) from error
    if blind:
        raise checkpoint.refusal(
            CONFIG,
            f"is_decoder=true: a token sees only those before it, and the head of {name} reads the "
            "first: its results would be the same for all texts; must be false",
        )


def _blind(model: PreTrainedModel, inputs: verification.Inputs) -> bool:
    """True if a decoder's results do not change with a word within a text."""
    before, ids = model(**inputs)[0], inputs["input_ids"]
    if not getattr(model.config, "is_decoder", False):
        return False
    others = ids.clone()
    others[0, 1] = ids[0, 2]
    return not torch.equal(others, ids) and torch.equal(before, model(**inputs | {"input_ids": others})[0])


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{', '.join(names[:NAMED])}{more}"
