"""The choice between several records of one run, from other data or machines."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmark.records.record import Record


def chosen(records: Sequence[tuple[Path, Record]]) -> tuple[Path, Record, list[Path]]:
    """The record to use, with its place and the places of the unused ones.

    ``records`` are one or more, in the order of their places. Between several origins, the one with the
    record that was finished last is used. Within one origin the first record is used, so that a record merged
    into a store never replaces an existing one.
    """
    firsts: list[tuple[Path, Record, list[Path]]] = []  # the first record of every origin
    for place, record in records:
        for _, first, beside in firsts:
            if not record.changed(first.origins()):
                beside.append(place)
                break
        else:
            firsts.append((place, record, []))
    return max(reversed(firsts), key=lambda first: first[1].finished)
