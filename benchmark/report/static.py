"""Tables of settings and data: our configuration and data beside printed ones.

They have no runs and check our configuration: every row says if both agree, or gives the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd
from omegaconf import DictConfig, ListConfig, OmegaConf

from benchmark.config.compose import composing
from benchmark.config.resolvers import PLAIN as VANILLA
from benchmark.config.schema import RunConfig, as_json
from benchmark.data import parquet
from benchmark.errors import BenchmarkError
from benchmark.grids import parts, recipe
from benchmark.grids.grid import Grid, composed
from benchmark.grids.rectangles import override_of
from benchmark.report import published
from benchmark.report.build import Report
from benchmark.report.numbers.frame import metric
from benchmark.report.sections import VANILLA_LABEL, Section

AGREES, DIFFERS, NOT_CACHED = "agrees", "differs", "not in the cache"
NOT_PRINTED = ("-", None)
ABSENT = object()
METRIC_NAMES = ("accuracy", "f1", "matthew", "pearson", "spearman")
HEADER, COLUMNS = ("Of", "What"), ["ours", "paper", "verdict"]
PrintedRow = tuple[str, dict[str, str], Any, list[str]]


@dataclass(frozen=True)
class PrintedCell:
    """One printed cell of row ``of`` and column ``column``: our value, the paper's, the verdict.

    Values are text; ``because`` is the stated reason for a difference.
    """

    of: str
    column: str
    ours: str
    paper: str
    verdict: str
    because: str = ""


def build(grid: Grid) -> Report:
    """The report of a grid without runs; ``numbers`` has a row per printed cell."""
    source = published.load(grid.table["published"])
    changes = [*grid.search, *(override_of(key, ",".join(values)) for key, values in grid.changed.items())]
    cells = printed_cells(f"sweeps/{grid.name}", grid.table["static"], source, changes)
    reasons = list(dict.fromkeys(cell.because for cell in cells if cell.because))
    marks = {reason: f" [{number}]" for number, reason in enumerate(reasons, 1)}
    lines = [[c.of, c.column, c.ours, c.paper, c.verdict + marks.get(c.because, "")] for c in cells]
    citation = f"{source['paper']['venue']}, {source['item']['kind']} {source['item']['number']}"
    notes = [f"[{number}] {reason}" for number, reason in enumerate(reasons, 1)]
    notes += _notes(grid, source, cells)
    return Report(
        title=grid.table["title"],
        columns=COLUMNS,
        sections=[Section(f"Ours beside {citation}", lines, COLUMNS, HEADER)],
        notes=notes,
        numbers=pd.DataFrame([asdict(cell) for cell in cells]),
    )


def printed_cells(
    where: str, static: dict[str, Any], source: dict[str, Any], changes: list[str]
) -> list[PrintedCell]:
    """All printed cells that ``static`` (see `config.table.Static`) names, compared.

    Raises: BenchmarkError for a path that our configuration or the publication does not have.
    """
    configs: dict[tuple[str, ...], tuple[RunConfig, DictConfig]] = {}
    cells = []
    with composing():
        for of, keys, printed, overrides in _printed_rows(where, static, source):
            row = OmegaConf.create(printed)
            for key, counterpart in static["cells"].items():
                paper = _value_at(row, key, f"results/published/{source['id']}.yaml")
                if paper in NOT_PRINTED:
                    continue
                exceptions = [
                    entry for entry in static["apart"] if entry["cell"] == key and entry["row"] == keys
                ]
                path = next((entry["at"] for entry in exceptions if entry["at"]), counterpart["at"])
                counterpart = counterpart | {"at": path}
                stated = (*static["overrides"], *overrides, *counterpart["overrides"], *changes)
                if stated not in configs:
                    configs[stated] = _composed(stated)
                ours, same = (
                    _our_value(*configs[stated], counterpart, where),
                    READINGS[counterpart["read"]].same,
                )
                verdict = NOT_CACHED if ours is None else AGREES if same(ours, paper) else DIFFERS
                because = next((entry["because"] for entry in exceptions if verdict == DIFFERS), "")
                texts = "–" if ours is None else _text(ours), _text(paper)
                cells.append(PrintedCell(of, counterpart["label"] or key, *texts, verdict, because))
    return cells


def _composed(overrides: tuple[str, ...]) -> tuple[RunConfig, DictConfig]:
    """The configuration, and its JSON as a tree in which paths are looked up."""
    chosen = dict(override.split("=", 1) for override in overrides)
    choices = {key: choice for key, choice in chosen.items() if parts.is_group(key)}
    [config] = composed(choices, [f"{key}={v}" for key, v in chosen.items() if key not in choices], [1])
    return config, OmegaConf.create(as_json(config))


def _printed_rows(where: str, static: dict[str, Any], source: dict[str, Any]) -> Iterator[PrintedRow]:
    """The printed rows: name, keys, content, and the overrides that correspond to the row."""
    if not static["rows"]:
        yield source["paper"]["key"], {}, source, []
        return
    for row in source["rows"]:
        keys = {key: str(row[key]) for key in static["rows"]}
        for key, value in keys.items():
            if value not in static["rows"][key]:
                raise BenchmarkError(f"{where}, rows: the paper's {key} {value!r} stands for no overrides")
        overrides = [override for key, value in keys.items() for override in static["rows"][key][value]]
        of = ", ".join(VANILLA_LABEL if value == VANILLA else value for value in keys.values())
        yield of, keys, row, overrides


def _notes(grid: Grid, source: dict[str, Any], cells: list[PrintedCell]) -> list[str]:
    """Notes on changed values, sizes, and printed numbers without a counterpart."""
    static, lines = grid.table["static"], []
    changed = recipe.narrowed(grid)
    if changed:
        changes = ", ".join(f"{key}={','.join(values)}" for key, values in changed.items())
        lines.append(f"Our configuration was changed: {changes}.")
    if any(counterpart["read"] == "size" for counterpart in static["cells"].values()):
        lines.append(
            "Sizes are the rows of the files in the hub's cache, before any is dropped for its label. They agree "
            "within one unit of the last printed digit, because papers round or truncate."
        )
    if static["rows"]:
        compared = {*static["rows"], *(key.partition(".")[0] for key in static["cells"])}
        if rest := dict.fromkeys(key for row in source["rows"] for key in row if key not in compared):
            lines.append(f"Printed, and not in our configuration: {', '.join(rest)}.")
    if unexplained := sum(cell.verdict == DIFFERS and not cell.because for cell in cells):
        lines.append(
            f"{unexplained} of these differ without a stated reason: mend the configuration, or state the reason in "
            f"sweeps/{grid.name}.yaml (table.static.apart)."
        )
    counts = {word: sum(cell.verdict == word for cell in cells) for word in (AGREES, DIFFERS, NOT_CACHED)}
    return [*lines, f"Of {len(cells)}: {', '.join(f'{word} {n}' for word, n in counts.items())}."]


def _our_value(config: RunConfig, tree: DictConfig, counterpart: dict[str, Any], where: str) -> Any:
    value = _value_at(tree, counterpart["at"], f"{where}: the configuration")
    return READINGS[counterpart["read"]].take(config, value, counterpart)


def _value_at(tree: DictConfig | ListConfig, path: str, where: str) -> Any:
    value = OmegaConf.select(tree, path, default=ABSENT)
    if value is ABSENT:
        raise BenchmarkError(f"{where} has nothing at {path!r}")
    return OmegaConf.to_container(value) if OmegaConf.is_config(value) else value


@dataclass(frozen=True)
class Reading:
    """A way to read our counterpart of a printed cell and to compare the two.

    ``take`` gets the configuration, the value at the cell's path and the counterpart. It returns our value,
    or None if data are not in the cache. ``same`` is True if ours and the paper's agree.
    """

    take: Callable[[RunConfig, Any, dict[str, Any]], Any]
    same: Callable[[Any, Any], bool]


def _size(config: RunConfig, split: dict[str, Any], counterpart: dict[str, Any]) -> int | None:
    task = config.task
    repo, revision = (split["repo"], split["revision"]) if split["repo"] else (task.repo, task.revision)
    if not repo:
        return None
    return parquet.size(repo, revision, split["config"], counterpart["split"] or split["split"])


def _near(ours: int, paper: Any) -> bool:
    """True within one unit of the last printed digit, e.g. of ``2.5k`` or ``408``."""
    digits, thousands, _ = str(paper).partition("k")
    unit = (1000 if thousands else 1) / 10 ** len(digits.partition(".")[2])
    return abs(ours - float(digits) * (1000 if thousands else 1)) < unit


def _metric(config: RunConfig, value: Any, counterpart: dict[str, Any]) -> str:
    return " + ".join(name.rpartition("/")[2] for name in metric(config))


def _same_metrics(ours: str, paper: str) -> bool:
    mine, printed = ({name for name in METRIC_NAMES if name in text.lower()} for text in (ours, paper))
    return mine == printed


def _labels(config: RunConfig, split: dict[str, Any], counterpart: dict[str, Any]) -> list[str]:
    """The classes that count on an evaluation set."""
    return [label for label in config.task.labels if label not in split["fold"]]


def _length(config: RunConfig, protocol: dict[str, Any], counterpart: dict[str, Any]) -> str:
    return f"{protocol['epochs']:g} epochs" if protocol["steps"] is None else f"{protocol['steps']} steps"


def _warmup(config: RunConfig, warmup: float, counterpart: dict[str, Any]) -> str:
    return f"{warmup:g} steps" if warmup > 1 else f"{warmup:.0%} of total steps"


def _equal(ours: Any, paper: Any) -> bool:
    """The same value or values, in any order."""
    mine, printed = (
        sorted(map(_text, values if isinstance(values, list) else [values])) for values in (ours, paper)
    )
    return mine == printed


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_text, value))
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return f"{value:.15g}" if number else str(value)


#: By the name in a sweep file; the names are `config.table.READINGS`.
READINGS = {
    "value": Reading(lambda config, value, counterpart: value, _equal),
    "size": Reading(_size, _near),
    "metric": Reading(_metric, _same_metrics),
    "outputs": Reading(lambda config, labels, counterpart: max(len(labels), 1), _equal),
    "labels": Reading(_labels, _equal),
    "length": Reading(_length, _equal),
    "warmup": Reading(_warmup, _equal),
}
