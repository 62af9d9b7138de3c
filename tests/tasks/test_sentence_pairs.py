"""Sets of sentence pairs are looked at: texts, languages, ids, and pairs of sentences that are there."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from datasets import Dataset

from benchmark.config.schema import SplitConfig, TaskConfig
from benchmark.config.task_options import RetrievalConfig
from benchmark.data.rows import chosen
from benchmark.errors import BenchmarkError
from benchmark.tasks.mining import Corpora, Mining
from benchmark.tasks.retrieval import Retrieval

SENTENCES = [
    {"id": "de-1", "lang": "de", "sentence": "eins"},
    {"id": "de-2", "lang": "de", "sentence": "zwei"},
    {"id": "en-1", "lang": "en", "sentence": "one"},
]
PAIRS = [{"source_id": "de-1", "target_id": "en-1"}]


def look(kind: Retrieval, sets: dict[str, list[dict[str, Any]]]) -> Any:
    """What ``kind`` makes of sets by configuration, read from lists in place of files."""
    task = TaskConfig(name="mine", text=["a", "b"], metrics=["bucc"], evaluate={})
    split = SplitConfig(config="pairs", split="test", dev="test", sentences="sentences")

    def rows(split: SplitConfig, columns: list[str], config: str | None = None) -> Any:
        return chosen(task, split, Dataset.from_list(sets[config or split.config]))

    tokenizer = SimpleNamespace(num_special_tokens_to_add=lambda pair: 2)
    reader = SimpleNamespace(
        task=task,
        tokenizer=tokenizer,
        rows=rows,
        source=lambda split: split,
        limit=lambda *_: 32,
        columns=lambda _: (["a", "b"], "label"),
    )
    return kind.look(reader, split, False)  # type: ignore[arg-type]


def test_sentences_and_pairs_that_fit_are_read() -> None:
    kind = Mining(RetrievalConfig(threshold="test"), 2)
    [(rows, pairs)] = look(kind, {"sentences": SENTENCES, "pairs": PAIRS})
    assert (len(rows), pairs) == (3, {("de-1", "en-1")})


@pytest.mark.parametrize(
    ("change", "pairs", "line"),
    [
        ({"sentence": None}, PAIRS, r"column 'sentence', row 2 .*None is missing"),
        ({"lang": "fr"}, PAIRS, "no sentence of the language 'en'"),
        ({"id": "de-1", "lang": "de"}, PAIRS, r"column 'id', row 2 .*'de-1' names two sentences"),
        ({}, [{"source_id": "de-1", "target_id": "en-7"}], r"'target_id', row 0 .*'en-7' is the id of no"),
        ({}, [{"source_id": None, "target_id": "en-1"}], r"'source_id', row 0 .*None is the id of no"),
    ],
)
def test_sentences_and_pairs_that_do_not_fit_are_refused(
    change: dict[str, Any], pairs: list[dict[str, Any]], line: str
) -> None:
    kind = Mining(RetrievalConfig(threshold="test"), 2)
    with pytest.raises(BenchmarkError, match=line):
        look(kind, {"sentences": [*SENTENCES[:2], SENTENCES[2] | change], "pairs": pairs})


@pytest.mark.parametrize("value", [None, 5])
def test_pairs_to_retrieve_are_texts(value: Any) -> None:
    with pytest.raises(BenchmarkError, match=r"pairs/test, column 'b', row 0 .*a text is wanted"):
        look(Retrieval(RetrievalConfig(), 2), {"pairs": [{"a": "eins", "b": value}]})


def test_the_right_pairs_of_a_mining_set_are_kept_by_row() -> None:
    others, english = [(name, "") for name in ("d1", "d2", "d3")], [(name, "") for name in ("e1", "e2")]
    kind = Mining(RetrievalConfig(threshold="test"), 2)
    gold = {("d3", "e1"), ("d1", "e2")}
    corpora = Corpora([], None, np.zeros(0), sides=[others, english], gold=[gold])
    assert kind.references(corpora)["targets"].tolist() == [1, -1, 0]
    both = Corpora([], None, np.zeros(0), sides=[others, english], gold=[gold | {("d3", "e2")}])
    assert kind.references(both) == {}
