from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from benchmark.config.compose import ROOT, run_config
from benchmark.config.identity import COUNTED, run_id
from benchmark.config.schema import METRICS, RunConfig, as_json
from benchmark.config.validation import validate
from benchmark.errors import BenchmarkError, one_line
from benchmark.grids import grid, parts
from benchmark.grids.declaration import publications
from benchmark.grids.selectors import combinations
from benchmark.progress import heard_by
from benchmark.runs.plugins import check_plugins
from helpers.grids import composed, load

DEMO, TABLE2 = "demo/noisytune", "noisytune/table2"
NARROW = ("task=opinion", "method=[]")  # composing is slow, and these two leave one combination
CONF = sorted(path.relative_to(ROOT / "conf").with_suffix("") for path in (ROOT / "conf").rglob("*.yaml"))
METHODS = [path.name for path in CONF if path.parts[0] == "method"]


def refusal(call: Callable[[], object]) -> str:
    with pytest.raises(Exception) as caught:  # noqa: PT011 (the claim is what becomes of it)
        call()
    return one_line(caught.value) or f"not told in one line: {caught.value!r}"


def test_the_demo_has_thirty_runs():
    assert len({cell.run_id for cell in load(DEMO).runs}) == 30


def test_noisytune_table_2_has_360_runs_and_180_of_its_control():
    runs = load(TABLE2).runs
    of_control = [cell for cell in runs if "noisytune_gaussian_matched" in cell.config.method]
    assert (len({cell.run_id for cell in runs}), len(of_control)) == (540, 180)


def test_noisytune_table_2_has_every_combination_of_its_axes():
    cells = {
        (c.config.model.name, c.config.task.name, *c.config.method, c.config.seed) for c in load(TABLE2).runs
    }
    assert len(cells) == 4 * 9 * 3 * 5


def test_a_grid_uses_the_protocol_that_its_table_declares():
    assert {cell.config.protocol.name for cell in load(TABLE2).runs} == {"noisytune"}


def test_a_grid_picks_per_task_values_from_its_protocol():
    epochs = {c.config.task.name: c.config.protocol.epochs for c in load(TABLE2).runs}
    assert epochs == dict.fromkeys(("rte", "mrpc", "cola", "stsb", "wnli"), 10) | dict.fromkeys(
        ("mnli", "qnli", "qqp", "sst2"), 3
    )


@pytest.mark.parametrize(
    ("change", "seeds"),
    [("seed=3", [3]), ("seed=1,2", [1, 2]), ("seed=range(1,4)", [1, 2, 3]), ("seed=7,5", [7, 5])],
)
def test_seeds_are_narrowed_by_a_value_a_list_or_a_range(change, seeds):
    assert [cell.config.seed for cell in load(DEMO, *NARROW, change).runs] == seeds


def test_tasks_are_narrowed_by_a_list():
    cells = load(DEMO, "task=opinion,closeness", "method=[]", "seed=1").runs
    assert [cell.config.task.name for cell in cells] == ["opinion", "closeness"]


def test_methods_are_changed_by_lists_of_methods():
    cells = load(DEMO, "task=opinion", "method=[],[noisytune,noisytune_gaussian]", "seed=1").runs
    assert [sorted(cell.config.method) for cell in cells] == [
        [],
        ["noisytune", "noisytune_gaussian"],
    ]


def test_any_key_of_a_run_can_be_made_an_axis():
    cells = load(DEMO, *NARROW, "protocol.epochs=1,2", "seed=1").runs
    assert [cell.config.protocol.epochs for cell in cells] == [1, 2]


@pytest.mark.parametrize("key", sorted(RunConfig.__dataclass_fields__.keys() - {*COUNTED, "table"}))
def test_what_is_no_part_of_an_id_has_one_value_in_a_grid(key):
    values = {
        "snapshot_minutes": "1,2",
        "replay": "null,false",
        "tracker": "none,wandb",
        "engine": "local,ray",
    }
    change = f"{key}={values.get(key, 'a,b')}"
    assert refusal(lambda: grid.load(DEMO, [change])).startswith(f"{key}=")
    assert "one value for a grid" in refusal(lambda: grid.load(DEMO, [change]))


def test_a_key_that_is_there_is_composed_as_fast_with_a_sign(monkeypatch):
    monkeypatch.setattr(parts, "whole", None)
    changes = [
        "++protocol.epochs=1,2",
        "++method.noisytune.intensity=0.1",
        "++data.subset_seed=3",
        "++threads=2",
    ]
    assert len(grid.load(DEMO, ["task=opinion", "seed=1", *changes]).runs) == 4


def test_long_planning_says_how_far_it_is():
    told = []
    with heard_by(lambda *progress: told.append(progress)):
        grid.load(DEMO, [*NARROW, "seed=range(1,2002)"])
    assert ("runs composed", 1500, 2001) in told
    assert ("runs checked", 1500, 2001) in told


def test_a_changed_grid_says_what_was_changed():
    assert load(DEMO, *NARROW, "seed=range(1,3)").changed == {
        "task": ["opinion"],
        "method": ["[]"],
        "seed": ["1", "2"],
    }


def test_a_grid_as_declared_says_that_nothing_was_changed():
    assert load(DEMO).changed == {}


@pytest.mark.parametrize("change", ["seed=range(1,1)", "seed=range(5,1)", "seed=", "seed=[]"])
def test_an_empty_list_of_seeds_is_refused(change):
    assert refusal(lambda: grid.load(DEMO, [change])).startswith("seed=")


@pytest.mark.parametrize("seed", ["abc", "1.5", "true", "1,x"])
def test_a_seed_that_is_no_whole_number_is_refused(seed):
    assert "a seed is a whole number" in refusal(lambda: grid.load(DEMO, [*NARROW, f"seed={seed}"]))


def test_a_null_seed_is_refused():
    assert refusal(lambda: grid.load(DEMO, [*NARROW, "seed=null"])).startswith("seed=null")


@pytest.mark.parametrize(
    ("name", "change", "wrong", "near"),
    [
        ("noisytune/tabel2", "seed=1", "noisytune/tabel2", TABLE2),
        (DEMO, "model=embeded", "embeded", "embedded"),
        (DEMO, "task=opinions", "opinions", "opinion"),
        (DEMO, "task=opinion,comparson", "comparson", "comparison"),
        (DEMO, "method=[noisytun]", "noisytun", "noisytune"),
        (DEMO, "protocol=demos", "demos", "demo"),
        (DEMO, "protocol.epoch=1", "protocol.epoch", "epochs"),
        (DEMO, "protocl.epochs=1", "protocl", "protocol"),
        (DEMO, "sed=1", "sed", "seed"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest_valid_one(name, change, wrong, near):
    line = refusal(lambda: grid.load(name, [change]))
    assert wrong in line
    assert f"did you mean '{near}'?" in line


def assert_each_cell_alone_is_the_same_run(cells):
    assert [run_id(run_config(*cell.overrides)) for cell in cells] == [cell.run_id for cell in cells]


def test_a_demo_cell_composed_on_its_own_is_the_same_run():
    assert_each_cell_alone_is_the_same_run(load(DEMO).runs[::4])


def test_a_cell_of_table_2_composed_on_its_own_is_the_same_run():
    assert_each_cell_alone_is_the_same_run(load(TABLE2).runs[::61])


def test_a_cell_of_a_changed_grid_composed_on_its_own_is_the_same_run():
    changes = (
        "task=opinion",
        "method=[noisytune]",
        "method.noisytune.intensity=0.1,0.2",
        "protocol=noisytune",
        "seed=7,8",
    )
    assert_each_cell_alone_is_the_same_run(load(DEMO, *changes).runs)


def test_the_command_of_a_cell_quotes_what_a_shell_would_expand():
    cell = load(DEMO, "task=opinion", "method=[noisytune]", "seed=3").runs[0]
    assert cell.command == (
        "python -m benchmark protocol=demo model=embedded task=opinion 'method=[noisytune]' seed=3"
    )


@pytest.mark.parametrize("name", grid.tables())
def test_every_sweep_file_makes_a_grid_with_a_title(name):
    assert load(name).table["title"]


@pytest.mark.parametrize("name", grid.tables())
def test_no_two_cells_of_a_table_are_the_same_run(name):
    ids = [cell.run_id for cell in load(name).runs]
    # NER, POS and TyDiQA have no translated training sets: in both settings theirs is the same run.
    # A separate seed that is the run's own makes no other run: rows of Dodge et al.'s study meet there.
    shared = {"noisytune/table3": 90, "noisytune/section3_3": 150, "neighbours/seeds": 15}.get(name, 0)
    assert len(ids) - len(set(ids)) == shared


@pytest.mark.parametrize("name", publications())
def test_a_publication_uses_our_names_of_models_and_methods(name):
    source = yaml.safe_load((ROOT / "results" / "published" / f"{name}.yaml").read_text())
    assert source["id"] == name
    ours = {
        group: {path.stem for path in (ROOT / "conf" / group).glob("*.yaml")} for group in ("model", "method")
    }
    for row in (row for row in source.get("rows", ()) if isinstance(row, dict)):
        runs = row.get("runs", {"model": row.get("model"), "method": [row.get("method")]})
        models = runs["model"] if isinstance(runs["model"], list) else [runs["model"]]
        assert set(models) <= ours["model"] | {None}
        assert set().union(*combinations(runs["method"])) <= ours["method"] | {None, "vanilla"}


def choice_of(path: Path) -> str:
    group, name = str(path.parent), path.name
    return f"{group}=[{name}]" if group in ("method", "probe") else f"{group}={name}"


def together() -> list[list[Path]]:
    """The files of conf, in as few lists as one file of every group allows: composing is slow."""
    groups: dict[Path, list[Path]] = {}
    for path in CONF:
        if path.parent != Path():
            groups.setdefault(path.parent, []).append(path)
    return [[one for one in row if one] for row in itertools.zip_longest(*groups.values())]


# Hydra looks for its keyword `_global_` anywhere in a package name: no method file may have it in its own.
@pytest.mark.parametrize("row", together(), ids=lambda row: "+".join(map(str, row)))
def test_hydra_makes_of_every_file_of_conf_what_is_read_from_it(row):
    choices = [choice_of(path) for path in row]
    assert as_json(run_config(*choices)) == as_json(composed(choices))


@pytest.mark.parametrize("path", CONF, ids=str)
def test_every_file_of_conf_makes_a_valid_run(path, compose):
    steady = ["protocol.schedule=constant"] if path.stem == "swa" else []  # it has no meaning under another
    config = compose(*([] if path.parent == Path() else [choice_of(path)]), *steady)
    validate(config)
    check_plugins(config)


@pytest.mark.parametrize("path", CONF, ids=str)
def test_every_file_of_conf_calls_itself_what_its_file_is_called(path, compose):
    group, name = str(path.parent), path.name
    if group in (".", "method", "probe", "tracker", "engine"):
        pytest.skip("methods and probes are named by their package, see below; a tracker has no name")
    assert getattr(compose(f"{group}={name}"), group).name == name


@pytest.mark.parametrize("name", METHODS)
def test_every_method_file_names_itself_in_its_package(name):
    first = (ROOT / "conf" / "method" / f"{name}.yaml").read_text().splitlines()[0]
    assert re.fullmatch(r"# @package method\.(\w+)", first).group(1) == name


def test_every_probe_file_begins_with_its_package():
    for path in (ROOT / "conf" / "probe").glob("*.yaml"):
        first = path.read_text().splitlines()[0]
        assert path.stem.startswith(re.fullmatch(r"# @package probe\.(\w+)", first).group(1))


@pytest.mark.parametrize("name", METHODS)
def test_every_method_file_builds_a_method(name, compose):
    from benchmark.methods import Method, build

    assert isinstance(build(compose(f"method=[{name}]").method)[name], Method)


@pytest.mark.parametrize("protocol", [path.name for path in CONF if path.parts[0] == "protocol"])
def test_what_a_protocol_reports_is_measured_by_its_tasks(protocol, compose):
    for task, names in compose(f"protocol={protocol}").protocol.report.items():
        measured = compose(f"task={task}", f"protocol={protocol}").task
        for name in names:
            part, _, metric = name.rpartition("/")
            sets = [measured, *(split for split in measured.evaluate.values() if split.metrics)]
            assert metric in {value for one in sets for known in one.metrics for value in METRICS[known]}
            assert not part or part in measured.evaluate


def test_a_table_takes_a_folder_as_its_model_and_no_two_of_one_name(tmp_path: Path) -> None:
    for name in ("a/my bert", "b/my bert", "b/other"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "config.json").write_text("{}")
    mine, namesake, other = (tmp_path / name for name in ("a/my bert", "b/my bert", "b/other"))
    changes = ["task=opinion", "seed=1", "method=[]"]
    runs = grid.load("demo/noisytune", [f"model={mine},{other}", *changes]).runs
    assert [(run.config.model.name, run.config.model.id) for run in runs] == [
        ("my bert", str(mine)),
        ("other", str(other)),
    ]
    runs = grid.load("demo/noisytune", [f"model.id={mine},{other}", *changes]).runs
    assert [run.config.model.name for run in runs] == ["my bert", "other"]
    with pytest.raises(BenchmarkError, match=r"two models have the name 'my bert': .*rename a folder"):
        grid.load("demo/noisytune", [f"model={mine},{namesake}", *changes])
