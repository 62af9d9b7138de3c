"""Tagging of words: one item per word, at its first sub-token."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np
import torch
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from benchmark.config.schema import SplitConfig
from benchmark.config.splits import place_of
from benchmark.data.reader import Reader
from benchmark.data.rows import Rows
from benchmark.tasks import columns, constants, word_pieces
from benchmark.tasks.kind import Examples, Inputs, Kind, Measure, gold_of, scored


@dataclass(frozen=True)
class Sentences(Examples):
    """Sentences, cut into pieces that fit the model.

    ``lengths`` (sentences,) are in words; ``truth`` (words,) are their classes, -1 where none is known.
    """

    columns: ClassVar[tuple[str, ...]] = (*Examples.columns, "pieces")

    pieces: list[word_pieces.Piece]
    lengths: np.ndarray
    truth: np.ndarray

    @property
    def size(self) -> int:
        return len(self.lengths)

    @property
    def has_gold(self) -> np.ndarray:
        return gold_of(self.truth)

    def items(self, indices: Sequence[int]) -> int:
        return sum(int((self.targets[i] != word_pieces.IGNORED).sum()) for i in indices)

    def followed_by(self, others: Sequence[Self]) -> Self:
        parts = [self, *others]
        before = np.cumsum([0, *(part.size for part in parts[:-1])]).tolist()
        return replace(
            super().followed_by(others),
            pieces=[
                replace(piece, sentence=piece.sentence + start)
                for part, start in zip(parts, before, strict=True)
                for piece in part.pieces
            ],
            lengths=np.concatenate([part.lengths for part in parts]),
            truth=np.concatenate([part.truth for part in parts]),
        )


def sentences(
    words: Sequence[Sequence[str]],
    classes: Sequence[Sequence[int]],
    tokenizer: PreTrainedTokenizerBase,
    max_length: int,
) -> Sentences:
    """Make examples from sentences and the class of each of their words."""
    made = word_pieces.pieces(words, tokenizer, max_length)
    ids = [torch.from_numpy(piece.ids.astype(np.int64)) for piece in made]
    return Sentences(
        ids=ids,
        segments=None,
        targets=[torch.from_numpy(word_pieces.targets(piece, classes[piece.sentence])) for piece in made],
        pieces=made,
        lengths=np.array([len(sentence) for sentence in words], np.int32),
        truth=np.array([c for sentence in classes for c in sentence], np.int16),
    )


@dataclass(frozen=True)
class Tagging(Kind):
    """Tasks whose words each have one of ``labels``."""

    head: ClassVar[str] = "AutoModelForTokenClassification"
    special: ClassVar[tuple[str, ...]] = ("unk_token",)

    labels: list[str]

    @classmethod
    def of(cls, reader: Reader) -> Self:
        return cls(reader.task.labels)

    def read(self, reader: Reader, split: SplitConfig, training: bool) -> Sentences:
        """Read sentences with a class for every word.

        Words without one are neither learnt nor scored.
        """
        rows, words, classes = self.look(reader, split, training)
        made = sentences(words, classes, reader.tokenizer, reader.limit(split))
        made = replace(made, left_out=rows.left_out, empty=sum(not sentence for sentence in words))
        known = [bool((target != word_pieces.IGNORED).any()) for target in made.targets]
        # The mean loss of a batch without any known class would be NaN.
        return made.taken(np.flatnonzero(known)) if training and not all(known) else made

    def look(
        self, reader: Reader, split: SplitConfig, training: bool
    ) -> tuple[Rows, list[list[str]], list[list[int]]]:
        """Check a split; its rows, and the words of every sentence with their classes."""
        fields, target = reader.columns(split)
        columns.check_room(reader.tokenizer, reader.limit(split), len(fields), place_of(split))
        rows = reader.rows(split, [*fields, target])
        words, classes = columns.sentences(rows, fields[0], target, self.labels)
        if not training:
            known = np.array([c for sentence in classes for c in sentence if c >= 0], np.int64)
            constants.check_scored(rows, target, known, self.labels, split.metrics or reader.task.metrics)
        return rows, words, classes

    @property
    def units(self) -> int:
        return len(self.labels)

    def targets(self, examples: Examples, indices: Sequence[int], pad_left: bool) -> torch.Tensor:
        """The example, place and class of every word, (words, 3).

        They are found on the host: finding words on the device would wait for it.
        """
        chosen = [examples.targets[i] for i in indices]
        padded = pad_sequence(chosen, True, word_pieces.IGNORED, "left" if pad_left else "right")
        begins = padded != word_pieces.IGNORED
        return torch.cat([begins.nonzero(), padded[begins][:, None]], 1)

    def twice(self, targets: torch.Tensor, examples: int) -> torch.Tensor:
        again = torch.cat([targets[:, :1] + examples, targets[:, 1:]], 1)
        return torch.cat([targets, again])

    def filled_up(self, targets: torch.Tensor, tokens: int) -> torch.Tensor:
        """As many targets as tokens.

        Added targets are not words: the loss ignores them, and they belong to the last example.
        """
        last = int(targets[-1, 0]) if len(targets) else 0
        nothing = targets.new_tensor([last, 0, word_pieces.IGNORED]).expand(tokens - len(targets), -1)
        return torch.cat([targets, nothing])

    def targets_of(self, targets: torch.Tensor, example: int) -> torch.Tensor:
        return targets[self.place(targets, example)]

    def items(self, raw: torch.Tensor, inputs: Inputs, targets: torch.Tensor) -> torch.Tensor:
        return raw[targets[:, 0], targets[:, 1]]

    def loss(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Mean cross-entropy over words."""
        return functional.cross_entropy(logits.float(), targets[:, 2])

    def place(self, targets: torch.Tensor, example: int) -> slice:
        owners = targets[:, 0].contiguous()
        return slice(*torch.searchsorted(owners, owners.new_tensor([example, example + 1])).tolist())

    def rows(self, raw: torch.Tensor, inputs: Inputs) -> Iterator[np.ndarray]:
        """Yield the class of every real token."""
        classes = raw.argmax(-1).to(torch.int16)
        for tokens, mask in zip(classes, inputs["attention_mask"].bool().cpu(), strict=True):
            yield tokens[mask].numpy()

    def outputs(self, examples: Sentences, rows: Sequence[np.ndarray], measure: Measure) -> np.ndarray:
        """The class of every word (words,), sentence by sentence."""
        joined = word_pieces.rejoined(examples.pieces, rows, len(examples.lengths))
        return np.array([c for sentence in joined for c in sentence], np.int16)

    def score(self, outputs: np.ndarray, examples: Sentences, measure: Measure) -> dict[str, float]:
        gold = examples.has_gold
        lengths = np.array([part.sum() for part in np.split(gold, np.cumsum(examples.lengths)[:-1])])
        said, truth = (self.spelt(classes[gold], lengths) for classes in (outputs, examples.truth))
        return scored(measure, said, truth)

    def spelt(self, classes: np.ndarray, lengths: np.ndarray) -> list[list[str]]:
        """Spell ``classes`` (words,) as lists of labels, sentence by sentence."""
        names = np.array(self.labels, object)[classes]
        return [part.tolist() for part in np.split(names, np.cumsum(lengths)[:-1])]

    def references(self, examples: Sentences) -> dict[str, np.ndarray]:
        return {"targets": examples.truth, "lengths": examples.lengths}
