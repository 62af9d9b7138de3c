"""The forms of evaluation sets: the metrics for each, and the number of text columns."""

from __future__ import annotations

# The forms of an evaluation set that each metric is for: a kind, where a classification without labels is a
# regression. A metric of two classes is for no other number of them.
METRIC_FORMS = {
    "accuracy": ("classification", "retrieval"),
    "f1": ("classification",),
    "matthews_correlation": ("classification",),
    "pearson": ("regression",),
    "spearman": ("regression",),
    "ner": ("tagging",),
    "pos": ("tagging",),
    "pos_seqeval_1": ("tagging",),
    "tag_accuracy": ("tagging",),
    "squad": ("answers",),
    "mlqa": ("answers",),
    "bucc": ("mining",),
}
OF_TWO_CLASSES = ("f1",)
# The number of text columns by kind; any number up to two in a classification.
TEXTS = {"tagging": 1, "answers": 2, "retrieval": 2}
