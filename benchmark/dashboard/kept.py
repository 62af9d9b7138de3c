"""Ids of the dashboards made so far: the next time they are renewed."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from benchmark.errors import BenchmarkError

FILE = "dashboards.json"


class Kept:
    """The file of ids in ``folder``, by the address of a table's dashboard."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE

    def of(self, address: str) -> dict[str, str]:
        """The ids under an address; empty if the address is new.

        Raises: BenchmarkError for a file that is damaged.
        """
        ids: dict[str, str] = self._all().get(address, {})
        return ids

    def keep(self, address: str, ids: dict[str, str]) -> None:
        """Write ``ids`` beside those that are there."""
        everything = self._all()
        everything[address] = {**everything.get(address, {}), **ids}
        with tempfile.NamedTemporaryFile("w", dir=self.path.parent, delete=False) as file:
            json.dump(everything, file, indent=1, sort_keys=True)
        os.replace(file.name, self.path)

    def _all(self) -> dict[str, Any]:
        try:
            content = json.loads(self.path.read_text())
        except FileNotFoundError:
            return {}
        except ValueError as error:
            raise BenchmarkError(f"{self.path}: not JSON ({error}); repair it, or move it away") from error
        if not isinstance(content, dict) or not all(isinstance(ids, dict) for ids in content.values()):
            raise BenchmarkError(f"{self.path}: not a file of dashboards; move it away")
        return content
