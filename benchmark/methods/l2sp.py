"""L2-SP: penalise the distance from the pretrained weights, and the size of the drawn ones.

Li et al., "Explicit Inductive Bias for Transfer Learning with Convolutional Networks", ICML 2018:

    Omega = alpha/2 * ||w_S - w0_S||^2 + beta/2 * ||w_notS||^2

is added to the loss; S are the weights of the checkpoint. All others were drawn and are pulled to 0: the head's, and
a pooler's if the checkpoint has none. The released code (vision) penalises kernels only,
or all tensors (its mode 101). All tensors is the equation and the default; ``matrices_only`` is the other
form. LNSR, which compares with L2-SP, prints Omega without the squares (``squared: false``).

Under Adam the gradient of the penalty is divided by the second moment like the rest. PriorWD is the decoupled
form; results of the two do not compare.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from benchmark.errors import BenchmarkError
from benchmark.methods.common.anchored import Anchored
from benchmark.methods.common.tensors import is_matrix, of_checkpoint
from benchmark.models.architecture import Encoder
from benchmark.step.passes import Step
from benchmark.step.update import Tensors


@dataclass
class L2SP(Anchored):
    """Add Omega to the loss.

    Weight decay pulls the encoder to 0 as well. The pull of L2-SP is part of the gradient, so masks
    (Child-Tuning) and rates by sensitivity (SAGE) act on it; they do not act on the pulls of PriorWD and
    RecAdam.
    """

    paper: ClassVar[str] = "Li et al., ICML 2018"
    cost: ClassVar[str] = "a copy of the encoder's weights"
    neutral: ClassVar[dict[str, Any] | None] = {"alpha": 0.0, "beta": 0.0}
    not_captured = ""

    alpha: float = 0.1  # alpha 0 and beta 0 are plain fine-tuning
    beta: float = 0.01
    squared: bool = True
    matrices_only: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        for key, value in (("alpha", self.alpha), ("beta", self.beta)):
            if value < 0:
                raise BenchmarkError(f"{key}={value}: must be at least 0")

    def pulled(self, encoder: Encoder) -> set[str]:
        return of_checkpoint(encoder) if self.alpha else set()

    def loss(self, step: Step) -> torch.Tensor | None:
        shared: Tensors = []
        anchors: Tensors = []
        fresh: Tensors = []
        for name, weight in step.model.named_parameters():
            if not weight.requires_grad or (self.matrices_only and not is_matrix(name, weight)):
                continue
            if name in self.anchors:
                shared.append(weight)
                anchors.append(self.anchors[name])
            elif self.beta and step.encoder.is_new(name):
                fresh.append(weight)
        terms = []
        if shared:
            terms.append(self.alpha / 2 * self.size(list(torch._foreach_sub(shared, anchors))))
        if fresh:
            terms.append(self.beta / 2 * self.size(fresh))
        return torch.stack(terms).sum() if terms else None

    def size(self, tensors: Tensors) -> torch.Tensor:
        """The norm of ``tensors`` as one vector, squared if ``squared``.

        The slope at 0 is 0.
        """
        norm = torch.linalg.vector_norm(torch.stack(list(torch._foreach_norm(tensors))))
        return norm.square() if self.squared else norm
