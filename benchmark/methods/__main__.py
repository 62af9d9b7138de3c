"""`python -m benchmark.methods`: every method there is a file for, what it is, where it acts, its values."""

from __future__ import annotations

import sys
from pathlib import Path

import yaml
from hydra.utils import get_class
from rich.console import Console
from rich.table import Table
from rich.text import Text

from benchmark.config import ROOT
from benchmark.methods.base import Method

MOMENTS = [name for name, value in vars(Method).items() if callable(value)]


def listing(folder: Path) -> list[tuple[str, str, str, str]]:
    """Name, first line of the paper's entry, moments and hyper-parameters of every file in ``folder``."""
    rows = []
    for path in sorted(folder.glob("*.yaml")):
        settings = yaml.safe_load(path.read_text())
        kind = get_class(settings.pop("_target_"))
        about = (sys.modules[kind.__module__].__doc__ or "").split("\n")[0]
        moments = [moment for moment in MOMENTS if getattr(kind, moment) is not getattr(Method, moment)]
        values = ", ".join(f"{key}={value}" for key, value in settings.items())
        rows.append((path.stem, about, " ".join(moments), values))
    return rows


def main(folders: list[str]) -> None:
    """Print the listing of the project's methods, or of the folders named."""
    table = Table(box=None, pad_edge=False)
    for name in ("method", "what it is", "acts at", "values"):
        table.add_column(name, overflow="fold")
    for folder in folders or [str(ROOT / "conf" / "method")]:
        for row in listing(Path(folder)):
            table.add_row(*map(Text, row))
    Console().print(table)


if __name__ == "__main__":
    main(sys.argv[1:])
