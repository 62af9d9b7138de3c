"""Questions over their contexts in windows: the examples of question answering."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from benchmark.config.task_options import AnswersConfig
from benchmark.tasks import windows
from benchmark.tasks.answer_forms import Given
from benchmark.tasks.kind import Examples

AT_ONCE = 1000  # questions with whole windows in memory at a time
MISPLACED, UNANSWERABLE = "answers_not_in_place", "unanswerable"


@dataclass(frozen=True)
class Questions(Examples):
    """Questions over their contexts in windows; ``texts`` are the right answers to each.

    Training examples lack ``windows``, ``contexts`` and ``texts``: they are never answered. A text is None if
    answers are not given. ``misplaced`` counts misplaced answers, ``unanswerable`` questions without one.
    """

    windows: list[windows.Window]
    contexts: list[str]
    texts: list[list[str] | None]
    misplaced: int
    unanswerable: int = 0

    @property
    def size(self) -> int:
        return len(self.contexts)

    @property
    def has_gold(self) -> np.ndarray:
        """True for the questions with known answers, (questions,).

        If all answers are empty, they are hidden.
        """
        known = np.array([texts is not None for texts in self.texts], bool)
        return known & any(self.texts)

    @property
    def labelled(self) -> bool:
        return not self.texts or bool(self.has_gold.any())

    @property
    def remarks(self) -> dict[str, int]:
        counts = {MISPLACED: self.misplaced, UNANSWERABLE: self.unanswerable}
        return {**{name: count for name, count in counts.items() if count}, **super().remarks}

    @cached_property
    def lengths(self) -> np.ndarray:
        """The tokens of every window, (windows,)."""
        return np.array([len(ids) for ids in self.ids], np.int32)


def questions(
    asked: list[str],
    contexts: list[str],
    answers: list[Given | None],
    tokenizer: PreTrainedTokenizerBase,
    max_length: int,
    options: AnswersConfig,
    training: bool,
) -> Questions:
    """Make examples from questions, their contexts and their ``answers``.

    A question with a misplaced answer is not trained on. In evaluation only the answer's text counts.
    """
    misplaced = [
        answer is not None
        and any(
            not windows.matches(context, start, text)
            for start, text in zip(answer.starts, answer.texts, strict=True)
        )
        for context, answer in zip(contexts, answers, strict=True)
    ]
    given = [bool(answer.texts) for answer in answers if answer is not None]
    unanswerable = given.count(False) if any(given) else 0  # if all answers are empty, they are hidden
    if training:
        kept = [i for i, bad in enumerate(misplaced) if not bad and learnable(answers[i], options)]
        asked, contexts = [asked[i] for i in kept], [contexts[i] for i in kept]
        answers = [answers[i] for i in kept]
    made: list[windows.Window] = []
    ids, segments, targets = list[torch.Tensor](), list[torch.Tensor](), list[tuple[int, int]]()
    for begin in range(0, len(asked), AT_ONCE):
        some = slice(begin, begin + AT_ONCE)
        pieces = windows.windows(
            asked[some], contexts[some], tokenizer, max_length, options.step, options.max_question
        )
        for window in pieces:
            answer = answers[begin + window.question]
            cls = int(np.flatnonzero(window.ids == tokenizer.cls_token_id)[0])
            start, text = (answer.starts[0], answer.texts[0]) if answer and answer.texts else (-1, "")
            targets.append(windows.target(window, start, text, cls) if training else (cls, cls))
            ids.append(torch.from_numpy(window.ids.astype(np.int64)))
            if window.segments is not None:
                segments.append(torch.from_numpy(window.segments.astype(np.int64)))
            if not training:
                made.append(windows.Window(**vars(window) | {"question": begin + window.question}))
    return Questions(
        ids=ids,
        segments=segments or None,
        targets=torch.tensor(targets),
        windows=made,
        contexts=[] if training else list(contexts),
        texts=[] if training else [answer.texts if answer else None for answer in answers],
        misplaced=sum(misplaced),
        unanswerable=unanswerable,
    )


def learnable(answer: Given | None, options: AnswersConfig) -> bool:
    """True if a question with this answer can be learnt from."""
    return answer is not None and (bool(answer.texts) or options.unanswerable)
