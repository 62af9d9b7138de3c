"""Memory stays flat over languages and over sentences to be compared; measured in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmark.config.compose import ROOT
from benchmark.config.task_options import RetrievalConfig
from benchmark.tasks import neighbours, vectors
from benchmark.tasks.kind import Measure
from benchmark.tasks.mining import Corpora, Mining
from benchmark.tasks.retrieval import Retrieval
from benchmark.tasks.vectors import Vectors

OPTIONS = RetrievalConfig(layers={"2": 1})

BEGIN = """
import json, re
import numpy as np, torch
def peak():  # MiB; getrusage's would be that of the process that started this one, if that was larger
    return int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) / 1024
"""
LANGUAGES = f"""{BEGIN}
from transformers import BertConfig, BertForTokenClassification
from benchmark.training.evaluation import evaluate
from benchmark.tasks.word_pieces import Piece
from benchmark.tasks.task import Task
from benchmark.tasks.loading import Sets
from benchmark.tasks.tagging import Sentences, Tagging

COUNT, WORDS = 4000, 6
def language():
    ids = [torch.arange(WORDS + 2) for _ in range(COUNT)]
    pieces = [Piece(i, 0, np.arange(WORDS + 2), np.arange(1, WORDS + 1)) for i in range(COUNT)]
    return Sentences(ids=ids, segments=None, targets=[torch.zeros(WORDS + 2).long() for _ in ids],
        pieces=pieces, lengths=np.full(COUNT, WORDS), truth=np.zeros(COUNT * WORDS, np.int16))
shape = BertConfig(vocab_size=16, hidden_size=4, num_hidden_layers=1, num_attention_heads=1, intermediate_size=4)
model = BertForTokenClassification(shape)
def asked(languages):
    sets = Sets({{f"pos/{{i}}": language for i in range(languages)}})
    task = Task("pos", Tagging(["A", "B"]), ["tag_accuracy"], language(), sets, 0, False, np.arange(0), {{}},
        groups=dict.fromkeys(sets, "pos"))
    answers, scores = evaluate(model, task, "float32", torch.device("cpu"))
    assert len(scores) == languages + 1
    return peak()
before = peak()
few = asked(2)
print(json.dumps([before, few, asked(12)]))
"""
SENTENCES = f"""{BEGIN}
from benchmark.config.task_options import RetrievalConfig
from benchmark.tasks.kind import Measure
from benchmark.tasks.mining import Corpora, Mining
from benchmark.tasks.retrieval import Bitext, Retrieval
options = {OPTIONS!r}
rng = np.random.default_rng(0)
before = peak()
def filled(kind, count, sides):
    half = rng.normal(size=(count, 16)).astype(np.float32)
    rows = kind.room(sides * count)
    for i in range(sides * count):
        rows[i] = half[None, i % count]
    return rows
kind = Retrieval(options, 2)
ids = [torch.zeros(1)] * 2 * COUNT
found = kind.outputs(Bitext(ids, None, np.zeros(0)), filled(kind, COUNT, 2), Measure(kind, []))
assert (found == np.arange(COUNT)).all()
kind = Mining(options, 2)
sides = [[(f"{{side}}-{{i}}", f"{{side}} {{i}}") for i in range(COUNT)] for side in range(4)]
gold = [{{(f"{{a}}-{{i}}", f"{{b}}-{{i}}") for i in range(COUNT)}} for a, b in ((0, 1), (2, 3))]
corpora = Corpora([torch.zeros(1)] * 4 * COUNT, None, np.zeros(0), sides=sides, gold=gold)
found = kind.outputs(corpora, filled(kind, COUNT, 4), Measure(kind, []))
assert (found[:, 1:] == np.arange(COUNT)).all()
print(json.dumps([before, peak()]))
"""


def measured(script: str) -> list[float]:
    """What a script prints, by itself."""
    if not Path("/proc/self/status").is_file():
        pytest.skip("no /proc/self/status here: the peak of a process's memory is not known")
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found: list[float] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_twelve_languages_need_no_more_memory_than_two() -> None:
    before, two, twelve = measured(LANGUAGES)
    share = (two - before) / 2  # a training set and one language at a time
    assert share > 5
    assert twelve - two < share


def test_all_pairs_of_many_sentences_are_compared_block_by_block() -> None:
    count = 9000  # all similarities at once would take 310 MiB
    before, after = measured(SENTENCES.replace("COUNT", str(count)))
    assert after - before < 220


def test_vectors_that_memory_does_not_hold_lie_in_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(40, 3, 8)).astype(np.float32)
    kept = []
    for limit in (vectors.IN_MEMORY, 100):
        monkeypatch.setattr(vectors, "IN_MEMORY", limit)
        rows = Vectors(40)
        for i in reversed(range(40)):
            rows[i] = values[i]
        kept.append(rows)
    assert [isinstance(rows.values, np.memmap) for rows in kept] == [False, True]
    assert torch.equal(kept[1].of(2, slice(5, 9)), torch.from_numpy(values[5:9, 2]))
    kind = Retrieval(replace(OPTIONS, rule="best_on_test", compared=[0, 1, 2]), 2)
    examples = [None] * 40
    in_memory, in_file = (kind.outputs(examples, rows, Measure(kind, [])) for rows in kept)
    assert np.array_equal(in_memory, in_file)
    for layer in range(3):
        english, other = torch.from_numpy(values[20:, layer]), torch.from_numpy(values[:20, layer])
        assert in_file[layer].tolist() == neighbours.nearest(english, other).tolist()


def test_sides_of_a_mining_set_are_parts_of_its_vectors() -> None:
    kind = Mining(OPTIONS, 2)
    base = np.eye(6, dtype=np.float32)
    order = [[0, 1, 2], [2, 0, 1], [3, 4], [4, 3]]  # test and English, dev and English
    rows = kind.room(10)
    for i, number in enumerate(one for side in order for one in side):
        rows[i] = base[None, number]
    sides = [
        [(f"{side}-{one}", f"{side} {one}") for one in side_order] for side, side_order in enumerate(order)
    ]
    gold = [{(f"0-{i}", f"1-{i}") for i in range(3)}, {(f"2-{i}", f"3-{i}") for i in (3, 4)}]
    corpora = Corpora([torch.zeros(1)] * 10, None, np.zeros(0), sides=sides, gold=gold)
    assert kind.outputs(corpora, rows, Measure(kind, [])).tolist() == [[1_000_000, 1, 2, 0]]
