"""``~`` is the home folder, wherever a place is given; a folder of that name is never made."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmark.config.compose import run_config
from benchmark.config.launching import check_files
from benchmark.config.overrides import as_written
from benchmark.config.searchpath import with_ours
from benchmark.errors import BenchmarkError
from benchmark.grids import grid
from benchmark.places import ROOT
from benchmark.records.disk import make_writable


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home" / "conf").mkdir(parents=True)
    return tmp_path / "home"


def test_store_and_cache_may_be_in_the_home_folder(home: Path) -> None:
    config = run_config(*as_written(["store=~/runs", "cache=~"]))
    assert (config.store, config.cache) == (f"{home}/runs", str(home))
    assert run_config("store='a~/~b'").store == "a~/~b"
    planned = grid.load("demo/noisytune", ["store=~/runs"]).runs
    assert {run.config.store for run in planned} == {f"{home}/runs"}


@pytest.mark.parametrize("place", ["~/conf", "'~/conf'", "~/conf,file:///"])
def test_configuration_may_be_in_the_home_folder(home: Path, place: str) -> None:
    [override] = with_ours(as_written([f"hydra.searchpath=[{place}]"]))
    assert f"'file://{home}/conf'" in override


def test_the_folder_of_nobody_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store = run_config("store='~no-such-user/runs'").store
    with pytest.raises(BenchmarkError, match=r"store=~no-such-user/runs: there is no such home folder"):
        make_writable("store", store)
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("~")]


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("method/noisytune.yaml", "conf/method/noisytune.yaml"),
        ("task/rte.yaml", "conf/task/rte.yaml"),
        ("sweeps/demo/noisytune.yaml", "sweeps/demo/noisytune.yaml"),
    ],
)
def test_two_different_files_of_one_name_are_refused(name: str, ours: str, tmp_path: Path) -> None:
    mine, search = tmp_path / name, f"hydra.searchpath=['{tmp_path}']"
    mine.parent.mkdir(parents=True)
    mine.write_bytes((ROOT / ours).read_bytes())
    with_ours([search])  # a copy is as good as its original
    mine.write_text("name: mine\n")
    for command in (
        lambda: with_ours([search]),
        lambda: grid.load("demo/noisytune", [search]),
        lambda: check_files(["--config-dir", str(tmp_path)]),
    ):
        with pytest.raises(BenchmarkError, match="has the same name and another content") as refused:
            command()
        assert str(refused.value).startswith(f"{mine}: {ROOT / ours} ")


def test_two_folders_of_ones_own_have_no_name_in_common(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder / "task").mkdir(parents=True)
        (tmp_path / folder / "task" / "mine.yaml").write_text(f"name: mine\nlabel: {folder}\n")
    with pytest.raises(BenchmarkError, match=r"a/task/mine.yaml: .*b/task/mine.yaml has the same name"):
        with_ours([f"hydra.searchpath=['{tmp_path}/a','{tmp_path}/b']"])
