"""A dashboard's content as a workspace and a report of W&B; it needs the extra `dashboards`."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from benchmark.dashboard.content import METHODS, Content

# Otherwise importing it warns of an older version
os.environ.setdefault("WANDB_REPORT_API_ENABLE_V2", "True")

import wandb_workspaces.reports.v2 as reports
import wandb_workspaces.workspaces as workspaces
from wandb_workspaces import expr

SPEED = ("updates_per_second", "learning_rate")
NOTHING = "No difference to plain fine-tuning can be said yet: runs are missing."
# A report takes pictures only by web address (`reports.Image(url=…)`), and ours are files on this machine.
FIGURES = (
    "W&B draws these from the runs that it was told of. A report holds pictures by web address only: the figures as "
    "the paper draws them, with their intervals, are beside the table (`python -m benchmark.reproduce`) and on the "
    "pages of `python -m benchmark.site`."
)
LONGEST = 128  # characters of a report's title


@contextmanager
def same_ids(name: str) -> Iterator[None]:
    """Give panels the same ids every time: W&B's library draws them at random."""
    state = random.getstate()
    random.seed(name)
    try:
        yield
    finally:
        random.setstate(state)


def workspace(content: Content, entity: str, project: str) -> Any:
    """The workspace: curves, paired differences, scores by task, and speed."""
    with same_ids(content.name):
        return workspaces.Workspace(
            entity=entity,
            project=project,
            name=content.name,
            sections=[
                workspaces.Section(name="Scores by task", is_open=True, panels=bars(content)),
                workspaces.Section(
                    name="Paired differences",
                    is_open=True,
                    panels=[reports.MarkdownPanel(markdown=content.differences or NOTHING)],
                    layout_settings=workspaces.SectionLayoutSettings(columns=1, rows=1),
                ),
                workspaces.Section(name="Curves", is_open=True, panels=curves(content)),
                workspaces.Section(name="Speed", panels=[lines(name) for name in SPEED]),
            ],
            runset_settings=workspaces.RunsetSettings(
                filters=[expr.Metric("ID").isin(content.runs)],
                groupby=[
                    expr.Metric("JobType") if key == METHODS else expr.Config(key) for key in content.groups
                ],
            ),
        )


def report(content: Content, entity: str, project: str) -> Any:
    """The report: table and verdicts as we print them, then figures of the same runs."""
    with same_ids(content.name):
        runs = reports.Runset(
            entity=entity,
            project=project,
            name=content.name,
            filters=[expr.Metric("ID").isin(content.runs)],
            groupby=["run.jobType" if key == METHODS else f"config.{key}" for key in content.groups],
        )
        return reports.Report(
            entity=entity,
            project=project,
            title=content.title[:LONGEST],
            description=f"Written by `python -m benchmark.dashboard {content.name}`",
            blocks=[
                reports.MarkdownBlock(text=content.table),
                reports.H2(text="Figures"),
                reports.MarkdownBlock(text=FIGURES),
                reports.PanelGrid(runsets=[runs], panels=[*bars(content), *curves(content)]),
            ],
        )


def bars(content: Content) -> list[Any]:
    """A panel for each score, in which a group of runs is a bar."""
    return [
        reports.BarPlot(title=f"{name}: {', '.join(tasks)}", metrics=[name])
        for name, tasks in content.scores.items()
    ]


def curves(content: Content) -> list[Any]:
    """The training loss, then the losses and scores of evaluation sets, over updates."""
    parts = dict.fromkeys(name.rpartition("/")[0] for name in content.scores)
    return [lines(name) for name in ("loss", *(f"{part}/loss" for part in parts), *content.scores)]


def lines(name: str) -> Any:
    """A panel with a line for each group of runs."""
    return reports.LinePlot(title=name, x="Step", y=[name], title_x="updates")


def specification(made: Any) -> str:
    """A workspace as JSON, without a server."""
    stated = json.loads(made._to_model().model_dump_json(by_alias=True, exclude_none=True))
    return json.dumps(stated, indent=1, ensure_ascii=False) + "\n"
