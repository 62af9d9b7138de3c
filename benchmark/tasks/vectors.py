"""Storage for the vectors of a whole evaluation set, in memory or on disk."""

from __future__ import annotations

from tempfile import TemporaryFile

import numpy as np
import torch

# Bytes of a set's vectors in memory; larger ones lie in a file, which the system caches as far as there is
# room.
IN_MEMORY = 2**29


class Vectors:
    """Vectors (layers, sentences, width) in float32.

    They are written sentence by sentence and read layer by layer. The two languages of BUCC have some 800 000
    sentences: 3 GB in one layer, and 80 GB in the 24 layers of a large model if the best of them is searched.
    """

    def __init__(self, sentences: int) -> None:
        self.sentences = sentences
        self.values = np.empty((0, sentences, 0), np.float32)

    def __len__(self) -> int:
        return self.sentences

    def __setitem__(self, sentence: int, row: np.ndarray) -> None:
        """Keep ``row`` (layers, width)."""
        if not self.values.size:
            self.values = _room((len(row), self.sentences, row.shape[1]))
        self.values[:, sentence] = row

    def of(self, layer: int, part: slice = slice(None)) -> torch.Tensor:
        """The vectors (sentences, width) of the ``layer``-th kept layer, without a copy."""
        return torch.from_numpy(self.values[layer, part])


def _room(shape: tuple[int, int, int]) -> np.ndarray:
    if 4 * int(np.prod(shape, dtype=np.int64)) <= IN_MEMORY:
        return np.empty(shape, np.float32)
    with TemporaryFile() as file:  # the mapping keeps the file's content until the mapping itself is gone
        return np.memmap(file, np.float32, "w+", shape=shape)
