"""Reference runs: archives of the records of campaigns, in `results/reference/campaigns/NAME/`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from benchmark.errors import BenchmarkError
from benchmark.grids.grid import Grid, PlannedRun
from benchmark.records.record import Record
from benchmark.records.store import Store
from benchmark.store import unpacking

FOLDER = Path("results", "reference", "campaigns")
SWEEPS = "campaigns"  # the folder of their sweep files


@dataclass(frozen=True)
class Reference:
    """A campaign's ``table`` and the ``archives`` of its records."""

    table: str
    archives: tuple[Path, ...]

    def add_to(self, store: Store) -> list[str]:
        """Add the records to a store; return lines on those left out or beside others.

        Raises: BenchmarkError for an archive that is damaged or of another format.
        """
        added = [unpacking.add(store, archive) for archive in self.archives]
        return [line for result in added for line in (*result.left_out, *result.beside)]


@dataclass(frozen=True)
class Arms:
    """Arms of a campaign that have all of their runs of some ``tasks`` and ``seeds``.

    ``methods`` are values of the axis ``method``.
    """

    methods: tuple[str, ...]
    tasks: tuple[str, ...]
    seeds: tuple[int, ...]


def references(folder: Path) -> list[Reference]:
    """The campaigns in ``folder`` that have records, by name. Raises: BenchmarkError if there is none."""
    archives: dict[str, list[Path]] = {}
    for path in sorted(folder.glob("*/*.tar.gz")):
        archives.setdefault(path.parent.name, []).append(path)
    if not archives:
        raise BenchmarkError(
            f"{folder}: there are no reference runs in it (valid: NAME/*.tar.gz, as committed)"
        )
    return [Reference(f"{SWEEPS}/{name}", tuple(paths)) for name, paths in archives.items()]


def arms(planned: Grid, records: dict[str, Record]) -> Arms:
    """The arms that have all runs of the tasks and seeds that plain fine-tuning has.

    Raises: BenchmarkError if plain fine-tuning has no seed with all of its tasks.
    """
    vanilla = [run for run in planned.runs if method_of(run) == "[]"]
    tasks = dict.fromkeys(run.config.task.name for run in vanilla if run.run_id in records)
    vanilla = [run for run in vanilla if run.config.task.name in tasks]
    lost = {run.config.seed for run in vanilla if run.run_id not in records}
    seeds = sorted({run.config.seed for run in vanilla} - lost)
    if not seeds:
        raise BenchmarkError(
            f"{planned.name}: no seed of plain fine-tuning has reference runs of all tasks; were its sweep, protocol, model "
            f"or tasks changed by hand (git diff conf sweeps)? Then nothing is comparable: put them back, or make all arms "
            f"anew: python -m benchmark.reproduce {planned.name}"
        )
    whole: dict[str, bool] = {}
    for run in planned.runs:
        if run.config.task.name in tasks and run.config.seed in seeds:
            name = method_of(run)
            whole[name] = whole.get(name, True) and run.run_id in records
    return Arms(tuple(name for name, has_all in whole.items() if has_all), tuple(tasks), tuple(seeds))


def method_of(run: PlannedRun) -> str:
    """The value of the axis ``method`` of a planned run."""
    choices = dict(override.partition("=")[::2] for override in run.overrides)
    return choices["method"]
