"""Classification of sentences and pairs, and regression: one item per example."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import pyarrow
import torch
from torch.nn import functional

from benchmark.config.schema import SplitConfig
from benchmark.config.splits import place_of
from benchmark.damage import healed
from benchmark.data.reader import Reader
from benchmark.data.rows import Rows
from benchmark.errors import BenchmarkError
from benchmark.progress import hearer, silence
from benchmark.tasks import columns, constants
from benchmark.tasks.kind import WITHOUT_GOLD, Examples, Inputs, Kind, Measure, gold_of, scored
from benchmark.tasks.ragged import Ragged


class Looked(NamedTuple):
    """The valid rows of a split, their targets (rows,), and the number without a text."""

    rows: Rows
    targets: np.ndarray
    empty: int


@dataclass(frozen=True)
class Classification(Kind):
    """Tasks whose examples have one of ``labels``, or a value if there are none."""

    head: ClassVar[str] = "AutoModelForSequenceClassification"
    keeps: ClassVar[str] = "logits"

    labels: list[str]

    @classmethod
    def of(cls, reader: Reader) -> Self:
        return cls(reader.task.labels)

    @property
    def regression(self) -> bool:  # type: ignore[override]
        return not self.labels

    @property
    def stratified(self) -> bool:  # type: ignore[override]
        return bool(self.labels)

    @property
    def units(self) -> int:
        return max(len(self.labels), 1)

    def read(self, reader: Reader, split: SplitConfig, training: bool) -> Examples:
        """Read sentences or pairs with their class or value.

        Tokenised examples are cached by the content of the files and of the tokenizer: a change of either is
        noticed.
        """
        task, tokenizer, max_length = reader.task, reader.tokenizer, reader.limit(split)
        looked = self.look(reader, split, training)
        vocabulary = hashlib.sha256(tokenizer.backend_tokenizer.to_str().encode()).hexdigest()
        fields, _ = reader.columns(split)
        chosen = hashlib.sha256(looked.rows.numbers.tobytes()).hexdigest()
        recipe = json.dumps([reader.file(split).digest, vocabulary, fields, max_length, chosen])
        path = reader.cache / "tokens" / f"{hashlib.sha256(recipe.encode()).hexdigest()[:24]}.arrow"
        path.parent.mkdir(parents=True, exist_ok=True)

        tell = hearer(silence)

        def tokenise(rows: dict[str, list[Any]], numbers: list[int]) -> dict[str, list[Any]]:
            tell("examples tokenised", numbers[0], len(looked.rows))
            encoded = tokenizer(*(rows[name] for name in fields), truncation=True, max_length=max_length)
            return {key: encoded[key] for key in encoded if key != "attention_mask"}

        def tokenised() -> dict[str, Ragged]:
            made = looked.rows.data.map(
                tokenise,
                batched=True,
                with_indices=True,
                remove_columns=looked.rows.data.column_names,
                cache_file_name=str(path),
                load_from_cache_file=True,
                new_fingerprint=path.stem,
            )
            table = made.with_format("arrow")[:]
            return {name: _numbers(table[name]) for name in table.column_names}

        tokens = healed(path, tokenised, lambda made: _whole(made, len(looked.rows)))
        return Examples(
            ids=tokens["input_ids"],
            segments=tokens.get("token_type_ids"),
            targets=torch.from_numpy(looked.targets),
            counts_as=_counts_as(task.labels, split.fold),
            left_out=looked.rows.left_out,
            empty=looked.empty,
        )

    def look(self, reader: Reader, split: SplitConfig, training: bool) -> Looked:
        fields, target = reader.columns(split)
        columns.check_room(reader.tokenizer, reader.limit(split), len(fields), place_of(split))
        rows = reader.rows(split, [*fields, target])
        empty = columns.check_texts(rows, fields)
        if self.labels:
            targets = columns.classes(rows, target, self.labels, split.label_map)
        else:
            targets = columns.values(rows, target)
        gold = gold_of(targets)
        if training and not gold.any():
            raise BenchmarkError(
                f"task {rows.task!r}: {rows.place}, column {target!r}: no row has a gold label to learn from"
            )
        if not training:
            names = split.metrics or reader.task.metrics
            constants.check_scored(rows, target, targets[gold], self.labels, names)
        elif not gold.all():
            rows, targets = rows.without(~gold, WITHOUT_GOLD), targets[gold]
        return Looked(rows, targets, empty)

    def items(self, raw: torch.Tensor, inputs: Inputs, targets: torch.Tensor) -> torch.Tensor:
        return raw

    def loss(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Mean cross-entropy, or mean squared error for a regression."""
        if self.labels:
            return functional.cross_entropy(logits.float(), targets)
        return functional.mse_loss(logits.float().squeeze(-1), targets)

    def place(self, targets: torch.Tensor, example: int) -> slice:
        return slice(example, example + 1)

    def outputs(self, examples: Examples, rows: Sequence[np.ndarray], measure: Measure) -> np.ndarray:
        """Logits (examples, units) in float32."""
        return np.stack(rows)

    def predictions(self, logits: np.ndarray) -> np.ndarray:
        """The predicted class, or value, of each row of ``logits``."""
        return logits.argmax(-1) if self.labels else logits[:, 0]

    def score(self, outputs: np.ndarray, examples: Examples, measure: Measure) -> dict[str, float]:
        said, gold = self.predictions(outputs), examples.has_gold
        if examples.counts_as is not None:
            said = examples.counts_as[said]
        return scored(measure, said[gold], examples.targets.numpy()[gold])

    def mean_loss(self, outputs: np.ndarray, examples: Examples) -> float | None:
        if not examples.labelled:
            return None
        gold = torch.from_numpy(examples.has_gold)
        return self.loss(torch.from_numpy(outputs)[gold], examples.targets[gold]).item()

    def collapsed(self, outputs: np.ndarray) -> bool:
        return len(set(self.predictions(outputs).tolist())) == 1

    def references(self, examples: Examples) -> dict[str, np.ndarray]:
        return {"targets": examples.targets.numpy()}


def _numbers(lists: pyarrow.ChunkedArray) -> Ragged:
    """The ``lists`` of numbers as int64 tensors (numbers,), which share memory."""
    whole = lists.combine_chunks()
    numbers = torch.from_numpy(whole.flatten().to_numpy(zero_copy_only=False).astype(np.int64))
    return Ragged(numbers, whole.value_lengths().to_numpy(zero_copy_only=False))


def _whole(columns: dict[str, Ragged], count: int) -> bool:
    """True if cached ``columns`` are those of ``count`` tokenised examples."""
    return "input_ids" in columns and all(len(column) == count for column in columns.values())


def _counts_as(labels: list[str], fold: dict[str, str]) -> np.ndarray | None:
    return np.array([labels.index(fold.get(label, label)) for label in labels]) if fold else None
