"""Checks of a claim's declaration, before anything runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from omegaconf import MISSING

from benchmark.config.claim_kinds import DIRECTIONS, KINDS_OF_CLAIM, UNITS_OF_ASSOCIATION
from benchmark.config.table import AVERAGE, EVERY_COLUMN, MOST
from benchmark.config.units import AXES_WITHIN, PROBE, RATES, of_arms, quantities, unit
from benchmark.errors import BenchmarkError, unknown
from benchmark.grids.claim_axes import check_optimum, check_trend, columns_of
from benchmark.grids.claim_margins import check_margin, check_p_value
from benchmark.grids.claim_sides import agree, check_sides, has_all, seeds_by_arm
from benchmark.grids.selectors import Rectangle, check_selector, parsed, values_of

SELECTORS = ("better", "lower", "runs", "than", "gain_over")
TWO_SIDED = ("better", "lower", "equivalent", "not_worse", "size", "p_value")  # claims that may have `than`
WITHOUT_GAINS = (*RATES, "median", "quantile")
FEWEST_ARMS = 3  # needed for a rank correlation over arms
OF_PARTS = ("std", *RATES)  # quantities of an arm to which each single run contributes


def check_claims(table: Mapping[str, Any], grid: Sequence[Rectangle], place: str) -> None:
    """Refuse a claim about something that its grid lacks, or that no run can decide.

    Raises: BenchmarkError with the nearest valid choice.
    """
    numbers: dict[str, int] = {}
    for number, claim in enumerate(table["claims"], 1):
        where = f"{place}, claim {number}"
        if claim["id"] and numbers.setdefault(claim["id"], number) != number:
            raise BenchmarkError(
                f"{where}: id: {claim['id']} is claim {numbers[claim['id']]}'s; give another"
            )
        _check_claim(claim, table, grid, where)


def _check_claim(
    claim: Mapping[str, Any], table: Mapping[str, Any], grid: Sequence[Rectangle], place: str
) -> None:
    if claim["untestable"]:
        _check_untestable(claim, place)
        return
    kind = _kind(claim, place)
    for key in SELECTORS:
        check_selector(claim[key], grid, f"{place}, {key}")
        if "seed" in claim[key]:
            seeds = ",".join(values_of("seed", grid))
            raise BenchmarkError(
                f"{place}, {key}: seed: {claim[key]['seed']}; runs are paired by seed, and a side has all of them; "
                f"leave it out (valid: {seeds} on both sides)"
            )
    _check_of(claim, kind, grid, place)
    _check_gain(claim, grid, place)
    _check_where(claim, table, grid, place)
    if kind == "trend":
        check_trend(claim, table, grid, place)
    elif kind == "optimum":
        check_optimum(claim, table, grid, place)
    elif kind == "association":
        _check_association(claim, grid, place)
    elif kind == "p_value":
        check_p_value(claim, columns_of(table, grid), place)
    elif kind in ("equivalent", "not_worse", "size"):
        check_margin(kind, claim, table, grid, place)
    side = kind if kind in ("better", "lower") else "runs"
    _check_enough(claim, side, columns_of(table, grid), grid, place)
    for other in ("than", "gain_over"):
        if claim[other]:
            check_sides(claim, (side, other), grid, place)


def _check_untestable(claim: Mapping[str, Any], place: str) -> None:
    """Refuse a claim that cannot be tested and yet names something to compare. Raises: BenchmarkError."""
    named = [key for key in (*SELECTORS, *KINDS_OF_CLAIM, "gain_of") if claim[key]]
    if named:
        raise BenchmarkError(
            f"{place}: an untestable claim compares no runs; leave out {', '.join(named)}, or untestable"
        )


def _kind(claim: Mapping[str, Any], place: str) -> str:
    """The only kind of a claim. Raises: BenchmarkError for none or several, or sides that do not fit it."""
    kinds = [key for key in ("better", "lower") if claim[key]]
    kinds += [key for key in KINDS_OF_CLAIM if claim[key] is not None]
    if len(kinds) != 1:
        raise BenchmarkError(
            f"{place}: give either `better` or `lower`, and what it is better or lower `than`; or `runs` and one of "
            f"{', '.join(KINDS_OF_CLAIM)}; got {', '.join(kinds) or 'none of them'}"
        )
    [kind] = kinds
    if lacking := [key for key, value in claim[kind].items() if value == MISSING and kind in KINDS_OF_CLAIM]:
        raise BenchmarkError(f"{place}: {kind} needs {' and '.join(lacking)}")
    one_sided = kind not in ("better", "lower")
    if one_sided != bool(claim["runs"]):
        side = "`runs`, the runs that it is about" if one_sided else f"`{kind}` and `than`, without `runs`"
        raise BenchmarkError(f"{place}: a claim of {kind} names {side}")
    if claim["than"] and kind not in TWO_SIDED:
        raise BenchmarkError(
            f"{place}: a claim of {kind} has no `than`; valid with it: {', '.join(TWO_SIDED)}"
        )
    if not claim["than"] and kind in ("better", "lower", "not_worse", "p_value"):
        raise BenchmarkError(f"{place}: a claim of {kind} needs `than`, the runs to compare with")
    return kind


def _check_of(claim: Mapping[str, Any], kind: str, grid: Sequence[Rectangle], place: str) -> None:
    of = claim["of"]
    _check_quantity(of, claim["unit"], grid, place)
    _check_depth(of, claim["depth"], place)
    if kind in ("better", "lower") or not of_arms(of):
        return
    if kind not in ("trend", "optimum") or of not in OF_PARTS:
        parts = OF_PARTS if kind in ("trend", "optimum") else ()
        valid = [name for name in quantities() if not of_arms(name) or name in parts]
        raise BenchmarkError(
            f"{place}: {of} describes all runs of an arm together, and has no test of {kind}; valid: {', '.join(valid)}"
        )


def _check_quantity(name: str, own_unit: str, grid: Sequence[Rectangle], place: str) -> None:
    known = unit(name)
    if known is None and not name.startswith(PROBE):
        raise unknown("quantity", name, quantities(), place)
    if known is None and not own_unit and not name.startswith("probe/linear_probe/"):
        raise BenchmarkError(
            f"{place}: of: {name} has no unit that is known; state it as `unit:`, or {_hint()}"
        )
    if known is not None and own_unit and own_unit != known:
        raise BenchmarkError(f"{place}: unit: {own_unit}, and {name} is in {known}")
    probes = [name for text in values_of("probe", grid) for name in parsed("probe", text)]
    if name.startswith(PROBE) and probes and name.split("/")[1] not in probes:
        raise unknown("probe", name.split("/")[1], probes, place)


def _hint() -> str:
    return f"take a quantity that has one: {', '.join(quantities())}"


def _check_depth(of: str, depth: Sequence[float], place: str) -> None:
    if not depth:
        return
    by_layer = [name for name, axes in AXES_WITHIN.items() if "layer" in axes]
    if of not in by_layer:
        raise BenchmarkError(f"{place}: {of} has no layers for depth: {depth}; valid: {', '.join(by_layer)}")
    if len(depth) != 2 or not 0 <= depth[0] <= depth[1] <= 1:
        raise BenchmarkError(
            f"{place}: depth: {depth}; valid: a smaller and a larger share, such as [0.5, 1]"
        )


def _check_gain(claim: Mapping[str, Any], grid: Sequence[Rectangle], place: str) -> None:
    if not (claim["gain_over"] or claim["gain_of"]):
        return
    if claim["gain_over"] and claim["gain_of"]:
        raise BenchmarkError(f"{place}: give either gain_over or gain_of")
    if claim["of"].split("/")[0] in WITHOUT_GAINS:
        noun = "a rate" if claim["of"] in RATES else "of all runs of an arm"
        raise BenchmarkError(f"{place}: of: {claim['of']} is {noun}, and has no gain_over")
    names = {name for text in values_of("method", grid) for name in parsed("method", text)}
    for name in claim["gain_of"]:
        if name not in names:
            raise unknown("method", name, names, f"{place}, gain_of")


def _check_where(
    claim: Mapping[str, Any], table: Mapping[str, Any], grid: Sequence[Rectangle], place: str
) -> None:
    enough, where, columns = claim["at_least"], claim["where"], columns_of(table, grid)
    if enough not in (None, MOST) and (type(enough) is not int or enough < 1):
        raise BenchmarkError(
            f"{place}: at_least: {enough!r}; valid: a number of comparisons from 1 on, or {MOST!r}"
        )
    if isinstance(where, bool) or where == []:
        raise BenchmarkError(
            f"{place}: where: {where}; valid: {EVERY_COLUMN}, {AVERAGE}, a list of columns or a number of them"
        )
    if enough is not None and isinstance(where, int):
        raise BenchmarkError(
            f"{place}: at_least: {enough} counts comparisons, and where: {where} columns; give one of them"
        )
    if isinstance(where, int):
        if not 1 <= where <= len(columns):
            raise BenchmarkError(f"{place}: where: {where} columns, and the table has {len(columns)}")
    elif isinstance(where, str):
        if where not in (EVERY_COLUMN, AVERAGE, *table["averages"]):
            raise unknown("place", where, (EVERY_COLUMN, AVERAGE, *table["averages"]), place)
    elif isinstance(where, list):
        for column in where:
            if column not in columns:
                raise unknown("column", column, columns, place)
    else:
        raise BenchmarkError(
            f"{place}: where: {where!r}; valid: a name, a list of columns or a number of them"
        )


def _check_enough(
    claim: Mapping[str, Any], side: str, columns: Sequence[str], grid: Sequence[Rectangle], place: str
) -> None:
    """Refuse a number of comparisons that is more than the claim can have. Raises: BenchmarkError."""
    arms = [
        dict(arm) for arm in {tuple(pair for pair in arm if pair[0] != "task") for arm in seeds_by_arm(grid)}
    ]
    ours, others = ([arm for arm in arms if has_all(_of_arms(claim[key]), arm)] for key in (side, "than"))
    named = {*claim[side], *claim["than"]}
    pairs = (
        sum(agree(mine, theirs, named) for mine in ours for theirs in others) if claim["than"] else len(ours)
    )
    enough, most = claim["at_least"], pairs * len(columns)
    if isinstance(enough, int) and "task" not in named and 0 < most < enough:
        raise BenchmarkError(f"{place}: at_least: {enough} comparisons, and there are {most} at most")
    association = claim["association"]
    if association and association["over"] == "cells" and 0 < len(ours) < FEWEST_ARMS:
        raise BenchmarkError(
            f"{place}: an association over cells needs {FEWEST_ARMS} arms or more, and its runs are of {len(ours)}; valid: "
            f"over: runs, or more runs"
        )


def _of_arms(selector: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in selector.items() if key != "task"}


def _check_association(claim: Mapping[str, Any], grid: Sequence[Rectangle], place: str) -> None:
    association = claim["association"]
    place = f"{place}, association"
    _check_quantity(association["to"], claim["unit"] if association["to"] == claim["of"] else "", grid, place)
    _check_depth(association["to"], association["depth"], place)
    if of_arms(association["to"]):
        raise BenchmarkError(
            f"{place}: {association['to']} describes all runs of an arm together, not single runs"
        )
    if (association["to"], association["depth"]) == (claim["of"], claim["depth"]):
        raise BenchmarkError(f"{place}: {claim['of']} rises with itself; name another quantity")
    for kind, name, valid in (
        ("direction", association["direction"], DIRECTIONS),
        ("unit", association["over"], UNITS_OF_ASSOCIATION),
    ):
        if name not in valid:
            raise unknown(kind, name, valid, place)
