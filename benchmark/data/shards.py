"""Shards and numbered parts of a split; a series of shards that lacks one is refused with its name."""

from __future__ import annotations

import re
from collections.abc import Sequence

from benchmark.errors import BenchmarkError

# `train-00000-of-00002.parquet`; old versions of `datasets` added a hash, `-0123456789abcdef`.
SHARD = re.compile(r"-(?P<number>\d{5})-of-(?P<total>\d{5})(?:-[0-9a-f]{16})?(?=\.)")
# A part of a split: `train1.csv`, `train-part-0001.jsonl`, the folder `part_2_train`. After any other word, as in
# `train_fold1` and `train_v2`, a number does not mean a part.
SEPARATOR, OF_PART = r"(?:[^\w/]|_)*", r"(?:parts?|shards?|chunks?|pieces?|files?)"
PART = (
    rf"{{split}}{SEPARATOR}{OF_PART}?{SEPARATOR}(\d+)(?=/|\.[^\d/]+$)",
    rf"(?<![^\W\d_]){OF_PART}{SEPARATOR}(\d+){SEPARATOR}{{split}}(?=/|\.[^\d/]+$)",
)
SHOWN = 4  # names in a message


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


def are_parts(names: Sequence[str], splits: Sequence[str]) -> bool:
    """True for the numbered parts of one of ``splits``, files or folders, without a gap."""
    said = "|".join(map(re.escape, splits))
    for form in PART:
        matches = [re.search(form.format(split=f"(?:{said})"), name, re.IGNORECASE) for name in names]
        found = [match for match in matches if match]
        alike = len({match.string[: match.start(1)] + match.string[match.end(1) :] for match in found}) == 1
        counted = sorted(int(match[1]) for match in found)
        if len(found) == len(names) > 1 and alike:
            return counted in (list(range(len(names))), list(range(1, len(names) + 1)))
    return False


def in_short(names: Sequence[str]) -> str:
    """The number of files, and the names of the first."""
    return f"{len(names)} files: {', '.join(names[:SHOWN])}{', …' if len(names) > SHOWN else ''}"
