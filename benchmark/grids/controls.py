"""Controls: a claim is judged again with a control in the place of plain fine-tuning.

A control does everything that a method does, except its noise. If a method gains over plain fine-tuning but
not over its control, the gain does not come from the noise. If a claim combines a method with another
technique, the technique alone takes the place of plain fine-tuning, and the control is combined with the
technique as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmark.errors import BenchmarkError
from benchmark.grids.claim_sides import check_sides
from benchmark.grids.selectors import Rectangle, check_selector, combinations, parsed, values_of

Methods = frozenset[str]  # a combination of methods


def controlled(claim: dict[str, Any], control: Sequence[str]) -> dict[str, Any] | None:
    """``claim`` with ``control`` in place of the baseline of the claimed runs.

    None if there is no such baseline.
    """
    gains = claim.get("runs") if claim.get("trend") or claim.get("optimum") else None
    claimed = (claim["better"] or claim["lower"] or gains or {}).get("method")
    if not isinstance(claimed, list) or frozenset(control) in combinations(claimed):
        return None
    sides = {side: _replaced(claim[side], combinations(claimed), control) for side in ("than", "gain_over")}
    changed = {side: selector for side, selector in sides.items() if selector != claim[side]}
    return claim | changed if changed else None


def check(
    controls: Sequence[Any], claims: Sequence[dict[str, Any]], grid: Sequence[Rectangle], place: str
) -> None:
    """Refuse a control that the grid lacks, or that shares no seed with a claim.

    Raises: BenchmarkError with the nearest valid name.
    """
    declared = {frozenset(parsed("method", text)) for text in values_of("method", grid)}
    for control in controls:
        if not isinstance(control, list) or not all(isinstance(name, str) for name in control):
            raise BenchmarkError(
                f"{place}: controls: {control} is not a list of methods, as in [[no_dropout]]"
            )
        if not control:
            raise BenchmarkError(f"{place}: controls: [] is plain fine-tuning, and no control for it")
        if [*map(frozenset, controls)].count(frozenset(control)) > 1:
            raise BenchmarkError(f"{place}: controls: {control} stands there twice")
        needed = {frozenset(control), *(methods for claim in claims for methods in _against(claim, control))}
        if not needed & declared:
            check_selector({"method": list(control)}, grid, f"{place}, controls")
        for number, claim in enumerate(claims, 1):
            _check_seeds(
                claim, control, grid, f"{place}, claim {number} against the control {'+'.join(control)}"
            )


def _check_seeds(
    claim: dict[str, Any], control: Sequence[str], grid: Sequence[Rectangle], place: str
) -> None:
    again = controlled(claim, control)
    side = next((key for key in ("better", "lower", "runs") if claim[key]), "")
    for other in ("than", "gain_over"):
        if again and again[other] != claim[other]:
            check_sides(again, (side, other), grid, place)


def _against(claim: dict[str, Any], control: Sequence[str]) -> list[Methods]:
    again = controlled(claim, control)
    sides = [again["than"], again["gain_over"]] if again else []
    every = [methods for side in sides if "method" in side for methods in combinations(side["method"])]
    return [methods for methods in every if methods >= frozenset(control)]


def _replaced(side: dict[str, Any], claimed: Sequence[Methods], control: Sequence[str]) -> dict[str, Any]:
    """A selector with ``control`` added to what every ``claimed`` combination extends."""
    if not isinstance(side.get("method"), list):
        return side
    stated = combinations(side["method"])
    replaced = [
        methods | set(control) if all(methods < mine for mine in claimed) else methods for methods in stated
    ]
    return side | {"method": [sorted(methods) for methods in replaced]} if replaced != stated else side
