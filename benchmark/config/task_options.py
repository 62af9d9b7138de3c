"""Options of a task's kind: lengths in question answering, layers of retrieval."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class AnswersConfig:
    """Lengths in question answering, in tokens.

    ``step`` is the distance between windows of a context, ``max_question`` the longest question and
    ``longest`` the longest answer. With ``unanswerable``, questions may have no answer, as in SQuAD 2: this is
    learnt as the first token, and no answer is then the right one.
    """

    step: int = 128
    max_question: int = 64
    longest: int = 30
    unanswerable: bool = False


@dataclass
class RetrievalConfig:
    """The layer of sentence vectors, and the threshold of mining.

    ``rule`` is ``fixed``, ``best_on_dev`` or ``best_on_test``; the last two choose a layer per evaluation set.
    ``layers`` has the fixed layer (1 is the first block's output) by the model's number of layers; without an
    entry it is the layer at two thirds of the depth. ``compared`` are further layers to score; if it is empty
    and the rule chooses, all layers are scored. With ``special``, a sentence's mean includes the special
    tokens. The threshold of mining is the best one on ``threshold``, ``dev`` or ``test``.
    """

    rule: str = "fixed"
    layers: dict[str, int] = field(default_factory=dict)
    compared: list[int] = field(default_factory=list)
    special: bool = True
    threshold: str = "dev"
