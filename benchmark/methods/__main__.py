"""`python -m benchmark.methods`: every method with its paper, hooks, cost and values."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from benchmark.command import carried_out, plain_parser
from benchmark.config.targets import class_of
from benchmark.config.written import content
from benchmark.errors import BenchmarkError
from benchmark.places import ROOT, in_home
from benchmark.progress import IMPORTING, shown

if TYPE_CHECKING:
    from benchmark.methods import Method

UNSAID = "–"
DESCRIPTION = """\
List every method that has a file: a line on what it does, its paper, the hooks at which it acts
(benchmark/methods/base.py), its cost beyond plain fine-tuning, and the name and hyper-parameters of
every file. A pass is forward and backward. The values are the papers'; a protocol may have others.

  python -m benchmark.methods
  python -m benchmark.methods conf /your/conf
"""


@dataclass(frozen=True)
class Entry:
    """The file of a method: its name, its class and its hyper-parameters."""

    name: str
    method: type[Method]
    values: str


def listing(folder: Path) -> list[Entry]:
    """Read the methods of ``folder``, or of the folder ``method`` in it.

    A folder of Hydra's search path has its methods in ``method``.

    Raises: BenchmarkError for a folder without methods, or a file that names no method.
    """
    group = folder / "method"
    paths = sorted((group if group.is_dir() else folder).glob("*.yaml"))
    if not paths:
        raise BenchmarkError(f"{folder}: no method here (expected *.yaml, or method/*.yaml)")
    return [read(path) for path in paths]


def read(path: Path) -> Entry:
    """Read the file of a method at ``path``.

    Raises: BenchmarkError for a file that is no YAML, that names no method, or whose header names another.
    """
    from benchmark.methods import Method  # imports torch, which --help does not need

    settings = OmegaConf.create(content(path, "method")[0])
    if "_target_" not in settings:
        raise BenchmarkError(f"{path}: not the file of a method: it has no `_target_`, the class of a method")
    method = class_of(f"method.{path.stem}", settings.pop("_target_"), Method)
    return Entry(path.stem, method, ", ".join(f"{key}={typed(settings, key)}" for key in map(str, settings)))


def typed(settings: DictConfig, key: str) -> str:
    """The value of a hyper-parameter as a user would type it.

    A value that depends on the rest of a run is shown as it is written.
    """
    try:
        value = settings[key]
    except OmegaConfBaseException:
        value = OmegaConf.to_container(settings, resolve=False)[key]  # type: ignore
    return value if isinstance(value, str) else json.dumps(value, default=list)


def about(method: type[Method]) -> list[str]:
    """Describe a class in lines: title, paper, hooks, cost."""
    from benchmark.methods.base import HOOKS, Method

    first = (sys.modules[method.__module__].__doc__ or method.__name__).split("\n")[0]
    acts = [hook for hook in HOOKS if getattr(method, hook) is not getattr(Method, hook)]
    facts = {"paper": method.paper, "acts at": ", ".join(acts), "cost": method.cost}
    return [first, *(f"{name + ':':<8} {fact or UNSAID}" for name, fact in facts.items())]


def show(entries: list[Entry]) -> None:
    """Print ``entries``, grouped by class."""
    console = Console(highlight=False)
    width = max(len(entry.name) for entry in entries)
    for method in dict.fromkeys(entry.method for entry in entries):
        title, *facts = about(method)
        table = Table.grid(padding=(0, 2))
        table.add_column(min_width=width)
        table.add_column()
        for entry in entries:
            if entry.method is method:
                table.add_row(Text(entry.name, "bold"), Text(entry.values or UNSAID))
        console.print(Text(title, "bold"))
        for part in (Text("\n".join(facts)), table):
            console.print(Padding(part, (0, 0, 0, 2), expand=False))
        console.print()


def main(arguments: list[str] | None = None) -> int:
    """Run the command.

    Returns the exit status: 0, or 2 for a refusal.
    """
    parser = plain_parser("benchmark.methods", DESCRIPTION)
    parser.add_argument(
        "folders",
        metavar="FOLDER",
        nargs="*",
        type=in_home,
        default=[ROOT / "conf"],
        help="a folder with the *.yaml of methods, or with method/*.yaml (default: the project's own)",
    )
    options = parser.parse_args(arguments)

    def work() -> int:
        with shown() as tell:
            tell(IMPORTING, 0, 0)
            entries = [entry for folder in options.folders for entry in listing(folder)]
        show(entries)
        return 0

    return carried_out(work)


if __name__ == "__main__":
    sys.exit(main())
