"""One part of a training step, as methods see it: clean and further passes."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Protocol

import torch
from transformers import PreTrainedModel

from benchmark.errors import unknown
from benchmark.models import masks
from benchmark.models.architecture import Encoder, captured_states
from benchmark.models.masks import PassName
from benchmark.models.packed_layout import PackedLayout
from benchmark.models.packing import Packing
from benchmark.randomness import derive
from benchmark.step.doubling import FurtherPass, halves, second_half
from benchmark.tasks import Task

DROPOUTS = ("independent", "shared", "off")
Name = tuple[str | int, ...]  # name of a stream of dropout: one of DROPOUTS, then further parts
Passed = tuple[torch.Tensor, list[torch.Tensor]]  # logits and hidden states


class PassHooks(Protocol):
    """The hooks on the passes of a step, explained in `benchmark.methods.base`."""

    @property
    def needs_separate_passes(self) -> bool: ...
    def beside(self, step: Step) -> FurtherPass | None: ...
    def task_loss(self, step: Step) -> torch.Tensor | None: ...
    def loss(self, step: Step) -> torch.Tensor | None: ...


@dataclass
class Step:
    """Part ``part`` of the batch of update ``number`` (0-based) out of ``total``.

    ``inputs`` are the model's, ``targets`` the labels or values in the task's own shape. ``seed`` is that of its
    dropout. ``share`` is the part's share of the batch's items, the weight of its loss; ``share_of_examples`` and
    ``share_of_tokens`` are those of the examples and of their real tokens. Logits are of the task's *items*: examples,
    labelled words, or starts and ends of answers (`benchmark.tasks.kind`).
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
    share_of_examples: float = 1.0
    share_of_tokens: float = 1.0
    precision: str = "float32"
    packing: Packing | None = None
    announced: FurtherPass | None = None  # shares a forward with the clean pass
    passes: list[Name] = field(default_factory=list)  # the computed ones, by the name of their dropout
    # Terms of the loss: the task's, then every method's
    terms: list[torch.Tensor | None] = field(default_factory=list)

    def announce(self, methods: Sequence[PassHooks]) -> None:
        """Let an announced pass share one doubled batch with the clean pass.

        It is the first pass with dropout that ``methods`` announce. Passes stay separate if a method asks for
        it, or if dropout is drawn for the doubled batch as a whole (padded attention, any device other than a
        CPU): the clean half would get masks that plain fine-tuning does not have.
        """
        separate = any(method.needs_separate_passes for method in methods)
        if separate or self.packing is None or not masks.drawn_by_halves(self.model, self.targets.device):
            return
        announced = (method.beside(self) for method in methods)
        self.announced = next((other for other in announced if other and other.dropout != "off"), None)

    @cached_property
    def logits(self) -> torch.Tensor:
        """Logits (items, classes) of the clean pass, computed once for all methods.

        ``hidden_states`` are then the first layer's input and every layer's output. The last layer's is there
        only if a method ``needs_last_states``. Without padding they are (1, tokens, hidden).
        """
        if self.announced is None:
            with captured_states(self.encoder) as states:
                logits = self.forward("shared")
        else:
            (logits, states), self._beside = self._doubled(self.announced)
        partial = self.packing is not None and self.packing.first_only
        self.hidden_states = states[:-1] if partial else states
        return logits

    def again(self) -> Step:
        """The same part of the batch, with nothing computed yet."""
        return replace(self, announced=None)

    @property
    def examples(self) -> int:
        """The number of examples of the part."""
        return len(next(iter(self.inputs.values())))

    @property
    def layout(self) -> PackedLayout | None:
        """The layout of packed hidden states; None if they are padded."""
        return None if self.packing is None else self.packing.of(self.inputs["attention_mask"])

    @property
    def real_tokens(self) -> torch.Tensor:
        """1 at real tokens and 0 at padding: (examples, length).

        All 1 in the shape (1, tokens) if there is no padding.
        """
        mask = self.inputs["attention_mask"]
        return mask if self.layout is None else mask.new_ones(1, len(self.layout.tokens))

    def forward(self, dropout: str, *name: str | int) -> torch.Tensor:
        """Compute logits (items, classes) of one more pass, under all active changes.

        ``dropout``: ``shared`` draws the masks of the clean pass again, ``independent`` draws others (from a
        stream called ``name``), ``off`` is evaluation mode.

        Raises: BenchmarkError for another value of ``dropout``.
        """
        return self._run(self.inputs, self.targets, dropout != "off", (dropout, *name))

    def further(self, asked: FurtherPass) -> Passed:
        """Logits and hidden states of a further pass, in the shapes of the clean pass.

        An announced pass was computed with the clean one.
        """
        if self.announced is not None and asked.name == self.announced.name:
            _ = self.logits  # computes both passes on the first call
            return self._beside
        with asked.hang(asked.change), captured_states(self.encoder) as states:
            return self.forward(asked.dropout, asked.name), states

    def _doubled(self, second: FurtherPass) -> tuple[Passed, Passed]:
        """Compute the clean pass and ``second`` as one forward of a doubled batch."""
        assert self.packing is not None
        inputs = {name: torch.cat([value, value]) for name, value in self.inputs.items()}
        inputs["attention_mask"] = self.packing.doubled(self.inputs["attention_mask"])
        targets = self.task.twice(self.targets, self.examples)
        names: tuple[Name, Name] = (("shared",), (second.dropout, second.name))
        with second.hang(second_half(second)), captured_states(self.encoder) as states:
            logits = self._run(inputs, targets, True, *names)
        (clean, *clean_states), (beside, *states_beside) = zip(*map(halves, (logits, *states)), strict=True)
        return (clean, clean_states), (beside, states_beside)

    def stream(self, dropout: str | int, *name: str | int) -> int:
        """The seed of a pass's dropout.

        Every pass has its own: draws of a method between passes cannot shift it.
        """
        return derive(self.seed, *self.stream_name(dropout, *name))

    def stream_name(self, dropout: str | int, *name: str | int) -> PassName:
        """The name by which a pass's streams are derived; passes that share dropout share it.

        Raises: BenchmarkError for a way of dropout that does not exist.
        """
        if dropout not in DROPOUTS:
            raise unknown("dropout", dropout, DROPOUTS)
        purpose = name if dropout == "independent" else ()
        return "dropout", self.number, self.part, *purpose

    def _run(
        self, inputs: dict[str, torch.Tensor], targets: torch.Tensor, training: bool, *names: Name
    ) -> torch.Tensor:
        """Compute logits (items, classes) of ``inputs``.

        Each half draws its dropout from the stream of one of ``names``.
        """
        streams = [self.stream(*name) for name in names]
        masks.start_pass(*streams, name=self.stream_name(*names[0]), device=self.targets.device)
        self.passes.append(names[0])
        if self.model.training != training:  # setting it walks through all modules
            self.model.train(training)
        try:
            with autocast(self.precision, self.targets.device):
                output = self.model(**inputs)
            return self.task.read(output, inputs, targets)
        finally:
            if not self.model.training:
                self.model.train()

    def task_loss(self, logits: torch.Tensor | None = None) -> torch.Tensor:
        """The task's mean loss on ``logits``; None: on those of the clean pass."""
        return self.task.loss(self.logits if logits is None else logits, self.targets)

    def backward(self, loss: torch.Tensor) -> None:
        """Add the gradients of this part's ``loss``, weighted by its share of the batch."""
        (loss * self.share).backward()


def learn(step: Step, methods: Sequence[PassHooks]) -> torch.Tensor:
    """Take one part of a batch forward and backward.

    Adds to the gradients. Returns the part's share of the loss.
    """
    loss = total_loss(step, methods)
    step.backward(loss)
    return loss.detach() * step.share


def total_loss(step: Step, methods: Sequence[PassHooks]) -> torch.Tensor:
    """The loss of one part of a batch: the task's or its replacement, plus terms."""
    step.announce(methods)
    loss = next((own for m in methods if (own := m.task_loss(step)) is not None), None)
    if loss is None:
        loss = step.task_loss()
    step.terms = [loss.detach()]
    for method in methods:
        term = method.loss(step)
        step.terms.append(None if term is None else term.detach())
        if term is not None:
            loss = loss + term
    return loss


def autocast(precision: str, device: torch.device) -> AbstractContextManager[Any]:
    """Autocast a forward pass to bfloat16, if that is the precision.

    The runner sets float32 and tf32 once per process.
    """
    return torch.autocast(device.type, torch.bfloat16) if precision == "bfloat16" else nullcontext()
