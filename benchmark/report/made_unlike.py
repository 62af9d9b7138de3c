"""Arms that were made elsewhere than the arm they are compared with: their difference may come from that."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from benchmark.records.record import Record
from benchmark.report.sections import VANILLA_LABEL

Arm = tuple[str, str, str]  # model, variant, methods
Runs = dict[tuple[str, int], str]  # ids of an arm's runs by task and seed
FEW = 3  # arms that a note names, and values of a fact that it shows


def made_unlike(frame: pd.DataFrame, records: Mapping[str, Record], labels: Mapping[str, str]) -> list[str]:
    """Notes on arms whose machine, precision, versions or code are not their rival's.

    They differ in most pairs of runs. The rival is plain fine-tuning of the same variant, or else the first arm of
    the model.
    """
    arms: dict[Arm, Runs] = {}
    names = ["model", "variant", "methods", "task", "seed", "run_id"]
    for model, variant, methods, task, seed, run in frame[names].itertuples(index=False):
        if run in records:
            arms.setdefault((model, variant, methods), {})[task, seed] = run
    several = len({model for model, *_ in arms}) > 1
    found: dict[tuple[str, str], list[str]] = {}
    for arm, runs in arms.items():
        rival = _rival(arm, list(arms))
        others = arms[rival]
        pairs = {(run, others[place]) for place, run in runs.items() if others.get(place, run) != run}
        if facts := _unlike([(records[mine], records[theirs]) for mine, theirs in sorted(pairs)]):
            prefix = f"{labels.get(arm[0]) or arm[0]} " if several else ""
            found.setdefault((_name(rival), facts), []).append(prefix + _name(arm))
    return [
        f"Not made alike: {_listed(named)} against {rival} ({facts}): a difference may come from that."
        for (rival, facts), named in found.items()
    ]


def _rival(arm: Arm, arms: Sequence[Arm]) -> Arm:
    """The arm with which another one is compared."""
    model, variant, methods = arm
    plain = (model, variant, "")
    if methods and plain in arms:
        return plain
    return next(other for other in sorted(arms, key=lambda other: other[2] != "") if other[0] == model)


def _unlike(pairs: Sequence[tuple[Record, Record]]) -> str:
    """The facts in which most of the ``pairs`` differ, each with the values of both sides; '' without any."""
    both = [(_facts(mine.environment), _facts(theirs.environment)) for mine, theirs in pairs]
    apart = Counter(
        name
        for mine, theirs in both
        for name in dict.fromkeys([*mine, *theirs])
        if mine.get(name) != theirs.get(name)
    )
    texts = []
    for name in (name for name, count in apart.items() if 2 * count > len(pairs)):
        sides = (sorted({str(facts[side].get(name)) for facts in both}) for side in (0, 1))
        values = ["several" if len(side) >= FEW else " and ".join(side) for side in sides]
        texts.append(f"{name} {values[0]} / {values[1]}")
    return ", ".join(texts)


def _facts(environment: Mapping[str, Any]) -> dict[str, str]:
    code = environment["code"]
    changes = " + changes" if code["dirty"] else ""
    return {
        "machine": environment["device"],
        "precision": environment["precision"],
        **environment["packages"],
        "code": (code["commit"] or "no commit")[:12] + changes,
    }


def _name(arm: Arm) -> str:
    _, variant, methods = arm
    return " ".join(filter(None, [variant, methods or VANILLA_LABEL]))


def _listed(names: Sequence[str]) -> str:
    more = len(names) - FEW
    return ", ".join(names[:FEW]) + (f" and {more} more" if more > 0 else "")
