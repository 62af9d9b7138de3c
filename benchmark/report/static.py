"""Tables of settings and data, which have no runs: our configuration and data beside what a paper prints.

They check our configuration: every row says whether both agree, and where they do not, why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd
from hydra import initialize_config_dir
from omegaconf import OmegaConf

from benchmark.config.compose import ROOT, register
from benchmark.config.schema import RunConfig, as_json
from benchmark.data import parquet
from benchmark.errors import BenchmarkError
from benchmark.grids import parts
from benchmark.grids.grid import Grid, composed
from benchmark.report import published
from benchmark.report.build import Table
from benchmark.report.notes import PLACES
from benchmark.report.numbers.frame import metric
from benchmark.report.sections import Section

AGREES, DIFFERS, NOT_CACHED = "agrees", "differs", "not in the cache"
NOT_PRINTED = ("-", None)
ABSENT = object()
METRICS = ("accuracy", "f1", "matthew", "pearson", "spearman")
HEAD, COLUMNS = ("Of", "What"), ["ours", "paper", "verdict"]
Cell = dict[str, Any]
Printed = tuple[str, dict[str, str], Any, list[str]]


@dataclass(frozen=True)
class Row:
    """One printed cell: what it is of, what it is, our value and the paper's as text, and how they compare."""

    of: str
    what: str
    ours: str
    paper: str
    verdict: str
    because: str = ""


def build(grid: Grid) -> Table:
    """The table of a grid without runs; ``numbers`` has a row per printed cell."""
    source = published.load(grid.table["published"])
    changes = [f"{key}={','.join(values)}" for key, values in grid.changed.items()]
    found = rows(f"sweeps/{grid.name}", grid.table["static"], source, changes)
    reasons = list(dict.fromkeys(row.because for row in found if row.because))
    marks = {reason: f" [{number}]" for number, reason in enumerate(reasons, 1)}
    lines = [[r.of, r.what, r.ours, r.paper, r.verdict + marks.get(r.because, "")] for r in found]
    citation = f"{source['paper']['venue']}, {source['item']['kind']} {source['item']['number']}"
    notes = [f"[{number}] {reason}" for number, reason in enumerate(reasons, 1)]
    notes += _notes(grid, source, found)
    return Table(
        title=grid.table["title"],
        columns=COLUMNS,
        sections=[Section(f"Ours beside {citation}", lines, COLUMNS, HEAD)],
        notes=notes,
        numbers=pd.DataFrame([asdict(row) for row in found]),
    )


def rows(where: str, static: dict[str, Any], source: dict[str, Any], changes: list[str]) -> list[Row]:
    """All printed cells that ``static`` (see `declaration.Static`) names, compared.

    Raises: BenchmarkError for a path that our configuration or the publication does not have.
    """
    register()
    configs: dict[tuple[str, ...], RunConfig] = {}
    found = []
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        for of, keys, printed, overrides in _printed(where, static, source):
            for key, cell in static["cells"].items():
                paper = _at(printed, key, f"results/published/{source['id']}.yaml")
                if paper in NOT_PRINTED:
                    continue
                apart = [one for one in static["apart"] if one["cell"] == key and one["row"] == keys]
                cell = cell | {"at": next((one["at"] for one in apart if one["at"]), cell["at"])}
                stated = (*static["overrides"], *overrides, *cell["overrides"], *changes)
                if stated not in configs:
                    configs[stated] = _composed(stated)
                ours, same = _ours(configs[stated], cell, where), READINGS[cell["read"]].same
                verdict = NOT_CACHED if ours is None else AGREES if same(ours, paper) else DIFFERS
                because = next((one["because"] for one in apart if verdict == DIFFERS), "")
                texts = "–" if ours is None else _text(ours), _text(paper)
                found.append(Row(of, cell["label"] or key, *texts, verdict, because))
    return found


def _composed(overrides: tuple[str, ...]) -> RunConfig:
    chosen = dict(one.split("=", 1) for one in overrides)
    choices = {key: choice for key, choice in chosen.items() if parts.is_group(key)}
    return composed(choices, [f"{key}={v}" for key, v in chosen.items() if key not in choices], [1])[0]


def _printed(where: str, static: dict[str, Any], source: dict[str, Any]) -> Iterator[Printed]:
    """The printed rows: what each is called, its keys, its content, and the overrides that it stands for."""
    if not static["rows"]:
        yield source["paper"]["key"], {}, source, []
        return
    for row in source["rows"]:
        keys = {key: str(row[key]) for key in static["rows"]}
        for key, value in keys.items():
            if value not in static["rows"][key]:
                raise BenchmarkError(f"{where}, rows: the paper's {key} {value!r} stands for no overrides")
        overrides = [one for key, value in keys.items() for one in static["rows"][key][value]]
        yield ", ".join(keys.values()), keys, row, overrides


def _notes(grid: Grid, source: dict[str, Any], found: list[Row]) -> list[str]:
    """What was changed, what sizes are, and what is printed and has no counterpart."""
    static, lines = grid.table["static"], []
    changed = {key: values for key, values in grid.changed.items() if key not in PLACES}
    if changed:
        changes = ", ".join(f"{key}={','.join(values)}" for key, values in changed.items())
        lines.append(f"Ours was changed from what is configured: {changes}.")
    if any(cell["read"] == "size" for cell in static["cells"].values()):
        lines.append(
            "Sizes are the rows of the files in the hub's cache, before any is dropped for its label; they agree "
            "within one unit of the last printed digit, since papers round and cut off."
        )
    if static["rows"]:
        compared = {*static["rows"], *(key.partition(".")[0] for key in static["cells"])}
        if rest := dict.fromkeys(key for row in source["rows"] for key in row if key not in compared):
            lines.append(f"Printed, and not in our configuration: {', '.join(rest)}.")
    if unexplained := sum(row.verdict == DIFFERS and not row.because for row in found):
        lines.append(
            f"{unexplained} of these differ without a stated reason: mend the configuration, or state the reason in "
            f"sweeps/{grid.name}.yaml (table.static.apart)."
        )
    counts = {word: sum(row.verdict == word for row in found) for word in (AGREES, DIFFERS, NOT_CACHED)}
    return [*lines, f"Of {len(found)}: {', '.join(f'{word} {n}' for word, n in counts.items())}."]


def _ours(config: RunConfig, cell: Cell, where: str) -> Any:
    found = _at(as_json(config), cell["at"], f"{where}: the configuration")
    return READINGS[cell["read"]].take(config, found, cell)


def _at(tree: Any, path: str, where: str) -> Any:
    found = OmegaConf.select(OmegaConf.create(tree), path, default=ABSENT)
    if found is ABSENT:
        raise BenchmarkError(f"{where} has nothing at {path!r}")
    return OmegaConf.to_container(found) if OmegaConf.is_config(found) else found


@dataclass(frozen=True)
class Reading:
    """What is taken from a configuration and what stands at the cell's path, and whether the paper says the same.

    Nothing is taken (None) where data are not in the cache.
    """

    take: Callable[[RunConfig, Any, Cell], Any]
    same: Callable[[Any, Any], bool]


def _size(config: RunConfig, split: dict[str, Any], cell: Cell) -> int | None:
    task = config.task
    repo, revision = (split["repo"], split["revision"]) if split["repo"] else (task.repo, task.revision)
    if not repo:
        return None
    return parquet.size(repo, revision, split["config"], cell["split"] or split["split"])


def _near(ours: int, paper: Any) -> bool:
    """Within one unit of the last digit of e.g. ``2.5k`` or ``408``."""
    digits, thousands, _ = str(paper).partition("k")
    unit = (1000 if thousands else 1) / 10 ** len(digits.partition(".")[2])
    return abs(ours - float(digits) * (1000 if thousands else 1)) < unit


def _metric(config: RunConfig, found: Any, cell: Cell) -> str:
    return " + ".join(name.rpartition("/")[2] for name in metric(config))


def _same_metrics(ours: str, paper: str) -> bool:
    one, other = ({name for name in METRICS if name in text.lower()} for text in (ours, paper))
    return one == other


def _labels(config: RunConfig, split: dict[str, Any], cell: Cell) -> list[str]:
    """The answers that count on an evaluation set."""
    return [label for label in config.task.labels if label not in split["fold"]]


def _length(config: RunConfig, protocol: dict[str, Any], cell: Cell) -> str:
    return f"{protocol['epochs']:g} epochs" if protocol["steps"] is None else f"{protocol['steps']} steps"


def _warmup(config: RunConfig, warmup: float, cell: Cell) -> str:
    return f"{warmup:g} steps" if warmup > 1 else f"{warmup:.0%} of total steps"


def _equal(ours: Any, paper: Any) -> bool:
    """The same value or values, in any order."""
    one, other = (sorted(map(_text, both if isinstance(both, list) else [both])) for both in (ours, paper))
    return one == other


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_text, value))
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return f"{value:.15g}" if number else str(value)


#: By the name that a sweep file gives it; those of `declaration.READINGS`.
READINGS = {
    "value": Reading(lambda config, found, cell: found, _equal),
    "size": Reading(_size, _near),
    "metric": Reading(_metric, _same_metrics),
    "outputs": Reading(lambda config, labels, cell: max(len(labels), 1), _equal),
    "labels": Reading(_labels, _equal),
    "length": Reading(_length, _equal),
    "warmup": Reading(_warmup, _equal),
}
