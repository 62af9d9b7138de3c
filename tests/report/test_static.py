"""Tables of settings and data: our configuration beside what papers print."""

from __future__ import annotations

import functools
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import huggingface_hub
import pandas as pd
import pyarrow
import pytest
import yaml
from pyarrow import parquet as pq

from benchmark import plan
from benchmark.config.compose import ROOT
from benchmark.config.table import READINGS
from benchmark.data import parquet
from benchmark.errors import BenchmarkError
from benchmark.grids import declaration, grid
from benchmark.report import static
from helpers.grids import load

NAMES = [name for name in grid.tables() if "static:" in (ROOT / "sweeps" / f"{name}.yaml").read_text()]
GLUE = "nyu-mll/glue"


def numbers(name: str, *changes: str) -> pd.DataFrame:
    return static.build(grid.load(name, changes)).numbers


unchanged = functools.cache(numbers)


def cell(found: pd.DataFrame, of: str, what: str) -> dict[str, Any]:
    (row,) = found[(found["of"] == of) & (found["column"] == what)].to_dict("records")
    return row


@pytest.fixture
def no_cache(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "nothing"))


def test_there_are_nine_of_them() -> None:
    hype = [f"hype/table{number}" for number in (10, 11, 13, 14, 15)]
    assert [*hype, "lnsr/table4", "noisytune/table1", "pats/table2", "pats/table3"] == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_without_a_cache_a_table_is_made_and_has_no_difference_without_a_reason(name: str, no_cache) -> None:
    found = numbers(name)
    assert len(found)
    assert not found[(found["verdict"] == "differs") & (found["because"] == "")].to_dict("records")
    sizes = {key for key, cell in load(name).table["static"]["cells"].items() if cell["read"] == "size"}
    assert set(found[found["verdict"] == "not in the cache"]["column"]) == sizes


@pytest.mark.parametrize("name", NAMES)
def test_with_real_data_there_is_no_difference_without_a_reason_either(name: str, hub) -> None:
    found = numbers(name)
    assert not found[(found["verdict"] == "differs") & (found["because"] == "")].to_dict("records")


@pytest.mark.parametrize(
    ("name", "change", "of", "what"),
    [
        ("hype/table11", "protocol.batch_size=8", "xlnet_large_cased, cola", "batch size"),
        ("hype/table11", "protocol.steps=700", "xlnet_large_cased, mrpc", "length"),
        ("hype/table11", "protocol.warmup=0.06", "bert_large_uncased, rte", "warm-up"),
        ("pats/table2", "protocol.learning_rate=7e-05", "roberta_large, pats", "MNLI"),
        ("noisytune/table1", "method.noisytune.intensity=0.2", "noisytune", "lambda chosen on GLUE"),
        ("hype/table15", "method.r3f.noise=uniform", "hype", "R3F: noise"),
        ("lnsr/table4", "protocol.report.mrpc=[f1]", "mrpc", "metric"),
        ("lnsr/table4", "task.labels=[a,b,c]", "rte", "outputs"),
        ("hype/table14", "+task.evaluate.sick.fold={contradiction:neutral}", "hype", "SICK"),
    ],
)
def test_a_changed_value_makes_a_row_differ(name: str, change: str, of: str, what: str) -> None:
    assert cell(unchanged(name), of, what)["verdict"] == "agrees"
    shown = static.build(grid.load(name, [change]))
    assert cell(shown.numbers, of, what)["verdict"] == "differs"
    [said] = [note for note in shown.notes if note.startswith("Our configuration was changed")]
    assert change.partition("=")[0].lstrip("+") in said
    assert any("differ without a stated reason" in note for note in shown.notes)


def test_a_changed_range_makes_a_row_differ(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = load("pats/table3").table["static"]
    source = yaml.safe_load((ROOT / "results" / "published" / "pats/table3.yaml").read_text())
    source["ranges"]["beta"].append(0.9)
    verdicts = {
        row.column: row.verdict for row in static.printed_cells("sweeps/pats/table3", table, source, [])
    }
    assert verdicts.pop("beta") == "differs"
    assert set(verdicts.values()) == {"agrees"}


@pytest.mark.parametrize(
    ("ours", "paper", "same"),
    [
        (2490, "2.5k", True),
        (8551, "8.5k", True),
        (8551, "8.6k", True),
        (8551, "8.4k", False),
        (1043, "1k", True),
        (5463, "5.7k", False),
        (277, "277", True),
        (277, "276", False),
        (550152, 550152, True),
        (67349, "67k", True),
    ],
)
def test_sizes_agree_within_a_unit_of_the_last_printed_digit(ours: int, paper: Any, same: bool) -> None:
    assert static.READINGS["size"].same(ours, paper) is same


def snapshot(folder, repo: str, revision: str = "0" * 40):
    base = folder / f"datasets--{repo.replace('/', '--')}"
    (base / "refs").mkdir(parents=True)
    (base / "refs" / "main").write_text(revision)
    return base / "snapshots" / revision


def test_sizes_are_the_rows_of_all_files_of_a_split(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    place = snapshot(tmp_path, GLUE) / "rte"
    place.mkdir(parents=True)
    for number, rows in enumerate((200, 77)):
        table = pyarrow.table({"label": [0] * rows})
        pq.write_table(table, place / f"validation-{number:05}-of-00002.parquet")
    assert parquet.size(GLUE, None, "rte", "validation") == 277
    assert parquet.size(GLUE, None, "rte", "train") is None
    assert parquet.size(GLUE, "f" * 40, "rte", "validation") is None
    found = numbers("lnsr/table4")
    assert cell(found, "rte", "train")["verdict"] == "not in the cache"
    one = cell(found, "rte", "dev")
    assert (one["ours"], one["paper"], one["verdict"]) == ("277", "276", "differs")
    assert "slip" in one["because"]


def test_real_sizes(hub) -> None:
    found = numbers("hype/table10")
    assert cell(found, "mnli", "dev")["ours"] == "9815"
    assert cell(found, "mnli_mm", "dev")["ours"] == "9832"


@pytest.mark.parametrize("arguments", [[], ["--smoke"]])
def test_it_is_made_like_any_other_table(arguments, reproduce: Callable[..., Any], tmp_path) -> None:
    status, output, errors = reproduce("hype/table15", *arguments)
    assert status == 0, errors
    assert "hype/table15: 0 runs, a table of settings and data" in errors
    assert "R-Drop: alpha" in output
    folder = tmp_path / "tables" / "hype" / "table15"
    assert {path.name for path in folder.iterdir()} == {"table.md", "table.tex", "table.csv", "table.html"}
    assert "| Of " in (folder / "table.md").read_text()


def test_planning_it_makes_nothing(reproduce: Callable[..., Any], tmp_path) -> None:
    status, output, errors = reproduce("hype/table15", "--plan")
    assert (status, output) == (0, "")
    assert "0 runs" in errors
    assert not (tmp_path / "tables").exists()


def test_a_plan_counts_no_runs(capsys: pytest.CaptureFixture[str], tmp_path) -> None:
    assert plan.main(["hype/table15"]) == 0
    assert capsys.readouterr().out.splitlines()[2].split()[:4] == ["hype/table15", "0", "0", "0"]
    assert plan.main(["hype/table15", "lnsr/table1", f"store={tmp_path}", "--args", "seed=1"]) == 0
    rows = [line.split()[:4] for line in capsys.readouterr().out.splitlines()]
    assert ["together", "48", "0", "48"] in rows


def test_it_is_no_grid_of_runs(cli: Callable[..., Any]) -> None:
    status, _, errors = cli("+sweeps=pats/table3")
    assert status == 2
    assert "pats/table3 has no runs: python -m benchmark.reproduce pats/table3 shows it" in errors


def test_every_reading_that_can_be_declared_is_there() -> None:
    assert set(READINGS) == set(static.READINGS)


@pytest.mark.parametrize(
    ("part", "line"),
    [
        ({"cells": {"x": {"at": "seed", "read": "siz"}}}, "did you mean 'size'?"),
        (
            {"apart": [{"cell": "dve"}]},
            "unknown cell 'dve' in sweeps/lnsr/table4, apart; did you mean 'dev'?",
        ),
        ({"apart": [{"cell": "dev", "row": {"task": "ret"}}]}, "did you mean 'rte'?"),
        ({"apart": [{"cell": "dev", "row": {"tsk": "rte"}}]}, "did you mean 'task'?"),
    ],
)
def test_a_declaration_of_what_is_not_there_is_refused(part: dict[str, Any], line: str) -> None:
    table = load("lnsr/table4").table
    apart = [{"row": {}, "at": "", "because": ""} | one for one in part.get("apart", ())]
    changed = table["static"] | part | ({"apart": apart} if apart else {})
    with pytest.raises(BenchmarkError) as caught:
        declaration.check("lnsr/table4", table | {"static": changed}, [])
    assert line in str(caught.value)


@pytest.mark.parametrize(
    ("part", "line"),
    [
        ({"cells": {"dev": {"at": "task.evaluate.dev"}}}, "configuration has nothing at 'task.evaluate.dev'"),
        ({"cells": {"dve": {"at": "seed"}}}, "results/published/lnsr/table4.yaml has nothing at 'dve'"),
        ({"rows": {"task": {"rte": ["task=rte"]}}}, "the paper's task 'mrpc' stands for no overrides"),
    ],
)
def test_a_path_that_leads_nowhere_is_named(part: dict[str, Any], line: str, no_cache) -> None:
    table = load("lnsr/table4").table["static"]
    empty = {"read": "value", "label": "", "overrides": [], "split": None}
    cells = {key: empty | one for key, one in part.get("cells", {}).items()} or table["cells"]
    source = yaml.safe_load((ROOT / "results" / "published" / "lnsr/table4.yaml").read_text())
    with pytest.raises(BenchmarkError) as caught:
        static.printed_cells("sweeps/lnsr/table4", table | part | {"cells": cells}, source, [])
    assert line in str(caught.value)


def test_nothing_imports_torch() -> None:
    code = (
        "import sys; from benchmark import report; from benchmark.grids import grid; from benchmark.report import static;"
        "static.build(grid.load('hype/table13'));"
        "print([name for name in ('torch', 'transformers', 'datasets') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
