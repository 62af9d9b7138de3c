"""A table's report that stands: nothing that it is made of has changed since it was written.

A report takes pandas, SciPy and matplotlib, whose import is most of the time of a table without missing runs. So a
small file of the cache has what was printed, with a digest of all that it was made of. Whatever was touched since, the
report's own files included, the report is made again.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from benchmark import digests
from benchmark.grids.grid import Grid
from benchmark.places import PACKAGE, ROOT
from benchmark.records.record import Record
from benchmark.records.store import Store

LIBRARIES = ("matplotlib", "numpy", "pandas", "scipy", "yaml")
#: Those of matplotlib: https://matplotlib.org/stable/users/explain/customizing.html
SETTINGS = ("MATPLOTLIBRC", "MPLCONFIGDIR", "XDG_CONFIG_HOME", "HOME")
SETTINGS_FILES = ("matplotlibrc", "~/.config/matplotlib/matplotlibrc")
MADE_OF, PRINTED = "made of", "printed"


class Reported:
    """The report of a grid in ``folder``, written or not, with its ``notes``.

    What it is made of is looked at here, before it is made; of the ``records``, ``store`` has the arrays.
    """

    def __init__(
        self, grid: Grid, records: Mapping[str, Record], store: Store, folder: Path, notes: Sequence[str]
    ) -> None:
        self.store, self.folder = store, folder
        self.whole = bool(grid.runs) and records.keys() >= {run.run_id for run in grid.runs}
        self.kept = digests.cache_file(Path(grid.runs[0].config.cache), ["report", str(folder)])
        arrays = [store.places[run_id] / "arrays.npz" for run_id in sorted(records)]
        files = [(str(path), digests.touched(path)) for path in (*arrays, *_sources())]
        here = [
            sys.version,
            os.getcwd(),
            shutil.get_terminal_size((120, 24)).columns,
            *map(os.environ.get, SETTINGS),
        ]
        self.made_of = hashlib.sha256(pickle.dumps([grid, records, notes, files, here])).hexdigest()

    def printed(self) -> str | None:
        """The text that was printed with the report that is there; None if it has to be made."""
        known = digests.recalled(self.kept) if self.whole else None
        return known[PRINTED] if known and known[MADE_OF] == self.made_of else None

    def keep(self, printed: str) -> None:
        """Note that the report was written; not if runs are missing, or if the store warned of files."""
        if self.whole and not self.store.told:
            files = sorted(path for path in self.folder.rglob("*") if path.is_file())
            digests.computed(self.kept, {"files": files}, {MADE_OF: self.made_of, PRINTED: printed})


def _sources() -> Iterator[Path]:
    """The files that say what a report is made of, and how: our code, published numbers, libraries, settings."""
    for folder in (PACKAGE, ROOT / "results" / "published"):
        yield from sorted(path for path in folder.rglob("*.*") if path.suffix != ".pyc")
    specs = (find_spec(name) for name in LIBRARIES)
    yield from (Path(spec.origin) for spec in specs if spec and spec.origin)
    yield from (Path(name).expanduser() for name in SETTINGS_FILES)
