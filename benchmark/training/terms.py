"""Terms that methods add to the loss, beside the task's own at the first update.

If a term is many times the task's loss, the run learns little of the task. The term R of LNSR grows with the
size of the model, and its paper gives no sigma.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmark.records.record import LOUD
from benchmark.step.passes import Step

log = logging.getLogger(__name__)


@dataclass
class Terms:
    """The losses of the first update: ``parts`` has the task's and every method's term, by micro-batch."""

    parts: dict[int, list[float]] = field(default_factory=dict)

    def note(self, step: Step) -> None:
        """Note a micro-batch of the first update when it is learnt; later passes over it are ignored."""
        if step.number == 0 and step.part not in self.parts:
            self.parts[step.part] = [0.0 if term is None else step.share * term.item() for term in step.terms]

    def ratios(self, names: Sequence[str]) -> dict[str, float]:
        """The terms of the methods ``names``, divided by the task's loss.

        Those that are 0 or not finite are left out.
        """
        if not self.parts:
            return {}
        task, *terms = (sum(part) for part in zip(*self.parts.values(), strict=True))
        ratios = {name: term / task for name, term in zip(names, terms, strict=False) if term and task}
        return {name: ratio for name, ratio in ratios.items() if math.isfinite(ratio)}

    def warn(self, names: Sequence[str]) -> None:
        """Warn of terms that are more than 10 times the task's loss."""
        for name, ratio in self.ratios(names).items():
            if abs(ratio) > LOUD:
                log.warning(
                    "method.%s: its term of the loss is %.3g times the task's at the first update, and the run learns "
                    "little else; give it a smaller strength",
                    name,
                    ratio,
                )
