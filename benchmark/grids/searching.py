"""Searches of a table: published ranges of hyper-parameters as further axes, whose best value is reported.

The ranges are a protocol's ``values.search``, by key of a run; those of a method are for runs that have it.
``search=paper`` takes all their combinations in every arm, ``search=budget:N`` a sample of N, and ``none`` nothing. An
axis that the table declares itself stays as it is, and one that a user names takes the named values. A range is left
out if the paper chose one value for all its runs and says so (``values.settled``).
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from benchmark.config.resolvers import names_of, nested
from benchmark.config.schema import RunConfig
from benchmark.errors import BenchmarkError
from benchmark.grids.rectangles import Axes
from benchmark.randomness import derive

KEY, NONE, PAPER = "search", "none", "paper"
BUDGET = re.compile(r"budget:([1-9]\d*)")
OF_ARMS = ("protocol", "model", "task", "method")  # axes that a range may depend on


@dataclass(frozen=True)
class Search:
    """A search that a user asks for: ``budget`` settings of every arm, or all if it is None."""

    text: str
    budget: int | None = None


def requested(changes: Axes) -> Search | None:
    """The search among a user's changes; None without one.

    Raises: BenchmarkError for a value that is not valid.
    """
    text = ",".join(changes.get(KEY, [NONE])).replace("\\", "")  # Hydra's, before the colon
    if text in (NONE, PAPER):
        return Search(PAPER) if text == PAPER else None
    if named := BUDGET.fullmatch(text):
        return Search(text, int(named[1]))
    raise BenchmarkError(f"{KEY}={text}: one of none, paper, budget:N, where N is a whole number above 0")


def searched(
    search: Search,
    grid: Sequence[Axes],
    declared: Sequence[Axes],
    own: Sequence[str],
    config_of: Callable[[Axes], RunConfig],
) -> tuple[list[Axes], list[str]]:
    """``grid`` with the axes of a search, and the names of all searched axes.

    An arm, or one of its settings, is a rectangle of its own.
    ``declared`` is the table's own grid, ``own`` are the axes that it searches itself, and ``config_of`` gives the
    configuration of a rectangle's first run. Raises: BenchmarkError if there is no range, or an arm has too few settings.
    """
    stated = {key for rectangle in declared for key in rectangle} - set(own)
    rectangles, axes = list[Axes](), dict.fromkeys(own)
    for arm in (arm for rectangle in grid for arm in _arms(rectangle)):
        config = config_of(arm)
        published = {key: values for key, values in ranges(config).items() if key not in stated}
        axes_of_arm = {key: arm.get(key, published.get(key, [])) for key in (*own, *published)}
        axes_of_arm = {key: values for key, values in axes_of_arm.items() if values}
        axes |= dict.fromkeys(axes_of_arm)
        chosen = [axes_of_arm] if search.budget is None else _sample(search, axes_of_arm, config)
        rectangles += [arm | settings for settings in chosen]
    if set(axes) <= set(own):
        names = ", ".join(dict.fromkeys(config_of(rectangle).protocol.name for rectangle in grid))
        raise BenchmarkError(
            f"{KEY}={search.text}: there is nothing to search; values.search of the protocol ({names}) has no range "
            f"for these runs"
        )
    return rectangles, list(axes)


def ranges(config: RunConfig) -> Axes:
    """The published ranges for a run by key, with values as overrides spell them."""
    values = config.protocol.values
    names = names_of(config.method, config.model.name, config.task.name)
    stated = values.get("search") or {}
    return {
        key: [str(value) for value in nested(stated, "protocol.values.search", key, names)]
        for key in stated
        if key not in (values.get("settled") or ()) and _applies(key, config)
    }


def _applies(key: str, config: RunConfig) -> bool:
    group, _, rest = key.partition(".")
    return group != "method" or rest.partition(".")[0] in config.method


def _arms(rectangle: Axes) -> Iterator[Axes]:
    """The parts of a rectangle that have one protocol, model, task and combination of methods each."""
    keys = [key for key in OF_ARMS if key in rectangle]
    for values in itertools.product(*(rectangle[key] for key in keys)):
        yield rectangle | {key: [value] for key, value in zip(keys, values, strict=True)}


def _sample(search: Search, axes: Axes, config: RunConfig) -> list[Axes]:
    """The settings of an arm that a budget pays for.

    They are those with the lowest hashes: a larger budget adds to them, and arms with equal ranges have equal ones.
    """
    assert search.budget is not None
    settings = [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]
    if len(settings) < search.budget:
        arm = "+".join(sorted(config.method)) or "plain fine-tuning"
        raise BenchmarkError(
            f"{KEY}={search.text}: {arm} on {config.model.name}, {config.task.name} has {len(settings)} settings in the "
            f"ranges of protocol {config.protocol.name}, and every arm gets as many; at most budget:{len(settings)}"
        )
    settings.sort(key=lambda setting: derive(0, KEY, *(f"{k}={v}" for k, v in sorted(setting.items()))))
    return [{key: [value] for key, value in setting.items()} for setting in settings[: search.budget]]
