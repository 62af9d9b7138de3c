"""The check that a model computes the same with and without padding."""

from __future__ import annotations

import hashlib
import math
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache as kept
from functools import partial
from pathlib import Path

import torch
import transformers
from torch import nn

from benchmark.models.architecture import Encoder, on_input

# Lengths of the texts in tokens. On a CPU the first two attend in one group; the last, mostly padding, is
# also computed alone.
LENGTHS = (5, 6, 2)
WINDOWED = re.compile(
    "window|local_attention|chunk|block_size"
)  # values of a configuration that long texts need
MOST = 512  # tokens of a text, where the model has no limit
TOLERANCE = 3e-5  # relative to the largest value; rounding alone is 4e-6 after 24 layers
ROWS = 64  # rows of a matrix from which its spread is estimated
FIRST_WORD = 5  # ids below are special tokens in most vocabularies
FOLDER = "packing"  # folder of results in the cache
KNOWN: dict[str, bool] = {}  # results in this process

Inputs = dict[str, torch.Tensor]


class Check:
    """The results of a model with padding, for comparison: on a batch, and on a text longer than a window."""

    def __init__(self, encoder: Encoder) -> None:
        self.encoder = encoder
        self.batch, self.long = texts(encoder, LENGTHS), texts(encoder, longer_than_windows(encoder))
        self.alone = {name: values[-1:, : LENGTHS[-1]] for name, values in self.batch.items()}
        with exact(encoder):
            self.expected = [results(encoder, inputs) for inputs in (self.batch, self.long)]

    def holds(self) -> bool:
        """True if texts together and the shortest alone give the same results."""
        with exact(self.encoder):
            again = [results(self.encoder, inputs) for inputs in (self.batch, self.long)]
            alone = results(self.encoder, self.alone)[0]
        return close(alone, self.expected[0][0][-len(alone) :]) and all(
            close(hidden, states) and equal_outputs(outputs, expected)
            for (hidden, outputs), (states, expected) in zip(again, self.expected, strict=True)
        )

    def finite(self) -> bool:
        """True if the model gives numbers with padding: one that diverged tells nothing of others like it."""
        return all(
            value.isfinite().all()
            for states, outputs in self.expected
            for value in (states, *outputs.values())
        )

    def outputs_hold(self) -> bool:
        """True if the model's head now gives the same results."""
        with exact(self.encoder):
            return equal_outputs(results(self.encoder, self.batch)[1], self.expected[0][1])


def key(encoder: Encoder) -> str:
    """A digest of everything that decides the check: configuration, class, device, versions, our code."""
    device = next(encoder.model.parameters()).device
    parts = (
        encoder.model.config.to_json_string(use_diff=False),
        type(encoder.model).__name__,
        device.type,
        torch.__version__,
        transformers.__version__,
        _own_code(),
    )
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def known(key: str, cache: Path | None) -> bool | None:
    """The result of an earlier check; None if there is none."""
    if key not in KNOWN and cache is not None:
        path = cache / FOLDER / key
        text = path.read_text(errors="replace") if path.is_file() else ""
        if text in (str(True), str(False)):
            KNOWN[key] = text == str(True)
    return KNOWN.get(key)


def keep(key: str, result: bool, cache: Path | None) -> None:
    """Keep the result of a check in this process, and in the folder ``cache``."""
    KNOWN[key] = result
    if cache is None:
        return
    path = cache / FOLDER / key
    with suppress(OSError):  # a cache that cannot be written to: it is checked again the next time
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}")
        part.write_text(str(result))
        part.replace(path)


@kept
def _own_code() -> str:
    """A digest of the code of this folder."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


def longer_than_windows(encoder: Encoder) -> list[int]:
    """The tokens of a text that no window of the model's configuration holds; empty if it has none."""
    config = encoder.model.config
    windows = [
        value
        for name, value in config.to_dict().items()
        if WINDOWED.search(name) and isinstance(value, int) and value > 1
    ]
    most = getattr(config, "max_position_embeddings", None) or MOST
    return [min(max(windows) + 3, most - FIRST_WORD)] if windows else []


def texts(encoder: Encoder, lengths: Sequence[int]) -> Inputs:
    """Made-up texts of ``lengths`` tokens: ``input_ids`` and ``attention_mask`` on the model's device."""
    device = next(encoder.model.parameters()).device
    mask = (torch.arange(max(lengths, default=0)) < torch.tensor(lengths)[:, None]).long()
    words = FIRST_WORD + torch.arange(mask.numel()).view(mask.shape) * 7 % max(
        vocabulary(encoder) - FIRST_WORD, 1
    )
    config = encoder.model.config
    padding, end = (getattr(config, name, None) for name in ("pad_token_id", "eos_token_id"))
    if isinstance(end, int) and end < vocabulary(
        encoder
    ):  # the token that some heads read, once in every text
        last = mask.cumsum(1) == torch.tensor(lengths)[:, None]
        words = words.where(words != end, end - 1).where(~last, end)
    return {"input_ids": words.where(mask == 1, padding or 0).to(device), "attention_mask": mask.to(device)}


def vocabulary(encoder: Encoder) -> int:
    """The rows of the token embedding."""
    return int(encoder.words.weight.shape[0])  # type: ignore[index]


def results(encoder: Encoder, inputs: Inputs) -> tuple[torch.Tensor, Inputs]:
    """The last hidden states (tokens, hidden) and head outputs of real tokens.

    The states are those of first tokens alone if the model computes no others.
    """
    if not len(inputs["input_ids"]):
        return torch.zeros(0), {}
    states: list[torch.Tensor] = []
    handle = encoder.base.register_forward_hook(lambda _, __, output: states.append(output[0]))
    try:
        outputs = encoder.model(**inputs)
    finally:
        handle.remove()
    mask = inputs["attention_mask"] == 1
    real = {
        name: value[mask] if value.shape[:2] == mask.shape else value
        for name, value in outputs.items()
        if isinstance(value, torch.Tensor)
    }
    return states[0][mask] if states[0].shape[:2] == mask.shape else states[0].flatten(0, 1), real


def equal_outputs(outputs: Inputs, expected: Inputs) -> bool:
    """True if all outputs of a head are equal up to rounding."""
    return all(close(outputs[name], expected[name]) for name in expected)


def close(result: torch.Tensor, expected: torch.Tensor) -> bool:
    """True if two results are equal up to rounding."""
    if result.shape != expected.shape:
        return False
    return not len(expected) or bool((result - expected).abs().max() <= TOLERANCE * expected.abs().max())


@contextmanager
def exact(encoder: Encoder) -> Iterator[None]:
    """A context of exact float32, without dropout, with weights that show errors."""
    model, training, tf32 = encoder.model, encoder.model.training, torch.backends.cuda.matmul.allow_tf32
    model.eval()
    torch.backends.cuda.matmul.allow_tf32 = False
    try:
        with torch.no_grad(), spread(encoder):
            yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = tf32
        model.train(training)


@contextmanager
def spread(encoder: Encoder) -> Iterator[None]:
    """A context that multiplies the inputs of layers with small weights by powers of two.

    With new weights attention is so even that it hides errors of positions. Larger inputs act like larger
    weights, and no weight has to be changed.
    """
    handles = [
        on_input(module, partial(torch.mul, factor))
        for layer in encoder.layers
        for module in layer.modules()
        if isinstance(module, nn.Linear) and (factor := spreading(module.weight)) > 1
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def spreading(weight: torch.Tensor) -> float:
    """The power of two by which ``weight`` (outputs, inputs) keeps its input's size."""
    deviation = weight[:ROWS].std().item() * math.sqrt(weight.shape[1])
    return 2.0 ** round(-math.log2(deviation)) if deviation > 0 else 1.0
