"""One part of a training step, as methods see it: the clean pass, and further passes they ask for."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from transformers import PreTrainedModel

from benchmark import chance
from benchmark.architecture import Encoder, recorded
from benchmark.errors import unknown
from benchmark.layout import Layout
from benchmark.packing import Packing
from benchmark.randomness import derive
from benchmark.tasks import Task

DROPOUTS = ("independent", "shared", "off")


@dataclass
class Step:
    """Part ``part`` of the batch of update ``number`` (0-based) out of ``total``.

    ``inputs`` are the model's, ``targets`` (examples, …) the labels or values; ``share`` is the part's
    share of the batch, by which its loss is weighted. Logits are of the task's *items*: examples, labelled
    words, or starts and ends of answers (`benchmark.tasks.base`).
    """

    model: PreTrainedModel
    encoder: Encoder
    task: Task
    inputs: dict[str, torch.Tensor]
    targets: torch.Tensor
    number: int
    total: int
    seed: int
    part: int = 0
    share: float = 1.0
    precision: str = "float32"
    packing: Packing | None = None

    @cached_property
    def logits(self) -> torch.Tensor:
        """Logits (items, classes) of the clean pass, computed once whoever asks.

        ``hidden_states`` are then the first layer's input and every layer's output; the last one's only
        where a method ``needs_last_states``. Without padding they are (1, tokens, hidden).
        """
        with recorded(self.encoder) as states:
            logits = self.forward("shared")
        partial = self.packing is not None and self.packing.first_only
        self.hidden_states = states[:-1] if partial else states
        return logits

    @property
    def layout(self) -> Layout | None:
        """Where the tokens of packed hidden states belong; None if they are padded."""
        return None if self.packing is None else self.packing.of(self.inputs["attention_mask"])

    @property
    def real_tokens(self) -> torch.Tensor:
        """1 at real tokens and 0 at padding, (examples, length), or (1, tokens) where there is no padding."""
        mask = self.inputs["attention_mask"]
        return mask if self.layout is None else mask.new_ones(1, len(self.layout.tokens))

    def forward(self, dropout: str, *name: str | int) -> torch.Tensor:
        """Logits (items, classes) of one more pass, under whatever hooks are active.

        ``dropout``: ``shared`` draws the masks of the clean pass again, ``independent`` draws others
        (from a stream called ``name``), ``off`` is evaluation mode. Raises: BenchmarkError for another.
        """
        if dropout not in DROPOUTS:
            raise unknown("dropout", dropout, DROPOUTS)
        # Dropout has a stream per pass, so that what a method draws in between cannot shift it.
        purpose = name if dropout == "independent" else ()
        chance.start_pass(derive(self.seed, "dropout", self.number, self.part, *purpose))
        self.model.train(dropout != "off")
        try:
            with autocast(self.precision, self.targets.device):
                output = self.model(**self.inputs)
            return self.task.read(output, self.inputs, self.targets)
        finally:
            self.model.train()

    def task_loss(self, logits: torch.Tensor | None = None) -> torch.Tensor:
        """The task's mean loss on ``logits``, or on those of the clean pass."""
        return self.task.loss(self.logits if logits is None else logits, self.targets)

    def backward(self, loss: torch.Tensor) -> None:
        """Add the gradients of this part's ``loss``, by its share of the batch."""
        (loss * self.share).backward()


def autocast(precision: str, device: torch.device) -> AbstractContextManager[Any]:
    """bfloat16 autocasts a forward pass; float32 and tf32 are set once per process by the runner."""
    return torch.autocast(device.type, torch.bfloat16) if precision == "bfloat16" else nullcontext()
