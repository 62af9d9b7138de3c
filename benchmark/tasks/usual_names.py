"""The usual names of columns, by their content."""

from __future__ import annotations

TARGETS = (
    "label",
    "labels",
    "target",
    "class",
    "category",
    "gold_label",
    "gold",
    "sentiment",
    "stance",
    "intent",
)
VALUES = ("score", "similarity", "similarity_score", "rating", "stars", "y")
TAGS = ("ner_tags", "pos_tags", "upos", "xpos", "tags", "labels")
WORDS = ("tokens", "words", "text")
PAIRS = (
    ("sentence1", "sentence2"),
    ("premise", "hypothesis"),
    ("question1", "question2"),
    ("question", "sentence"),
    ("question", "passage"),
    ("query", "passage"),
    ("text1", "text2"),
    ("text_a", "text_b"),
    ("sentence_a", "sentence_b"),
)
TEXTS = ("text", "sentence", "review", "content", "comment", "tweet", "utterance", "document", "body")
ASKED = ("question", "context", "answers")
USUAL = (*TARGETS, *VALUES, *TAGS, *WORDS, *(name for pair in PAIRS for name in pair), *TEXTS, *ASKED)
