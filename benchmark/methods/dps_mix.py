"""DPS Mix: mix weights with their start, alternately in random columns and where gradients choose.

Zhang et al., "Fine-Tuning Pre-Trained Language Models Effectively by Optimizing Subnetworks Adaptively", NeurIPS 2022:
DPS Mix. Cycles of two stages as in `dps`. With q the ``fraction`` and p = 1 - q, a linear module of the layers or the pooler
works with

    W' = (M * W + (1 - M) * T - p * T) / q.

In stage I, T are the checkpoint's weights and M keeps each column with probability q, drawn anew in every
update. Two sums are kept: S = sum of g_t^2, to which entries with M = 0 add nothing, and N, the number of
times that a column was kept. In stage II, T are the weights at its beginning and M is 1 on the share q of
every matrix with the largest

    S / max(N, 1) * exp(-max(N, 1) / u),    u the updates of a stage; without the exponential if u < 50,

which prefers columns that were tried less often. A pooler that the checkpoint lacks has no T in stage I: like the
head, it is not mixed.

Details follow the released code. Its gradient g is that at W' times M, without division by q. It switches all
dropout off. It sums before clipping; here sums come after clipping, as in `dps`. It draws M in every pass;
here all passes of an update share M.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import torch
from transformers import PreTrainedModel

from benchmark.methods.base import Context, Method
from benchmark.methods.common import mixed_linear
from benchmark.methods.common.partial import PartialTuning
from benchmark.methods.common.tensors import copies, places
from benchmark.methods.dps import DPS
from benchmark.methods.mixout import Mixout
from benchmark.methods.no_dropout import switch_off_dropout
from benchmark.models import masks
from benchmark.step.update import Update

SHORT = 50  # updates of a stage, below which counts do not matter


@dataclass
class DPSMix(DPS):
    """Alternate between mixing random columns and all but the ``fraction`` with the largest gradients.

    ``part`` is the length of a stage as a share of the run's updates.
    """

    paper: ClassVar[str] = "Zhang et al., NeurIPS 2022"
    cost: ClassVar[str] = "two copies, a running sum and a mask per weight, and a rank per weight and cycle"
    constant: ClassVar[tuple[str, ...]] = ("starts",)

    def conflict(self, other: Method) -> str | None:
        if isinstance(other, Mixout):
            return "each mixes the weights of linear modules, and a module has one mixture"
        if isinstance(other, PartialTuning):
            return "the matrices that it mixes are frozen at their start, with which it mixes them"
        return super().conflict(other)

    def remember(self, model: PreTrainedModel, context: Context) -> None:
        names = [] if self.fraction == 1 else mixed_linear.linear_of_checkpoint(context.encoder)
        self.starts = copies(context.encoder, {f"{name}.weight" for name in names})

    def attach(self, model: PreTrainedModel, context: Context) -> None:
        if not self.dropout:
            switch_off_dropout(model, attention=True)
        self.rng = context.stream()
        self.sums: dict[str, torch.Tensor] = {}
        self.kept: dict[str, torch.Tensor] = {}  # how often each column was kept, (1, columns)
        self.targets: dict[str, torch.Tensor] = {}  # the targets of stage II; those of stage I are the starts
        self.masks: dict[str, torch.Tensor] = {}
        for name, start in self.starts.items():
            self.masks[name] = self.draw(start)
            mixed_linear.install(model, name.removesuffix(".weight"), partial(self.mixed, name))

    def draw(self, weight: torch.Tensor) -> torch.Tensor:
        """A mask (1, columns) of ``weight``: 1 keeps the current weights."""
        return masks.kept(torch.empty(1, weight.shape[1]), self.fraction, self.rng).to(
            weight.device, non_blocking=True
        )

    def mixed(self, name: str, weight: torch.Tensor) -> torch.Tensor:
        """``weight`` mixed with its target; its gradient is that of the mixture, where the mask is 1."""
        mask, target = self.masks[name], self.targets.get(name, self.starts[name])
        value = (mask * weight + (1 - mask) * target - (1 - self.fraction) * target) / self.fraction
        return value.detach() + mask * (weight - weight.detach())

    def gradient(self, update: Update) -> None:
        length, place = self.place(update.number, update.total)
        if place >= length:
            return
        for index in places(update, self.starts):
            name, gradient = update.names[index], update.gradients[index]
            if place == 0 or name not in self.sums:
                self.sums[name], self.kept[name] = gradient.square(), self.masks[name].clone()
            else:
                self.sums[name].addcmul_(gradient, gradient)
                self.kept[name] += self.masks[name]

    def after(self, update: Update) -> None:
        """Get ready for the next update, if there is one."""
        if update.number == update.total:
            return
        length, place = self.place(update.number + 1, update.total)
        for index in places(update, self.starts):
            name = update.names[index]
            if place < length:
                self.masks[name] = self.draw(self.starts[name])
                self.targets.pop(name, None)
            elif place == length:
                self.masks[name] = self.largest(self.scores(name, length)).to(self.sums[name].dtype)
                self.targets[name] = update.weights[index].detach().clone()

    def scores(self, name: str, length: int) -> torch.Tensor:
        """The scores of the matrix ``name``, in its shape, after a stage of ``length`` updates."""
        kept = self.kept[name].clamp(min=1)
        mean = self.sums[name] / kept
        return mean if length < SHORT else mean * torch.exp(-kept / length)
