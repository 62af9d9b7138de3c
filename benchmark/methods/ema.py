"""EMA: evaluate an exponential moving average of the weights.

Polyak and Juditsky, "Acceleration of Stochastic Approximation by Averaging", SIAM J. Control Optim. 1992; in this form
as a mean teacher, Tarvainen and Valpola, NeurIPS 2017. After update t,

    m_t = d m_{t-1} + (1 - d) w_t,    m_1 = w_1,

and m is evaluated. With d = 0.999, the mean of a run of 234 updates (RTE, three epochs) would mostly consist
of its beginning. So d is at most 1 - 1/t (``growing``): the mean is over all updates until there are 1 / (1 -
d) of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from benchmark.errors import BenchmarkError
from benchmark.methods.common.weight_average import WeightAverage


@dataclass
class EMA(WeightAverage):
    """Evaluate a moving average of the weights with ``decay`` d.

    ``growing``: its window grows from the first update on; False takes d from the start, as PyTorch's does.
    """

    paper: ClassVar[str] = "Polyak and Juditsky 1992; Tarvainen and Valpola, NeurIPS 2017"
    cost: ClassVar[str] = "a running mean per weight and update"
    neutral: ClassVar[dict[str, Any] | None] = {"decay": 0.0}

    decay: float = 0.99
    growing: bool = True

    def __post_init__(self) -> None:
        if not 0 <= self.decay < 1:
            raise BenchmarkError(f"decay={self.decay}: must be at least 0 and below 1")

    def share(self, number: int, total: int) -> float:
        return max(1 - self.decay, 1 / number) if self.growing else 1 - self.decay
