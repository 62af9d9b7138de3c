"""The records of tables, chosen for an archive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmark.errors import BenchmarkError
from benchmark.grids import grid
from benchmark.progress import Tell, silence
from benchmark.records.reading import DamagedError, UnreadableError
from benchmark.records.record import Record
from benchmark.records.store import Store
from benchmark.runs.finished import records_at_hand
from benchmark.runs.hits import Hits
from benchmark.store import archive
from benchmark.store.likeness import Result


@dataclass
class Chosen:
    """Records by run id with their folders; ``runs`` is the number that their tables have."""

    tables: list[str]
    runs: int = 0
    records: dict[str, Record] = field(default_factory=dict)
    folders: dict[str, Path] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)


def of_tables(words: Sequence[str], small: bool = False) -> Chosen:
    """The complete records that reports of tables would use; ``words`` are tables and overrides.

    Raises: BenchmarkError for an unknown table or value, or if there is no record.
    """
    overrides = [word for word in words if "=" in word]
    names = [word for word in words if word not in overrides]
    if not names:
        raise BenchmarkError("name a table of sweeps/, such as noisytune/table2")
    chosen, run_ids, stores = Chosen(names), set[str](), set[str]()
    for name in names:
        planned = grid.load(name, overrides, small)
        if not planned.runs:
            continue
        store = Store(planned.runs[0].config.store)
        run_ids |= {run.run_id for run in planned.runs}
        stores.add(str(store.folder))
        for run_id, record in records_at_hand(planned, Hits(store)).items():
            if run_id not in chosen.records:
                _choose(chosen, record, store.places[run_id])
    chosen.runs = len(run_ids)
    if not chosen.records:
        tables = ", ".join(names)
        raise BenchmarkError(
            f"{tables}: no record of its {chosen.runs} runs is in store={', '.join(sorted(stores))}"
        )
    return chosen


def _choose(chosen: Chosen, record: Record, folder: Path) -> None:
    try:
        Result(record, folder / "arrays.npz").check()
    except (DamagedError, UnreadableError) as error:
        chosen.left_out.append(f"{folder}: left out ({error})")
    else:
        chosen.records[record.run_id], chosen.folders[record.run_id] = record, folder


def exported(chosen: Chosen, output: Path, tell: Tell = silence) -> int:
    """Write chosen records to an archive; return its size in bytes. Raises: BenchmarkError."""
    try:
        return archive.write(output, chosen.folders, chosen.tables, tell)
    except DamagedError as error:
        raise BenchmarkError(f"--output {output}: not written ({error})") from error
