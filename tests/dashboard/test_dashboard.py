"""A table's dashboard, written as JSON without an account, else made and renewed on a stand-in of the server."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmark.dashboard import __main__ as dashboard
from benchmark.dashboard import content
from benchmark.grids import grid
from benchmark.records.record import Record
from benchmark.records.store import Store
from helpers.wandb_server import ENTITY, KEY, PROJECT, Server, none_left, pointed_at, serving

TABLE = "demo/noisytune"
PLAIN, NOISY = (60.0, 61.0, 62.0), (63.0, 64.5, 65.0)
Records = Callable[..., dict[str, Record]]
Told = tuple[int, str, str]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Server]:
    with serving() as running:
        pointed_at(running, monkeypatch, tmp_path)
        yield running
        assert none_left(running)
        assert running.strangers == []


@pytest.fixture
def stored(records: Records, tmp_path: Path) -> list[str]:
    """The words of a command on a store that has three seeds of a table."""
    words = ["task=opinion,comparison", f"store='{tmp_path / 'store'}'"]
    store = Store(tmp_path / "store")
    store.open()
    made = records(grid.load(TABLE, words), dict(enumerate(PLAIN, 1)), dict(enumerate(NOISY, 1)))
    for record in made.values():
        store.add(record, {})
    return [TABLE, *words, f"tracker.folder='{tmp_path / 'wandb'}'"]


@pytest.fixture
def asked(capsys: pytest.CaptureFixture[str]) -> Callable[..., Told]:
    def called(*words: str) -> Told:
        status = dashboard.main(list(words))
        said = capsys.readouterr()
        return status, said.out, said.err

    return called


def panels(spec: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    sections = spec["section"]["panelBankConfig"]["sections"]
    return {section["name"]: [panel["config"] for panel in section["panels"]] for section in sections}


def test_without_an_account_the_workspace_is_written_as_json(
    stored: list[str],
    asked: Callable[..., Told],
    server: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("WANDB_API_KEY")
    status, out, err = asked(*stored)
    assert (status, err) == (0, "")
    path = tmp_path / "wandb" / "demo-noisytune.workspace.json"
    assert str(path) in out
    assert "A workspace and a report need an account: set WANDB_API_KEY" in out
    written = path.read_text()
    view = json.loads(written)
    assert view["displayName"] == TABLE
    shown = panels(view["spec"])
    assert list(shown) == ["Scores by task", "Paired differences", "Curves", "Speed"]
    assert [config["metrics"] for config in shown["Scores by task"]] == [["validation/accuracy"]]
    assert [config["metrics"][0] for config in shown["Curves"]] == [
        "loss",
        "validation/loss",
        "validation/accuracy",
    ]
    assert "+3.17" in shown["Paired differences"][0]["value"]
    (runs,) = view["spec"]["section"]["runSets"]
    assert [(key["section"], key["name"]) for key in runs["grouping"]] == [
        ("config", "task.value.name"), ("run", "jobType"),
    ]  # fmt: skip
    (filtered,) = runs["filters"]["filters"]
    assert (filtered["key"], filtered["op"]) == ({"section": "run", "name": "name"}, "IN")
    assert filtered["value"] == [run.run_id for run in grid.load(TABLE, stored[1:3]).runs]
    asked(*stored)
    assert path.read_text() == written
    assert server.asked.total() == 0


def test_a_second_time_the_same_dashboard_is_renewed(
    stored: list[str], asked: Callable[..., Told], server: Server, tmp_path: Path
) -> None:
    status, out, err = asked(*stored)
    assert (status, err) == (0, "")
    workspace, report = server.views.values()
    assert (workspace["type"], workspace["displayName"]) == ("project-view", TABLE)
    assert (report["type"], report["projectName"], report["entityName"]) == ("runs", PROJECT, ENTITY)
    blocks = json.loads(report["spec"])["blocks"]
    text = json.dumps(blocks)
    assert "plain fine-tuning" in text
    assert "A report holds pictures by web address only" in text
    assert "not in the report: the figures as the paper draws them" in out
    assert "+3.17" in text
    (figures,) = [block["metadata"] for block in blocks if block["type"] == "panel-grid"]
    (runs,) = figures["runSets"]
    assert grid.load(TABLE, stored[1:3]).runs[-1].run_id in json.dumps(runs["filters"])
    first = {name: view["spec"] for name, view in server.views.items()}
    assert f"{server.url}/{ENTITY}/{PROJECT}" in out
    status, out, err = asked(*stored)
    assert (status, err) == (0, "")
    assert len(server.views) == 2
    assert {name: view["spec"] for name, view in server.views.items()} == first
    assert (server.asked["UpsertView2"], server.asked["upsertView"]) == (2, 2)
    kept = [path for path in (tmp_path / "wandb").rglob("*") if path.is_file()]
    assert {path.name for path in kept} == {"demo-noisytune.workspace.json", "dashboards.json"}
    assert [path for path in kept if KEY in path.read_text()] == []


@pytest.mark.parametrize("ill", ["closed", "error"])
def test_a_server_that_does_not_answer_is_a_line(
    stored: list[str], asked: Callable[..., Told], server: Server, ill: str
) -> None:
    if ill == "closed":
        server.shutdown()
        server.server_close()
    server.ill = ill
    status, out, err = asked(*stored)
    assert (status, err.count("\n")) == (2, 1)
    assert "error: W&B: " in err
    assert "the workspace as JSON" in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["demo/noisytun"], "did you mean 'demo/noisytune'?"),
        ([""], "no table is named: make … TABLE=demo/noisytune"),
        (["noisytune/table1"], "noisytune/table1 has no runs"),
        ([TABLE, "tracker.projet=mine"], "projet"),
        ([TABLE, "store=nowhere"], "the store nowhere has none of its 30 runs"),
    ],
)
def test_what_cannot_be_shown_is_refused(
    asked: Callable[..., Told], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    status, out, err = asked(*words)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert said in err
    assert list(tmp_path.iterdir()) == []


def test_a_missing_extra_is_named(
    stored: list[str], asked: Callable[..., Told], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dashboard, "find_spec", lambda _: None)
    status, _, err = asked(*stored)
    assert status == 2
    assert "pip install '.[dashboards]'" in err


def test_the_files_of_ids_is_not_overwritten_if_it_is_damaged(
    stored: list[str], asked: Callable[..., Told], server: Server, tmp_path: Path
) -> None:
    (tmp_path / "wandb").mkdir()
    (tmp_path / "wandb" / "dashboards.json").write_text("{")
    status, _, err = asked(*stored)
    assert status == 2
    assert "dashboards.json: not JSON" in err
    assert (tmp_path / "wandb" / "dashboards.json").read_text() == "{"
    assert server.views == {}


@pytest.mark.parametrize(
    ("table", "groups"),
    [
        ("noisytune/table2", ["task.name", "model.name", "method"]),
        ("noisytune/figure3", ["task.name", "method.recadam.anchor", "method"]),
    ],
)
def test_runs_are_grouped_as_the_table_groups(table: str, groups: list[str]) -> None:
    assert set(groups) <= set(content.groups_of(grid.load(table)))
