"""Access to the rows of a task's splits and to the model's tokenizer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from benchmark.config.schema import ModelConfig, SplitConfig, TaskConfig
from benchmark.data import files
from benchmark.data.files import SplitFiles
from benchmark.data.rows import Rows, chosen


@dataclass(frozen=True)
class Reader:
    """The data of a task, and the tokenizer of its model.

    ``max_length`` is in tokens, ``sources`` are by `files.origin`.
    """

    task: TaskConfig
    model: ModelConfig
    sources: dict[files.Origin, files.Source]
    tokenizer: PreTrainedTokenizerBase
    max_length: int
    cache: Path

    def limit(self, split: SplitConfig, usual: int | None = None) -> int:
        """The length in tokens of the longest input.

        It is the split's own limit, else ``usual``, else the protocol's, and at most the tokenizer's.
        """
        limit = split.max_length or usual or self.max_length
        return min(limit, self.tokenizer.model_max_length)

    def columns(self, split: SplitConfig) -> tuple[list[str], str]:
        """The names of a split's text columns and of its target."""
        return split.text or self.task.text, split.target or self.task.target

    def source(self, split: SplitConfig) -> files.Source:
        """The data set of ``split``."""
        return self.sources[files.origin(self.task, split)]

    def file(self, split: SplitConfig, config: str | None = None) -> SplitFiles:
        """The files of a split, in its own configuration or in ``config``.

        Raises: BenchmarkError if there are none.
        """
        return files.find(self.task, self.source(split), split, config)

    def rows(self, split: SplitConfig, columns: Sequence[str], config: str | None = None) -> Rows:
        """The rows that a split asks for.

        Raises: BenchmarkError for a column that does not exist, or if no row fits.
        """
        file = self.file(split, config)
        return chosen(self.task, split, files.read(self.task, split, file, list(columns), self.cache))

    def encoded(self, texts: list[str], max_length: int) -> list[torch.Tensor]:
        """Token ids of single sentences, (tokens,) each."""
        ids = self.tokenizer(texts, truncation=True, max_length=max_length)["input_ids"]
        return [torch.tensor(sentence) for sentence in ids]
