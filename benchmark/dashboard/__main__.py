"""`python -m benchmark.dashboard TABLE`: a table's workspace and report in Weights & Biases."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING

from benchmark.command import carried_out, parse, parser_of
from benchmark.config.compose import run_config
from benchmark.dashboard.sending import sent
from benchmark.errors import BenchmarkError
from benchmark.grids import grid
from benchmark.grids.grid import Grid
from benchmark.places import in_home
from benchmark.printable import printable
from benchmark.records.disk import make_writable
from benchmark.records.store import Store
from benchmark.runs.finished import arrays_of, load_records
from benchmark.runs.tracking import LIVE, WandB, build

if TYPE_CHECKING:
    from benchmark.dashboard.content import Content

DESCRIPTION = """\
Make or renew a table's dashboard in Weights & Biases from the records in the store.

  python -m benchmark.dashboard demo/noisytune
  python -m benchmark.dashboard noisytune/table2 model=minilm tracker.project=mine store=other

The workspace has curves, paired differences and scores by task, grouped as the table groups; the report has the
table, its verdicts, and figures that W&B draws. Both show runs that W&B was told of (tracker=wandb, `python -m
benchmark.track`). A report takes pictures by web address only: the paper's figures as we draw them are not in it.
The next time the same ones are renewed: their ids are in results/wandb/dashboards.json. Without an account the
workspace is written as JSON. It needs the extra `dashboards`: pip install '.[dashboards]'.
"""
PACKAGE = "wandb_workspaces"


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status: 0, or 2 for a refusal."""
    parser = parser_of("benchmark.dashboard", DESCRIPTION)
    parser.add_argument("table", metavar="TABLE", help="a table of sweeps/")
    parser.add_argument("overrides", metavar="OVERRIDES", nargs="*", help="as for `benchmark.reproduce`")
    options = parse(parser, arguments)

    def work() -> int:
        settings = [word for word in options.overrides if word.lstrip("+").startswith("tracker.")]
        changes = [word for word in options.overrides if word not in settings]
        tracker = build(run_config("tracker=wandb", *settings).tracker)
        assert isinstance(tracker, WandB)
        planned = checked(options.table, changes)
        show(content(planned), tracker)
        return 0

    return carried_out(work)


def checked(name: str, changes: Sequence[str]) -> Grid:
    """The grid of a table that can have a dashboard here. Raises: BenchmarkError."""
    planned = grid.load(name, changes)
    if not planned.runs:
        raise BenchmarkError(f"{name} has no runs, so there is nothing for a dashboard to show")
    if find_spec(PACKAGE) is None:
        raise BenchmarkError(
            f"dashboards need the package {PACKAGE}, which is not installed: pip install '.[dashboards]'"
        )
    return planned


def content(planned: Grid) -> Content:
    """The content of a dashboard. Raises: BenchmarkError if the store has none of its runs."""
    from benchmark.dashboard.content import content_of  # the report behind it takes seconds to import

    store = Store(planned.runs[0].config.store)
    records = load_records(planned, store)
    if not records:
        raise BenchmarkError(
            f"{planned.name}: the store {store.folder} has none of its {len(planned.runs)} runs, so a dashboard would "
            f"show nothing; make them first (make reproduce-table TABLE={planned.name}), or name another store=…"
        )
    return content_of(planned, records, arrays_of(store, records))


def show(shown: Content, tracker: WandB) -> None:
    """Make or renew the dashboard, and write its specification."""
    os.environ |= {"WANDB_SILENT": "true", "WANDB_ERROR_REPORTING": "false"}
    from benchmark.dashboard import views

    folder = in_home(tracker.folder)
    make_writable("tracker.folder", folder)
    path = folder / f"{shown.name.replace('/', '-')}.workspace.json"
    path.write_text(views.specification(views.workspace(shown, tracker.entity or "", tracker.project)))
    print(printable(f"the workspace as JSON: {path}"))
    if tracker.chosen_mode() not in LIVE:
        print(
            "not sent: W&B has no account here, or is to stay offline. A workspace and a report need an account: set "
            "WANDB_API_KEY, or say `wandb login`, and ask again"
        )
        return
    for kind, address in sent(shown, tracker, folder).items():
        print(printable(f"{kind}: {address}"))
    print(
        "not in the report: the figures as the paper draws them, for it takes pictures by web address only; they are on "
        f"the pages of `python -m benchmark.site {shown.name}`"
    )


if __name__ == "__main__":
    sys.exit(main())
