"""Extractive question answering: two items per window, the start and end of its answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch.nn import functional
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from benchmark.config.schema import SplitConfig
from benchmark.config.splits import place_of
from benchmark.config.task_options import AnswersConfig
from benchmark.data.reader import Reader
from benchmark.data.rows import Rows
from benchmark.tasks import answer_forms, columns, windows
from benchmark.tasks.answer_forms import Given
from benchmark.tasks.kind import WITHOUT_GOLD, Examples, Inputs, Kind, Measure, scored

AT_ONCE = 1000  # questions with whole windows in memory at a time
MISPLACED, UNANSWERABLE = "answers_not_in_place", "unanswerable"
NOWHERE = -1e9  # the logit of padding: finite, so that no divergence becomes 0 * inf


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


@dataclass(frozen=True)
class Answers(Kind):
    """The answer is a span of the context, of at most ``longest`` tokens.

    With ``unanswerable`` it may be no span at all.
    """

    head: ClassVar[str] = "AutoModelForQuestionAnswering"
    remarks: ClassVar[tuple[str, ...]] = (MISPLACED,)
    special: ClassVar[tuple[str, ...]] = ("cls_token",)

    longest: int = windows.LONGEST
    unanswerable: bool = False

    @classmethod
    def of(cls, reader: Reader) -> Self:
        return cls(reader.task.answers.longest, reader.task.answers.unanswerable)

    def read(self, reader: Reader, split: SplitConfig, training: bool) -> Questions:
        """Read questions, and their contexts in windows."""
        rows, answers, empty = self.look(reader, split, training)
        (question, context), _ = reader.columns(split)
        made = questions(
            rows.column(question),
            rows.column(context),
            answers,
            reader.tokenizer,
            reader.limit(split),
            reader.task.answers,
            training,
        )
        return replace(made, left_out=rows.left_out, empty=empty)

    def look(
        self, reader: Reader, split: SplitConfig, training: bool
    ) -> tuple[Rows, list[Given | None], int]:
        """Check a split; its rows, the answers of every row, and the number of rows with an empty text."""
        fields, target = reader.columns(split)
        columns.check_room(reader.tokenizer, reader.limit(split), len(fields), place_of(split))
        rows = reader.rows(split, [*fields, target])
        empty = columns.check_texts(rows, fields)
        answers = answer_forms.answers(rows, target)
        without = [row for row, answer in enumerate(answers) if answer is not None and not answer.texts]
        if without and len(without) < len(rows) and not self.unanswerable:
            raise rows.refusal(
                target,
                without[0],
                rows.data[without[0]][target],
                "is the answer to a question without one: set task.answers.unanswerable=true to learn and score "
                "such questions as SQuAD 2 does, or leave these rows out",
            )
        if training:
            hidden = [answer is None for answer in answers]
            rows, answers = rows.without(hidden, WITHOUT_GOLD), [a for a in answers if a is not None]
        return rows, answers, empty

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
        nothing = None
        if self.unanswerable:
            firsts = examples.targets[:, 0].tolist()  # the classification token of every window
            nothing = [float(row[first].sum()) for row, first in zip(rows, firsts, strict=True)]
        best = windows.best_spans(
            len(examples.contexts), examples.windows, starts, ends, self.longest, nothing
        )
        return np.array([(-1, -1) if span is None else (span.start, span.end) for span in best], np.int32)

    def score(self, outputs: np.ndarray, examples: Questions, measure: Measure) -> dict[str, float]:
        said = [[text] if text is not None else [] for text in self.spelt(outputs, examples)]
        known = np.flatnonzero(examples.has_gold)
        return scored(measure, [said[i] for i in known], [examples.texts[i] for i in known])

    def spelt(self, outputs: np.ndarray, examples: Questions) -> list[str | None]:
        """The texts of the spans in ``outputs`` (questions, 2)."""
        return [
            None if start < 0 else windows.text_of(windows.Span(start, end, 0.0), context)
            for (start, end), context in zip(outputs.tolist(), examples.contexts, strict=True)
        ]
