"""Extractive question answering: two items per window, the start and end of its answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch.nn import functional
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from benchmark.config.schema import AnswersConfig, SplitConfig
from benchmark.data.reader import Reader
from benchmark.tasks import windows
from benchmark.tasks.kind import Examples, Inputs, Kind, Measure, scored

AT_ONCE = 1000  # questions with whole windows in memory at a time
MISPLACED = "answers_not_in_place"
NOWHERE = -1e9  # the logit of padding: finite, so that no divergence becomes 0 * inf


@dataclass(frozen=True)
class Questions(Examples):
    """Questions over their contexts in windows; ``texts`` are the right answers to each.

    Training examples have no ``windows``, ``contexts`` and ``texts``: the model never answers them.
    ``misplaced`` counts questions with no answer, or with one that is not in the context at its stated place.
    """

    windows: list[windows.Window]
    contexts: list[str]
    texts: list[list[str]]
    misplaced: int

    @property
    def size(self) -> int:
        return len(self.contexts)

    @property
    def labelled(self) -> bool:
        return not self.texts or any(self.texts)

    @property
    def remarks(self) -> dict[str, int]:
        return {MISPLACED: self.misplaced} if self.misplaced else {}

    @cached_property
    def lengths(self) -> np.ndarray:
        """The tokens of every window, (windows,)."""
        return np.array([len(ids) for ids in self.ids], np.int32)


def questions(
    asked: list[str],
    contexts: list[str],
    answers: list[dict[str, Any]],
    tokenizer: PreTrainedTokenizerBase,
    max_length: int,
    options: AnswersConfig,
    training: bool,
) -> Questions:
    """Make examples from questions, their contexts and their ``answers`` in SQuAD's form.

    A question with a misplaced answer is not trained on. In evaluation only the answer's text counts.
    """
    wrong = [
        any(
            not windows.matches(context, start, text)
            for start, text in zip(a["answer_start"], a["text"], strict=True)
        )
        or not a["text"]
        for context, a in zip(contexts, answers, strict=True)
    ]
    if training:
        kept = [i for i, bad in enumerate(wrong) if not bad]
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
            start, text = (answer["answer_start"][0], answer["text"][0]) if training else (-1, "")
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
        texts=[] if training else [list(answer["text"]) for answer in answers],
        misplaced=sum(wrong),
    )


@dataclass(frozen=True)
class Answers(Kind):
    """The answer is a span of the context, of at most ``longest`` tokens."""

    head: ClassVar[str] = "AutoModelForQuestionAnswering"
    remarks: ClassVar[tuple[str, ...]] = (MISPLACED,)
    special: ClassVar[tuple[str, ...]] = ("cls_token",)

    longest: int = windows.LONGEST

    @classmethod
    def of(cls, reader: Reader) -> Self:
        return cls(reader.task.answers.longest)

    def read(self, reader: Reader, split: SplitConfig, training: bool) -> Questions:
        """Read questions, and their contexts in windows."""
        (question, context), target = reader.columns(split)
        rows = reader.rows(split, [question, context, target])
        return questions(
            list(rows[question]),
            list(rows[context]),
            list(rows[target]),
            reader.tokenizer,
            reader.limit(split),
            reader.task.answers,
            training,
        )

    @property
    def labels(self) -> list[str]:  # type: ignore[override]
        return []

    @property
    def units(self) -> int:
        return 2

    def targets(self, examples: Any, indices: Sequence[int], pad_left: bool) -> torch.Tensor:
        """First and last token, (examples, 2), as positions in the padded batch."""
        targets: torch.Tensor = examples.targets[indices]
        if pad_left:
            lengths = torch.from_numpy(examples.lengths[list(indices)]).long()
            targets = targets + (lengths.max() - lengths)[:, None]
        return targets

    def raw(self, output: Any) -> torch.Tensor:
        """The logits of start and end, (examples, length, 2)."""
        return torch.stack([output.start_logits, output.end_logits], -1)

    def items(self, raw: torch.Tensor, inputs: Inputs, targets: torch.Tensor) -> torch.Tensor:
        """The starts and ends of each example in turn, over its real tokens."""
        real = inputs["attention_mask"][:, :, None] == 1
        return raw.float().masked_fill(~real, NOWHERE).transpose(1, 2).flatten(0, 1)

    def loss(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Mean cross-entropy over starts and ends."""
        return functional.cross_entropy(logits.float(), targets.flatten())

    def place(self, targets: torch.Tensor, example: int) -> slice:
        return slice(2 * example, 2 * example + 2)

    def rows(self, raw: torch.Tensor, inputs: Inputs) -> Iterator[np.ndarray]:
        """The logits of the real tokens, (length, 2)."""
        for logits, mask in zip(raw, inputs["attention_mask"].bool().cpu(), strict=True):
            yield logits[mask].numpy()

    def outputs(self, examples: Questions, rows: Sequence[np.ndarray]) -> np.ndarray:
        """The span of each answer in characters of its context, (questions, 2).

        Begin, and end (one past the last); -1 for none.
        """
        starts, ends = ([row[:, side] for row in rows] for side in (0, 1))
        best = windows.best_spans(len(examples.contexts), examples.windows, starts, ends, self.longest)
        return np.array([(-1, -1) if span is None else (span.start, span.end) for span in best], np.int32)

    def score(self, outputs: np.ndarray, examples: Questions, measure: Measure) -> dict[str, float]:
        said = [[text] if text is not None else [] for text in self.spelt(outputs, examples)]
        return scored(measure, said, examples.texts)

    def spelt(self, outputs: np.ndarray, examples: Questions) -> list[str | None]:
        """The texts of the spans in ``outputs`` (questions, 2)."""
        return [
            None if start < 0 else windows.text_of(windows.Span(start, end, 0.0), context)
            for (start, end), context in zip(outputs.tolist(), examples.contexts, strict=True)
        ]
