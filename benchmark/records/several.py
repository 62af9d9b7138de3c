"""The record to use of several of one run, from other data or machines."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmark.records.record import Record


def chosen(records: Sequence[tuple[Path, Record]]) -> tuple[Path, Record, list[Path]]:
    """The record to use, with its place and those that lie unused beside it.

    ``records`` are one or more, in the order of their places. If they are of several origins, it is of the one that was finished last. Of one origin it is the first, so that
    what is merged into a store never takes the place of what was there.
    """
    firsts: list[tuple[Path, Record, list[Path]]] = []  # of every origin
    for place, record in records:
        for _, first, beside in firsts:
            if not record.changed(first.origins()):
                beside.append(place)
                break
        else:
            firsts.append((place, record, []))
    return max(reversed(firsts), key=lambda first: first[1].finished)
