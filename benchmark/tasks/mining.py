"""Mining of translation pairs among all sentences of two languages (BUCC 2018)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from benchmark.config.schema import SplitConfig
from benchmark.config.splits import place_of
from benchmark.data import files
from benchmark.data.files import SplitFiles
from benchmark.data.reader import Reader
from benchmark.data.rows import Rows
from benchmark.errors import BenchmarkError
from benchmark.tasks import columns, neighbours
from benchmark.tasks.kind import Examples, Measure, scored
from benchmark.tasks.retrieval import LONGEST, Retrieval

SENTENCE_COLUMNS = ["id", "lang", "sentence"]
ENGLISH = "en"
# `google/xtreme` has the ids in the second pair of columns.
PAIR_COLUMNS = (["source_id", "target_id"], ["source_lang", "target_lang"])


@dataclass(frozen=True)
class Corpora(Examples):
    """Sentences from which pairs are mined, and the right pairs.

    ``sides`` are (id, text) of the test set's two languages, then of dev's. ``gold`` are the right pairs of
    ids, of test and of dev (none if there is no dev set).
    """

    sides: list[list[neighbours.Pair]]
    gold: list[set[neighbours.Pair]]

    @property
    def has_gold(self) -> np.ndarray:
        """True for every sentence: the right pairs are known."""
        return np.ones(len(self), bool)


@dataclass(frozen=True)
class Mining(Retrieval):
    """Mining of pairs above a margin.

    The margin is the best on the development set, or on the test set itself.
    """

    def files(self, reader: Reader, split: SplitConfig) -> list[SplitFiles]:
        everything = sentences_of(reader, split)
        return [
            reader.file(replace(split, split=name), config)
            for name in self.mined(split)
            for config in (None, everything)
        ]

    def mined(self, split: SplitConfig) -> list[str]:
        """The splits that are mined.

        They are the set's own split and the one whose pairs give the threshold.
        """
        return [split.split, *([str(split.dev)] if self.options.threshold == "dev" else [])]

    def read(self, reader: Reader, split: SplitConfig, training: bool) -> Corpora:
        """Read all sentences of two languages, and the right pairs."""
        sides, gold = list[list[neighbours.Pair]](), list[set[neighbours.Pair]]()
        for rows, pairs in self.look(reader, split, training):
            english = [language == ENGLISH for language in rows.column("lang")]
            lines = [
                (number, text.strip())
                for number, text in zip(rows.column("id"), rows.column("sentence"), strict=True)
            ]
            sides += [
                [line for line, en in zip(lines, english, strict=True) if en == side]
                for side in (False, True)
            ]
            gold.append(pairs)
        texts = [text for side in sides for _, text in side]
        ids = reader.encoded(texts, reader.limit(split, LONGEST))
        return Corpora(ids, None, np.zeros(0), sides=sides, gold=gold)

    def look(self, reader: Reader, split: SplitConfig, training: bool) -> Any:
        """Check the splits that are mined; the rows of all sentences of each, and its right pairs."""
        columns.check_room(reader.tokenizer, reader.limit(split, LONGEST), 1, place_of(split))
        looked = []
        for name in self.mined(split):
            here = replace(split, split=name, rows={})
            rows = reader.rows(here, SENTENCE_COLUMNS, sentences_of(reader, split))
            columns.check_texts(rows, SENTENCE_COLUMNS)
            sides = {side: _numbers(rows, side) for side in (False, True)}
            pairs = reader.rows(here, [])
            known = set(pairs.data.column_names)
            names = next((names for names in PAIR_COLUMNS if set(names) <= known), None)
            if names is None:
                raise BenchmarkError(
                    f"task {reader.task.name!r}: {split.config} has no columns {' and '.join(PAIR_COLUMNS[0])}"
                )
            for column, side in zip(names, (False, True), strict=True):
                for row, number in enumerate(pairs.column(column)):
                    if number not in sides[side]:
                        raise pairs.refusal(column, row, number, f"is the id of no sentence of {rows.place}")
            looked.append((rows, set(zip(*(pairs.column(column) for column in names), strict=True))))
        return looked

    def outputs(self, examples: Corpora, rows: Any, measure: Measure) -> np.ndarray:
        """The F1 on the set of the threshold, and the pairs: (layers, 1 + sentences).

        The F1 is in millionths. The rest is the row of the English sentence paired with each of the others,
        -1 for none.
        """
        ends = [0, *np.cumsum([len(side) for side in examples.sides]).tolist()]
        outputs = np.full((len(self.layers), 1 + len(examples.sides[0])), -1, np.int32)
        for layer in range(len(self.layers)):
            sides = [rows.of(layer, slice(*bounds)) for bounds in pairwise(ends)]
            candidates = neighbours.mine(sides[0], examples.sides[0], sides[1], examples.sides[1])
            deciding, gold = candidates, examples.gold[0]
            if self.options.threshold == "dev":
                deciding = neighbours.mine(sides[2], examples.sides[2], sides[3], examples.sides[3])
                gold = examples.gold[1]
            threshold = neighbours.best_threshold(deciding, gold)
            kept = set(neighbours.above(deciding, threshold))
            outputs[layer, 0] = round(2e6 * len(kept & gold) / max(1, len(kept) + len(gold)))
            place = [{name: row for row, (name, _) in enumerate(side)} for side in examples.sides[:2]]
            for source, target in neighbours.above(candidates, threshold):
                outputs[layer, 1 + place[0][source]] = place[1][target]
        return outputs

    def score(self, outputs: np.ndarray, examples: Corpora, measure: Measure) -> dict[str, float]:
        names = [[name for name, _ in side] for side in examples.sides[:2]]
        scores = []
        for rows in outputs[:, 1:]:
            pairs = [[names[0][source], names[1][rows[source]]] for source in np.flatnonzero(rows >= 0)]
            scores.append(scored(measure, [pairs], [[list(pair) for pair in sorted(examples.gold[0])]]))
        dev = [{"f1": value / 1e6} for value in outputs[:, 0].tolist()]
        return self.by_layer(scores, dev if self.options.threshold == "dev" else None)

    def collapsed(self, outputs: np.ndarray) -> bool:
        return bool((outputs[:, 1:] < 0).all())

    def references(self, examples: Corpora) -> dict[str, np.ndarray]:
        """The row of the right English sentence for each of the others.

        -1 stands for none. Without targets, if a sentence has several right ones.
        """
        others, english = ({name: row for row, (name, _) in enumerate(side)} for side in examples.sides[:2])
        gold = examples.gold[0]
        if len({source for source, _ in gold}) < len(gold):
            return {}
        targets = np.full(len(others), -1, np.int32)
        for source, target in gold:
            targets[others[source]] = english[target]
        return {"targets": targets}


def _numbers(rows: Rows, english: bool) -> set[str]:
    """The ids of the sentences in English, or of the others.

    Raises: BenchmarkError if there are none, or for an id given twice.
    """
    ids = set[str]()
    both = zip(rows.column("id"), rows.column("lang"), strict=True)
    for row, (number, language) in enumerate(both):
        if (language == ENGLISH) != english:
            continue
        if number in ids:
            raise rows.refusal("id", row, number, "names two sentences: give every one an id of its own")
        ids.add(number)
    if not ids:
        wanted = f"of the language {ENGLISH!r}" if english else f"of another language than {ENGLISH!r}"
        raise BenchmarkError(
            f"task {rows.task!r}: {rows.place} has no sentence {wanted} in its column 'lang'"
        )
    return ids


def sentences_of(reader: Reader, split: SplitConfig) -> str:
    """The configuration with all sentences of a mining set.

    Raises: BenchmarkError if there is none.
    """
    source = reader.source(split)
    config = files.sentences_of(source, split)
    if config is None:
        reader.file(split)  # refuse missing pairs first
        raise BenchmarkError(
            f"task {reader.task.name!r}: {split.config} of {source.repo or 'the data set'} has "
            f"the right pairs and not the sentences, and without sentences nothing can be "
            f"mined; give the set's `repo`, a folder of the shared task's files, or its `sentences`, a configuration "
            f"with the columns {', '.join(SENTENCE_COLUMNS)}, or choose a task without it"
        )
    return config
