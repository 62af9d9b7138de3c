"""Treebanks of Universal Dependencies in CoNLL-U, in the conversion that XTREME's scripts make of them.

Its words are surface forms: a contraction such as ``zum`` is one word, with the tag of the part nearest to
the root. Words lose their spaces and zero-width non-joiners. A sentence without its words (``_`` in treebanks
whose texts are not free) is left out, and so is a sentence in which all words but one are blank. The language
is the code at the beginning of a file's name: ``grc_`` and ``el_`` differ, while both folders are named
Greek.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmark.data.text import read_text
from benchmark.errors import BenchmarkError
from benchmark.places import without_gz

NAME = re.compile(r"(?P<lang>[a-z]{2,3})_[a-z0-9]+-ud-(?P<part>train|dev|test)[\w-]*\.conllu")
FIELDS = 10  # ID FORM LEMMA UPOS XPOS FEATS HEAD DEPREL DEPS MISC
BLANK, OTHER = "_", "X"
# The order in which parts of a contraction give the tag if several are nearest to the root: XTREME's
# conllu_to_conll.py.
USUAL = [
    "VERB",
    "NOUN",
    "PROPN",
    "PRON",
    "ADJ",
    "NUM",
    "ADV",
    "INTJ",
    "AUX",
    "ADP",
    "DET",
    "PART",
    "CCONJ",
    "SCONJ",
    "X",
    "PUNCT",
]
FIRST = {
    "es": ["VERB", "AUX", "PRON", "ADP", "DET"],
    "fr": ["VERB", "AUX", "PRON", "NOUN", "ADJ", "ADV", "ADP", "DET", "PART", "SCONJ", "CONJ"],
    "it": ["VERB", "AUX", "ADV", "PRON", "ADP", "DET", "INTJ"],
}


@dataclass
class ParsedSentence:
    """A sentence: form, tag and heads of every word by its number, and the contractions by their first and last."""

    forms: dict[int, str] = field(default_factory=dict)
    tags: dict[int, str] = field(default_factory=dict)
    heads: dict[int, set[int]] = field(default_factory=dict)
    contractions: dict[tuple[int, int], str] = field(default_factory=dict)

    def depth(self, word: int) -> int:
        """The number of words above ``word`` in the tree, the root among them; secondary edges count."""
        above: set[int] = set()
        new = set(self.heads[word])
        while new:
            above |= new
            new = {head for below in new for head in self.heads.get(below, ())} - above
        return len(above - {word})


def columns(paths: Sequence[Path]) -> dict[str, list[Any]]:
    """The columns ``tokens`` and ``pos_tags`` of all sentences of a language's files.

    Raises: BenchmarkError naming file and line for lines that are not CoNLL-U, or the files if they have no word.
    """
    made: dict[str, list[Any]] = {"tokens": [], "pos_tags": []}
    for path in paths:
        known = NAME.fullmatch(without_gz(path.name))
        order = FIRST.get(known["lang"] if known else "", USUAL)
        for sentence in sentences(path):
            words = surface(sentence, order)
            blank = sum(form == BLANK for form, _ in words)
            if words and (not blank or blank < len(words) - 1):
                made["tokens"].append([form.replace("\u200c", "").replace(" ", "") for form, _ in words])
                made["pos_tags"].append([OTHER if tag == BLANK else tag for _, tag in words])
    if not made["tokens"]:
        raise BenchmarkError(f"{', '.join(map(str, paths[:3]))}: no sentence has its words")
    return made


def sentences(path: Path) -> Iterator[ParsedSentence]:
    """The sentences of a file. Raises: BenchmarkError naming file and line for lines that are not CoNLL-U."""
    sentence = ParsedSentence()
    for number, line in enumerate(read_text(path).split("\n"), 1):
        line = line.rstrip("\r")
        if not line.strip():
            if sentence.forms:
                yield sentence
            sentence = ParsedSentence()
        elif not line.startswith("#"):
            try:
                _add(sentence, line.split("\t"))
            except ValueError as error:
                raise BenchmarkError(f"{path}, line {number}: {error}") from error
    if sentence.forms:
        yield sentence


def _add(sentence: ParsedSentence, fields: list[str]) -> None:
    """Add a line to a sentence. Raises: ValueError if it is not a line of CoNLL-U."""
    if len(fields) != FIELDS:
        raise ValueError(f"{len(fields)} fields, and a word of CoNLL-U has {FIELDS} with tabs between")
    name, form, tag, head, others = fields[0], fields[1].strip(), fields[3].strip(), fields[6], fields[8]
    if span := re.fullmatch(r"(\d+)-(\d+)", name):
        sentence.contractions[int(span[1]), int(span[2])] = form
    elif name == str(len(sentence.forms) + 1):
        number = int(name)
        sentence.forms[number], sentence.tags[number] = form, tag
        secondary = [int(other) for other in re.findall(r"(?:^|\|)(\d+):", others)]
        sentence.heads[number] = {*([int(head)] if head.isdigit() else []), *secondary}
    elif not re.fullmatch(r"\d+\.\d+", name):  # an empty node is not a word
        raise ValueError(f"the word {len(sentence.forms) + 1} of its sentence is called {name!r}")


def surface(sentence: ParsedSentence, order: Sequence[str]) -> list[tuple[str, str]]:
    """The surface words of a sentence with their tags.

    ``order`` decides between parts equally near to the root.
    """
    rank: Mapping[str, int] = {tag: place for place, tag in reversed(list(enumerate(order)))}
    forms, left_out = dict(sentence.forms), set[int]()
    for (first, last), form in sentence.contractions.items():
        parts = [part for part in range(first, last + 1) if part in sentence.forms]
        if not parts:
            continue
        head = min(parts, key=lambda part: (sentence.depth(part), rank.get(sentence.tags[part], len(order))))
        forms[head] = form
        left_out |= set(parts) - {head}
    return [(forms[word], sentence.tags[word]) for word in sentence.forms if word not in left_out]
