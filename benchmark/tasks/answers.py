"""Extractive question answering: two items per window, the start and end of its answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch.nn import functional

from benchmark.config.schema import SplitConfig
from benchmark.config.splits import place_of
from benchmark.data.reader import Reader
from benchmark.data.rows import Rows
from benchmark.tasks import answer_forms, columns, metrics, windows
from benchmark.tasks.answer_forms import Given
from benchmark.tasks.kind import WITHOUT_GOLD, Inputs, Kind, Measure
from benchmark.tasks.questions import MISPLACED, Questions, questions

NOWHERE = -1e9  # the logit of padding: finite, so that no divergence becomes 0 * inf


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

    def outputs(self, examples: Questions, rows: Sequence[np.ndarray], measure: Measure) -> np.ndarray:
        """The answers and their marks, (questions, 4).

        Begin, and end (one past the last), in characters of the context, -1 for none; exact match and F1, NaN
        where no answer is known.
        """
        starts, ends = ([row[:, side] for row in rows] for side in (0, 1))
        nothing = None
        if self.unanswerable:
            firsts = examples.targets[:, 0].tolist()  # the classification token of every window
            nothing = [float(row[first].sum()) for row, first in zip(rows, firsts, strict=True)]
        best = windows.best_spans(
            len(examples.contexts), examples.windows, starts, ends, self.longest, nothing
        )
        outputs = np.full((len(best), 4), np.nan)
        outputs[:, :2] = [(-1, -1) if span is None else (span.start, span.end) for span in best]
        said = [[text] if text is not None else [] for text in self.spelt(outputs, examples)]
        known = np.flatnonzero(examples.has_gold)
        right = [examples.texts[i] or [] for i in known]
        outputs[known, 2:] = metrics.marks(measure.metrics, [said[i] for i in known], right, measure.language)
        return outputs

    def score(self, outputs: np.ndarray, examples: Questions, measure: Measure) -> dict[str, float]:
        return metrics.means(np.ascontiguousarray(outputs[examples.has_gold, 2:]))

    def collapsed(self, outputs: np.ndarray) -> bool:
        return super().collapsed(outputs[:, :2])

    def spelt(self, outputs: np.ndarray, examples: Questions) -> list[str | None]:
        """The texts of the spans with which ``outputs`` (questions, 4) begin."""
        return [
            None if start < 0 else windows.text_of(windows.Span(start, end, 0.0), context)
            for (start, end), context in zip(
                outputs[:, :2].astype(int).tolist(), examples.contexts, strict=True
            )
        ]
