"""A method: a small class with typed hyper-parameters and the hooks it needs.

Hooks while the model is made ready. Each is called for all methods before the next begins:

    initialise   decide the weights from which fine-tuning starts (re-initialised blocks)
    remember     keep the start, before any noise (anchors)
    perturb      add noise to the weights (NoisyTune)
    adapt        put modules with further weights into the model (adapters)
    attach       freeze layers, swap modules, register changes on the encoder
    survey       go once through the training data before the first update

Hook before the passes of every update:

    begin        change the weights from which the update starts

Hooks in every step, for every part of an accumulated batch:

    beside       announce a pass beside the clean one, so that both can be one doubled batch
    task_loss    replace the loss of the clean pass (at most one method)
    loss         add a term, with further passes if it needs them

Hook between a batch's passes and its update, on all trained tensors (at most one method):

    climb        move the weights; the batch's passes are made again there, then the weights are put back

Hooks inside the update, in this order. Each is called once per group of tensors, those of one weight decay and one
learning rate: a sum over the model is gathered over all groups in ``measure``.

    gradient     after clipping, before Adam's moments are updated
    measure      the gradients of all groups are final, and no weight of any group has moved
    direction    the direction is known, no weight has moved yet
    before       weights may move before the direction is subtracted
    moved        the weights have moved, not yet decayed
    after        the update is complete

Hook around every evaluation (at most one method):

    evaluated    put other weights in place of those that are trained

Methods compose. At each hook they act in the alphabetical order of their names, and no method undoes the
work of another. Masks, factors and pulls multiply or add up. Gradients are masked before a method measures
them (``measure``, ``direction``), and measured before any weight moves. Noise on hidden states is in every training
pass, so the clean pass of a method has it too; every pass has other noise. All methods share the one clean
pass of a step. If one method switches a dropout off, it is off for all. Pulls and noise on weights are
neither masked (PATS has an option for it) nor scaled by sensitivity. A penalty (L2-SP) is part of the
gradient, and is both masked and scaled. Two anchors pull twice. Combinations without meaning are refused:
`conflict`.

The attributes of a method are saved with an interrupted run and restored; `benchmark.step.state` says which
types can be saved. `benchmark.testing` checks the promises of this page.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import nn
from transformers import PreTrainedModel

from benchmark import randomness
from benchmark.config.schema import ProtocolConfig, TaskConfig
from benchmark.models.architecture import Encoder
from benchmark.models.masks import PassName
from benchmark.randomness import derive
from benchmark.step.ascent import Ascent
from benchmark.step.doubling import FurtherPass
from benchmark.step.passes import Step
from benchmark.step.state import Stateful
from benchmark.step.update import Update


@dataclass(frozen=True)
class Context:
    """A method's view of its run: its name, the seed of the noise and the model's parts."""

    name: str
    seed: int
    encoder: Encoder

    def stream(self, *purpose: str | int, device: torch.device | str = "cpu") -> torch.Generator:
        """Make this method's own random stream for a ``purpose``, independent of all others."""
        return randomness.generator(torch.device(device)).manual_seed(self.seed_of(*purpose))

    def seed_of(self, *purpose: str | int) -> int:
        """The seed of `stream`."""
        return derive(self.seed, "method", self.name, *purpose)

    def seed_in_pass(self, name: PassName) -> int:
        """The seed of this method's stream in the pass called ``name``: passes of one dropout share it."""
        return self.seed_of(derive(self.seed, *name))


class Method(Stateful):
    """One perturbation or regulariser; a method overrides the hooks at which it acts."""

    #: Authors, venue and year of the paper; empty if there is none.
    paper: ClassVar[str] = ""
    #: Cost beyond plain fine-tuning, in words; a pass is forward and backward.
    cost: ClassVar[str] = ""
    #: Values that make it plain fine-tuning, bit for bit; None if there are none.
    neutral: ClassVar[dict[str, Any] | None] = None
    #: The reason why no CUDA graph can hold its part of an update (`benchmark.training.graphs`); empty if a
    #: graph
    #: can. A graph needs the same operations on the same tensors in every update: changing numbers come from
    #: `Update.scheduled`, state is changed in place, and streams are attributes of the method.
    not_captured: ClassVar[str] = "it does not say that a CUDA graph can hold it (Method.not_captured)"

    #: True if between the first update and the last its passes read tokens of the training set alone, and its hooks
    #: neither read nor change word embeddings and their gradients. Rows of words that no example has then stay out of
    #: the updates (`benchmark.training.live_rows`). It is not inherited: a class derived from another says it itself.
    leaves_words_alone: ClassVar[bool] = False

    @property
    def exempt(self) -> dict[str, str]:
        """The checks of `benchmark.testing` that it cannot pass, each with the reason."""
        return {}

    def conflict(self, other: Method) -> str | None:
        """The reason why it cannot act together with ``other``, or None; both methods are asked."""
        return None

    @property
    def idle(self) -> bool:
        """True if its values make it plain fine-tuning."""
        values = self.neutral or {}
        return bool(values) and all(getattr(self, key) == value for key, value in values.items())

    @property
    def needs_padding(self) -> bool:
        """True if it reads padded positions, so that the run must compute them."""
        return False

    @property
    def needs_last_states(self) -> bool:
        """True if it reads the last layer's states of all tokens.

        If no method does, the last layer may compute only the first token, provided that the head reads no
        other.
        """
        return False

    @property
    def needs_separate_passes(self) -> bool:
        """True if it acts on a pass as a whole.

        Two passes are then never computed as one doubled batch.
        """
        return False

    def check(self, protocol: ProtocolConfig, task: TaskConfig) -> None:
        """Raises: BenchmarkError for a protocol or a task for which it has no meaning."""

    def initialise(self, model: PreTrainedModel, context: Context) -> None:
        """Change the start of fine-tuning: the checkpoint is loaded and the head drawn."""

    def remember(self, model: PreTrainedModel, context: Context) -> None:
        """Keep weights: they are the start of fine-tuning, without any noise."""

    def perturb(self, model: PreTrainedModel, context: Context) -> None:
        """Add noise to the weights."""

    def adapt(self, model: PreTrainedModel, context: Context) -> None:
        """Put modules with further weights into the model, under names of the encoder's parts."""

    def attach(self, model: PreTrainedModel, context: Context) -> None:
        """Prepare the model: the weights are final, the optimiser does not exist yet."""

    def survey(self, passes: Iterable[Step]) -> None:
        """Go through ``passes``: once all training data, in an order of the method's own.

        Parts of one batch follow each other and share a ``number``. A continued run skips this hook.
        """

    def rate_factor(self, name: str) -> float:
        """The factor on the learning rate of the parameter ``name``."""
        return 1.0

    def restarts(self, name: str, total: int) -> tuple[int, ...]:
        """The updates, of 1 to ``total``, before which the optimiser's state of ``name`` is reset."""
        return ()

    def begin(self, number: int, total: int) -> None:
        """Change weights before the passes of update ``number`` (from 1); not in a captured update."""

    def beside(self, step: Step) -> FurtherPass | None:
        """Announce the extra pass of `loss` (`Step.further`).

        If that pass depends on no other, it shares one doubled batch with the clean pass. None: no such pass.
        """
        return None

    def task_loss(self, step: Step) -> torch.Tensor | None:
        """The loss in place of the loss of the clean pass, or None."""

    def loss(self, step: Step) -> torch.Tensor | None:
        """A scalar to add to the loss of this part of the batch, or None.

        It is a mean over the items of the part, by which parts are weighted (`Step.share`). A mean over something
        else is multiplied by that one's share over `Step.share`, so that the parts add up to the batch.
        """

    def climb(self, ascent: Ascent) -> None:
        """Change ``ascent.weights`` in place: the batch's gradient at this point replaces the present one."""

    def gradient(self, update: Update) -> None:
        """Change ``update.gradients`` in place."""

    def measure(self, update: Update) -> None:
        """Read the update's weights and gradients, and change neither."""

    def direction(self, update: Update) -> None:
        """Change ``update.directions`` in place."""

    def before(self, update: Update) -> None:
        """Change ``update.weights`` in place, before the directions are subtracted."""

    def moved(self, update: Update) -> None:
        """Change ``update.weights`` in place, before decoupled decay."""

    def after(self, update: Update) -> None:
        """Change ``update.weights`` in place, after everything else."""

    def evaluated(self, model: nn.Module) -> AbstractContextManager[None]:
        """Give ``model`` the weights to evaluate, for the block."""
        return nullcontext()


#: The functions by which a method acts; the others only refuse something.
HOOKS = tuple(
    name for name, value in vars(Method).items() if callable(value) and name not in ("conflict", "check")
)


def overrides(method: Any, hook: str) -> bool:
    """True if ``method`` acts at ``hook``."""
    return getattr(type(method), hook) is not getattr(Method, hook)
