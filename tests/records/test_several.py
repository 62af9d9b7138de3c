"""The record that readers use of several of one run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from benchmark.records.record import Record
from benchmark.records.several import chosen
from helpers.records import RECORD

EARLY, LATE = "2026-01-01T00:00:00+00:00", "2026-02-02T00:00:00+00:00"


def of(revision: str, finished: str = EARLY) -> Record:
    return replace(RECORD, model=replace(RECORD.model, revision=revision * 40), finished=finished)


def picked(*records: Record) -> tuple[int, list[int]]:
    """The number of the record to use, and of those beside it."""
    places = [Path(str(number)) for number in range(len(records))]
    place, record, beside = chosen(list(zip(places, records, strict=True)))
    assert record is records[int(place.name)]
    return int(place.name), [int(other.name) for other in beside]


def test_of_one_origin_it_is_the_first_whenever_the_others_finished() -> None:
    assert picked(of("0")) == (0, [])
    assert picked(of("0", LATE), of("0", EARLY), of("0", LATE)) == (0, [1, 2])
    assert picked(of("0", EARLY), of("0", LATE)) == (0, [1])


def test_of_several_origins_it_is_of_the_one_that_was_finished_last() -> None:
    assert picked(of("0", EARLY), of("1", LATE)) == (1, [])
    assert picked(of("0", LATE), of("1", EARLY)) == (0, [])
    assert picked(of("0", EARLY), of("1", EARLY)) == (1, [])  # in the same second: the later place


def test_what_lies_beside_is_of_the_origin_that_is_used() -> None:
    assert picked(of("0", EARLY), of("0", EARLY), of("1", LATE), of("1", LATE)) == (2, [3])
