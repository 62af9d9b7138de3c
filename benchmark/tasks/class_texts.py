"""Texts of a column as classes: their names, and what a reader should look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

OF_SNLI = frozenset({"entailment", "neutral", "contradiction"})
UNDECIDED = "-"  # a label of SNLI on which its annotators did not agree
RARE = 0.05  # of the rows; in SNLI's sets, 2 % at most are undecided


def classes(target: str, counts: Mapping[str, int]) -> tuple[list[str], dict[str, str], list[str]]:
    """The labels of a column's texts, the map of labels, and the reasons.

    The map is empty, unless some texts stand for no label. ``counts`` has the number of rows by text.
    """
    others = {name for name in counts if name != UNDECIDED}
    rows, beside_snli = counts.get(UNDECIDED, 0), {name.casefold() for name in others} == OF_SNLI
    undecided = bool(rows) and beside_snli and rows <= RARE * sum(counts.values())
    labels = sorted(others if undecided else counts)
    reasons = [f"labels: the {len(labels)} texts in {target}, in alphabetical order"]
    for names in _spelt_alike(labels):
        spellings = " and ".join(map(repr, names))
        reasons.append(f"MIND labels: {spellings} differ in capitals or blanks alone; are they one?")
    of_all = f"{rows} of {sum(counts.values())} rows"
    if undecided:
        reasons.append(f"label_map: without {UNDECIDED!r} ({of_all}), which stands for no label in SNLI")
    elif rows and beside_snli:
        reasons.append(
            f"MIND labels: {UNDECIDED!r} is a class here ({of_all}); in SNLI it stands for no label"
        )
    return labels, {label: label for label in labels} if undecided else {}, reasons


def _spelt_alike(labels: Sequence[str]) -> list[list[str]]:
    """The groups of labels that differ in capitals or blanks alone."""
    groups: dict[str, list[str]] = {}
    for label in labels:
        groups.setdefault("".join(label.split()).casefold(), []).append(label)
    return [group for group in groups.values() if len(group) > 1]
