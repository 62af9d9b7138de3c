"""What a method is: a small class with typed hyper-parameters and only the moments it needs.

While the model is made ready, each hook for all methods before the next begins:

    initialise   decide what fine-tuning starts from (re-initialised blocks)
    remember     keep the start, before anything disturbs it (anchors)
    perturb      disturb the weights (NoisyTune)
    attach       freeze layers, swap modules, hang hooks on the encoder
    survey       one pass over the training data before the first update

In every step, for every part of an accumulated batch:

    beside       announce a pass beside the clean one, so that both can be one doubled batch
    task_loss    take the place of the loss of the clean pass (at most one method)
    loss         add a term, with further passes where it needs them

and inside the update, on lists of tensors, in this order:

    gradient     after clipping, before the moments see it
    direction    the direction is known, no weight has moved yet
    before       weights may move before the step
    moved        the weights have moved, not yet decayed
    after        the update is complete

Methods compose. Within a hook they act in the order of their names, and at no hook does one undo
what another did: masks, factors and pulls multiply or add up; gradients are masked before anybody measures
them (``direction``), and measured before any weight moves. Noise on hidden states is in every training
pass, so that what a method calls the clean pass is noised too, and with other noise in every pass; all
methods share the one clean pass of a step. A dropout that one method switches off is off. Pulls and noise
on weights are neither masked (PATS can be told to) nor scaled by sensitivity; a penalty (L2-SP) is part of
the gradient and is both. Two anchors pull twice. What means nothing is refused: `conflict`.

What a method keeps on itself from one update to the next is saved and put back with an interrupted run;
`benchmark.step.state` says what it can see. `benchmark.testing` checks all that is promised here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from transformers import PreTrainedModel

from benchmark import randomness
from benchmark.models.architecture import Encoder
from benchmark.randomness import derive
from benchmark.step.doubling import FurtherPass
from benchmark.step.passes import Step
from benchmark.step.state import Stateful
from benchmark.step.update import Update


@dataclass(frozen=True)
class Context:
    """What a method is told about its run: its own name, the seed, and where things are in the model."""

    name: str
    seed: int
    encoder: Encoder

    def stream(self, *purpose: str | int, device: torch.device | str = "cpu") -> torch.Generator:
        """This method's own random stream, apart from everybody else's."""
        return randomness.generator(torch.device(device)).manual_seed(self.seed_of(*purpose))

    def seed_of(self, *purpose: str | int) -> int:
        """The seed of `stream`."""
        return derive(self.seed, "method", self.name, *purpose)


class Method(Stateful):
    """One perturbation or regulariser; a method overrides the moments it acts at."""

    #: Authors, venue and year of the paper; empty where there is none.
    paper: ClassVar[str] = ""
    #: What it takes beyond plain fine-tuning, in words; a pass is forward and backward.
    cost: ClassVar[str] = ""
    #: Values with which this is plain fine-tuning, bit for bit; None where there are none.
    neutral: ClassVar[dict[str, Any] | None] = None
    #: Why a CUDA graph cannot hold what it does in an update (`benchmark.training.graphs`); empty where one can.
    #: One can if every update has the same operations on the same tensors: numbers that change are asked of
    #: `Update.scheduled`, state is changed in place, and streams are attributes of the method.
    not_captured: ClassVar[str] = "it does not say that a CUDA graph can hold it (Method.not_captured)"

    @property
    def exempt(self) -> dict[str, str]:
        """The checks of `benchmark.testing` that this method cannot pass, each with the reason."""
        return {}

    def conflict(self, other: Method) -> str | None:
        """Why this method cannot act beside ``other``, or None; asked of both."""
        return None

    @property
    def idle(self) -> bool:
        """Whether its values make it plain fine-tuning."""
        values = self.neutral or {}
        return bool(values) and all(getattr(self, key) == value for key, value in values.items())

    @property
    def needs_padding(self) -> bool:
        """Whether it looks at padding, so that the run must compute it."""
        return False

    @property
    def needs_last_states(self) -> bool:
        """Whether it looks at what the last layer makes of every token, where the head may need the first only."""
        return False

    @property
    def needs_separate_passes(self) -> bool:
        """Whether it acts on a pass as a whole, so that two must not be computed as one doubled batch."""
        return False

    def initialise(self, model: PreTrainedModel, context: Context) -> None:
        """The checkpoint is loaded and the head drawn."""

    def remember(self, model: PreTrainedModel, context: Context) -> None:
        """The weights are what fine-tuning would start from without any noise."""

    def perturb(self, model: PreTrainedModel, context: Context) -> None:
        """The weights may be disturbed."""

    def attach(self, model: PreTrainedModel, context: Context) -> None:
        """The weights are final; the optimiser does not exist yet."""

    def survey(self, passes: Iterable[Step]) -> None:
        """``passes`` goes once through the training data, in an order of the method's own.

        Parts of one batch follow each other and share a ``number``. A run that is continued skips this.
        """

    def rate_factor(self, name: str) -> float:
        """What the learning rate of the parameter ``name`` is multiplied by."""
        return 1.0

    def beside(self, step: Step) -> FurtherPass | None:
        """The pass that ``loss`` will ask for (`Step.further`) and that depends on no other; it may then share a forward."""
        return None

    def task_loss(self, step: Step) -> torch.Tensor | None:
        """The loss in place of the clean pass's, or None."""

    def loss(self, step: Step) -> torch.Tensor | None:
        """A scalar to add to the loss of this part of the batch (a mean over its examples), or None."""

    def gradient(self, update: Update) -> None:
        """Change ``update.gradients`` in place."""

    def direction(self, update: Update) -> None:
        """Change ``update.directions`` in place."""

    def before(self, update: Update) -> None:
        """Change ``update.weights`` in place, before the step."""

    def moved(self, update: Update) -> None:
        """Change ``update.weights`` in place, before decoupled decay."""

    def after(self, update: Update) -> None:
        """Change ``update.weights`` in place, after everything else."""


def overrides(method: Any, hook: str) -> bool:
    """Whether ``method`` acts at ``hook``."""
    return getattr(type(method), hook) is not getattr(Method, hook)
