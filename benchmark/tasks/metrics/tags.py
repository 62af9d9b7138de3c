"""F1 of sequence labels by seqeval's rules, of entities or of runs of equal tags.

Entities are for NER, runs for part of speech. A row is a sentence: its tags, one string per word. A unit is
right if its type, start and end all agree. Precision, recall and F1 are over all sentences and all types
together.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from itertools import chain

import numpy as np

from benchmark.tasks.metrics.base import Metric

Sentences = Sequence[Sequence[str]]


class EntityF1(Metric):
    """F1, precision and recall of entities in BIO tags, in seqeval's lenient reading."""

    value = "string"
    depth = 1
    row = "one list of tags per sentence"

    def compute(self, predictions: Sentences, references: Sentences) -> dict[str, float]:
        return _unit_scores(predictions, references)


class TagRunF1(EntityF1):
    """F1, precision and recall of runs of equal UPOS tags, XTREME's part-of-speech metric.

    A tag without a prefix is read as its own type, as by the seqeval 0.0.12 of XTREME's evaluator. That
    release also reads the first letter S (SCONJ, SYM) as a unit of one word, so these tags never make a run.
    """

    def compute(self, predictions: Sentences, references: Sentences) -> dict[str, float]:
        return _unit_scores(_prefixed(predictions), _prefixed(references))


class TagRunF1Seqeval1(EntityF1):
    """The same as seqeval 1 computes it.

    A tag loses its first letter, so that CCONJ equals SCONJ.
    """

    def compute(self, predictions: Sentences, references: Sentences) -> dict[str, float]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # seqeval warns of every tag that has no prefix
            scores = _unit_scores(predictions, references)
        return {f"{name}_seqeval_1": value for name, value in scores.items()}


class TagAccuracy(EntityF1):
    """The share of words with the right tag."""

    def compute(self, predictions: Sentences, references: Sentences) -> dict[str, float]:
        tags, truth = list(chain(*predictions)), list(chain(*references))
        return {"tag_accuracy": float(np.mean(np.asarray(tags) == np.asarray(truth)))}


def _prefixed(sentences: Sentences) -> list[list[str]]:
    return [[("S-" if tag.startswith("S") else "I-") + tag for tag in tags] for tags in sentences]


def _unit_scores(predictions: Sentences, references: Sentences) -> dict[str, float]:
    from seqeval.metrics.sequence_labeling import precision_recall_fscore_support  # imports scikit-learn

    precision, recall, f1, _ = precision_recall_fscore_support(
        references, predictions, average="micro", zero_division=0
    )
    return {"f1": float(f1), "precision": float(precision), "recall": float(recall)}
