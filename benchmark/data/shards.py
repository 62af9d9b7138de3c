"""Shards of a split: complete, or refused with the name of the missing one."""

from __future__ import annotations

import re
from collections.abc import Sequence

from benchmark.errors import BenchmarkError
from benchmark.places import without_gz

# `train-00000-of-00002.parquet`; old versions of `datasets` added a hash, `-0123456789abcdef`.
SHARD = re.compile(r"-(?P<number>\d{5})-of-(?P<total>\d{5})(?:-[0-9a-f]{16})?(?=\.)")
NUMBER = re.compile(r"\d+(?!.*\d)")  # the last one


def without_shard(name: str) -> str:
    """The name of a file without its shard's number."""
    return SHARD.sub("", name)


def check_complete(names: Sequence[str]) -> list[str]:
    """The ``names`` in order, if every series of shards among them is complete.

    Raises: BenchmarkError naming a shard that is missing or there twice, or files of one split that are no
    shards.
    """
    series: dict[str, list[re.Match[str]]] = {}
    for name in names:
        if match := SHARD.search(name):
            series.setdefault(without_shard(name), []).append(match)
    for shards in series.values():
        totals = sorted({int(shard["total"]) for shard in shards})
        first = shards[0]
        for total in totals:
            present = [int(shard["number"]) for shard in shards if int(shard["total"]) == total]
            missing = sorted(set(range(total)) - set(present))
            if missing:
                wanted = f"{first.string[: first.start()]}-{missing[0]:05}-of-{total:05}{first.string[first.end() :]}"
                raise BenchmarkError(f"no file {wanted}: {len(set(present))} of {total} shards are there")
        if len(totals) > 1 or len(shards) > totals[0]:
            raise BenchmarkError(
                f"one split is there twice: {', '.join(sorted(shard.string for shard in shards)[:4])}"
            )
    return sorted(names)


def are_numbered(names: Sequence[str]) -> bool:
    """True for names that differ in a number, counted without a gap."""
    numbers = [NUMBER.search(without_gz(name)) for name in names]
    if None in numbers or len({NUMBER.sub("#", without_gz(name)) for name in names}) > 1:
        return False
    counted = sorted(int(number[0]) for number in numbers if number)
    return counted in (list(range(len(counted))), list(range(1, len(counted) + 1)))
