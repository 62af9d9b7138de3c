"""The writing of a record: completely or not at all."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.records.record import Record
from benchmark.records.seal import of_file, sealed

if TYPE_CHECKING:
    import numpy as np


def written(record: Record, arrays: Mapping[str, np.ndarray], folder: Path) -> Path:
    """Write a run to a new folder in ``folder``, completely or not at all."""
    import numpy as np  # to read a store takes none

    partial = Path(tempfile.mkdtemp(prefix=".writing-", dir=folder))
    try:
        path = partial / "arrays.npz"
        np.savez_compressed(path, allow_pickle=False, **arrays)
        with path.open("rb") as file:
            text = sealed(record.to_json(), of_file(file))
        (partial / "record.json").write_text(text)
        partial.chmod(0o755)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return partial


def rescued(record: Record, arrays: Mapping[str, np.ndarray], store: Path) -> str:
    """Write a run that ``store`` cannot take to a temporary folder; return a line that says where."""
    kept = written(record, arrays, Path(tempfile.gettempdir()))
    return f"the finished run is kept in {kept}: move it to {store / record.run_id}"
