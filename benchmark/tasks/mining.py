"""Mining of translation pairs among all sentences of two languages (BUCC 2018)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from benchmark.config.schema import SplitConfig
from benchmark.data.files import File
from benchmark.data.reader import Reader
from benchmark.errors import BenchmarkError
from benchmark.tasks import neighbours
from benchmark.tasks.kind import Examples, Measure, scored
from benchmark.tasks.retrieval import LONGEST, Retrieval

SENTENCE_COLUMNS = ["id", "lang", "sentence"]
PAIR_COLUMNS = (
    ["source_id", "target_id"],
    ["source_lang", "target_lang"],
)  # `google/xtreme` has ids in the latter


@dataclass(frozen=True)
class Corpora(Examples):
    """Sentences to mine pairs from: ``sides`` are (id, text) of the test set's two languages, then of dev's.

    ``gold`` are the pairs of ids to be found, of test and of dev (none where there is no dev set).
    """

    sides: list[list[neighbours.Pair]]
    gold: list[set[neighbours.Pair]]


@dataclass(frozen=True)
class Mining(Retrieval):
    """Pairs above a margin that does best on the development set, or on the test set itself."""

    def files(self, reader: Reader, split: SplitConfig) -> list[File]:
        everything = sentences_of(reader, split)
        return [
            reader.file(replace(split, split=part), config)
            for part in self.parts(split)
            for config in (None, everything)
        ]

    def parts(self, split: SplitConfig) -> list[str]:
        """The splits that are mined: the set's own, and the one whose pairs give the threshold."""
        return [split.split, *([str(split.dev)] if self.options.threshold == "dev" else [])]

    def read(self, reader: Reader, split: SplitConfig, training: bool) -> Corpora:
        """All sentences of two languages, and the pairs among them."""
        sides, gold = list[list[neighbours.Pair]](), list[set[neighbours.Pair]]()
        for part in self.parts(split):
            here = replace(split, split=part, rows={})
            rows = reader.rows(here, SENTENCE_COLUMNS, sentences_of(reader, split))
            english = [one == "en" for one in rows["lang"]]
            lines = list(zip(rows["id"], (text.strip() for text in rows["sentence"]), strict=True))
            sides += [
                [line for line, en in zip(lines, english, strict=True) if en == side]
                for side in (False, True)
            ]
            pairs = reader.rows(here, [])
            names = next((names for names in PAIR_COLUMNS if set(names) <= set(pairs.column_names)), None)
            if names is None:
                raise BenchmarkError(
                    f"task {reader.task.name!r}: {split.config} has no columns {' and '.join(PAIR_COLUMNS[0])}"
                )
            gold.append(set(zip(*(pairs[name] for name in names), strict=True)))
        texts = [text for side in sides for _, text in side]
        ids = reader.encoded(texts, reader.limit(split, LONGEST))
        return Corpora(ids, None, np.zeros(0), sides=sides, gold=gold)

    def answers(self, examples: Corpora, rows: Any) -> np.ndarray:
        """The row of the English sentence paired with each of the others, -1 for none: (layers, sentences).

        Beside them stands the F1 on the development set in millionths, where there is one: (layers, 1 + sentences).
        """
        ends = [0, *np.cumsum([len(side) for side in examples.sides]).tolist()]
        found = np.full((len(self.layers), 1 + len(examples.sides[0])), -1, np.int32)
        for at in range(len(self.layers)):
            sides = [rows.of(at, slice(*bounds)) for bounds in pairwise(ends)]
            candidates = neighbours.mine(sides[0], examples.sides[0], sides[1], examples.sides[1])
            deciding, gold = candidates, examples.gold[0]
            if self.options.threshold == "dev":
                deciding = neighbours.mine(sides[2], examples.sides[2], sides[3], examples.sides[3])
                gold = examples.gold[1]
            threshold = neighbours.best_threshold(deciding, gold)
            kept = set(neighbours.above(deciding, threshold))
            found[at, 0] = round(2e6 * len(kept & gold) / max(1, len(kept) + len(gold)))
            place = [{name: row for row, (name, _) in enumerate(side)} for side in examples.sides[:2]]
            for source, target in neighbours.above(candidates, threshold):
                found[at, 1 + place[0][source]] = place[1][target]
        return found

    def score(self, answers: np.ndarray, examples: Corpora, measure: Measure) -> dict[str, float]:
        names = [[name for name, _ in side] for side in examples.sides[:2]]
        scores = []
        for rows in answers[:, 1:]:
            pairs = [[names[0][source], names[1][rows[source]]] for source in np.flatnonzero(rows >= 0)]
            scores.append(scored(measure, [pairs], [[list(pair) for pair in sorted(examples.gold[0])]]))
        dev = [{"f1": value / 1e6} for value in answers[:, 0].tolist()]
        return self.by_layer(scores, dev if self.options.threshold == "dev" else None)

    def collapsed(self, answers: np.ndarray) -> bool:
        return bool((answers[:, 1:] < 0).all())


def sentences_of(reader: Reader, split: SplitConfig) -> str:
    """The configuration that has all sentences of a mining set. Raises: BenchmarkError if none is named."""
    if not split.sentences:
        raise BenchmarkError(
            f"task {reader.task.name!r}: {split.config} of {reader.source(split).repo or 'the data set'} has "
            f"the pairs to be found and not the sentences to find them in, and without those nothing can be "
            f"mined; give the set's `sentences`, a configuration with the columns {', '.join(SENTENCE_COLUMNS)} "
            f"(and its `repo`), or choose a task without it"
        )
    return split.sentences
