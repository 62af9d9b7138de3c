"""Nearest neighbours among sentence vectors, and the mining of translation pairs by margin (BUCC 2018).

Vectors are rows of a (sentences, width) tensor. Functions that compare them all work block by block:
beside inputs and results they hold only a few blocks, for any number of sentences.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import torch
from torch.nn import functional

QUERIES, CANDIDATES = 1024, 8192  # sentences per block: 32 MiB of similarities
NEIGHBOURS = 4

Pair = tuple[str, str]


def neighbours(
    queries: torch.Tensor, candidates: torch.Tensor, count: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """The ``count`` nearest ``candidates`` of every query by cosine, nearest first.

    Returns their cosines in float32 and their row numbers, both (queries, count), with fewer columns if
    there are fewer candidates.
    """
    width = min(count, len(candidates))
    cosines = torch.full((len(queries), width), -torch.inf, device=queries.device)
    rows = torch.zeros((len(queries), width), dtype=torch.long, device=queries.device)
    for start in range(0, len(candidates), CANDIDATES):
        block = functional.normalize(candidates[start : start + CANDIDATES].float(), dim=1)
        for first in range(0, len(queries), QUERIES):
            some = slice(first, first + QUERIES)
            similarity = functional.normalize(queries[some].float(), dim=1) @ block.T
            near, where = similarity.topk(min(width, len(block)), dim=1)
            near, where = torch.cat([cosines[some], near], 1), torch.cat([rows[some], where + start], 1)
            cosines[some], kept = near.topk(width, dim=1)
            rows[some] = where.gather(1, kept)
    return cosines, rows


def nearest(queries: torch.Tensor, candidates: torch.Tensor) -> torch.Tensor:
    """The row number (queries,) of every query's nearest candidate by cosine.

    For Tatoeba the English sentences are the queries.
    """
    return neighbours(queries, candidates, 1)[1][:, 0]


def best_pairs(sources: torch.Tensor, targets: torch.Tensor) -> list[tuple[int, int, float]]:
    """Pairs of rows by descending ratio margin, no row in two of them.

    The margin of a pair is its cosine over the mean of both sides' mean cosine with their nearest
    neighbours. Every sentence proposes the neighbour with the highest margin; a proposal is taken if both
    sides are still free and its margin is above 0.
    """
    forward, source_rows = neighbours(sources, targets, NEIGHBOURS)
    backward, target_rows = neighbours(targets, sources, NEIGHBOURS)
    of_source, of_target = forward.mean(1), backward.mean(1)
    margins, chosen = (forward / ((of_source[:, None] + of_target[source_rows]) / 2)).max(1)
    proposed = [(torch.arange(len(sources)), source_rows.gather(1, chosen[:, None])[:, 0].cpu(), margins)]
    margins, chosen = (backward / ((of_target[:, None] + of_source[target_rows]) / 2)).max(1)
    proposed.append((target_rows.gather(1, chosen[:, None])[:, 0].cpu(), torch.arange(len(targets)), margins))
    left, right, scores = (torch.cat([columns[i].cpu() for columns in proposed]) for i in range(3))

    pairs: list[tuple[int, int, float]] = []
    taken: tuple[set[int], set[int]] = set(), set()
    for i in scores.argsort(descending=True, stable=True).tolist():
        source, target, margin = int(left[i]), int(right[i]), float(scores[i])
        if margin > 0 and source not in taken[0] and target not in taken[1]:
            taken[0].add(source)
            taken[1].add(target)
            pairs.append((source, target, margin))
    return pairs


def mine(
    sources: torch.Tensor, source_lines: Sequence[Pair], targets: torch.Tensor, target_lines: Sequence[Pair]
) -> list[tuple[Pair, float]]:
    """Proposed translations as pairs of ids with their margins, best first.

    ``source_lines`` and ``target_lines`` are (id, text) of each row. Equal texts count as one sentence, with
    the vector of the last of them. Such a sentence has no unique id, so pairs with it are left out.
    """
    source_rows, target_rows = _distinct(source_lines), _distinct(target_lines)
    source_ids, target_ids = _unique_ids(source_lines), _unique_ids(target_lines)
    pairs = best_pairs(_rows(sources, source_rows), _rows(targets, target_rows))
    named = [((source_ids[source_rows[s]], target_ids[target_rows[t]]), margin) for s, t, margin in pairs]
    return [((source, target), margin) for (source, target), margin in named if source and target]


def best_threshold(candidates: Sequence[tuple[Pair, float]], gold: set[Pair]) -> float:
    """The margin at which ``candidates``, best first, give the highest F1 against ``gold``.

    It lies half-way between the last pair kept and the next. If all are kept it is the last margin itself.
    If no pair is right it is 0, which keeps them all.
    """
    best, threshold, right = 0.0, 0.0, 0
    for kept, (pair, margin) in enumerate(candidates, start=1):
        right += pair in gold
        f1 = 2 * right / (kept + len(gold))
        if f1 > best:
            following = candidates[kept][1] if kept < len(candidates) else margin
            best, threshold = f1, (margin + following) / 2
    return threshold


def above(candidates: Sequence[tuple[Pair, float]], threshold: float) -> list[Pair]:
    """The pairs whose margin is at least ``threshold``."""
    return [pair for pair, margin in candidates if margin >= threshold]


def _distinct(lines: Sequence[Pair]) -> list[int]:
    """The last row of every distinct text, in order of first occurrence."""
    return list({text: row for row, (_, text) in enumerate(lines)}.values())


def _rows(vectors: torch.Tensor, rows: list[int]) -> torch.Tensor:
    """``vectors[rows]``, without a copy if these are all rows."""
    return vectors if len(rows) == len(vectors) else vectors[rows]


def _unique_ids(lines: Sequence[Pair]) -> list[str | None]:
    """The id of every row, or None where its text occurs in another row too."""
    times = Counter(text for _, text in lines)
    return [name if times[text] == 1 else None for name, text in lines]
