"""Keys below lists, mappings that change nothing, and options of Hydra that it refuses with a stack trace."""

from __future__ import annotations

import pytest

from benchmark.config.keys import check_keys
from benchmark.config.launching import parsed
from benchmark.config.overrides import as_written
from benchmark.errors import BenchmarkError


@pytest.mark.parametrize(
    ("override", "place"),
    [
        ("task.retrieval.compared.more=5", "task.retrieval.compared"),
        ("task.labels.x=a", "task.labels"),
        ("protocol.betas.more.less=5", "protocol.betas"),
        ("+protocol.betas.more=5", "protocol.betas"),
        ("~task.labels.more", "task.labels"),
        ("++task.evaluate.validation.text.x=a", "task.evaluate.validation.text"),
        ("task.settings.a.train.b.split=x", "task.settings.a.train"),
        ("probe.noise_attenuation.layers.x=1", ""),
    ],
)
def test_a_key_below_a_list_is_unknown(override: str, place: str) -> None:
    if not place:
        check_keys([override])  # its file has no list there
        return
    with pytest.raises(BenchmarkError) as refused:
        as_written([override])
    assert f"because {place} is a list; set it as a whole, {place}=[…]" in str(refused.value)


def test_a_key_below_a_list_of_a_methods_file_is_unknown(tmp_path: pytest.TempPathFactory) -> None:
    folder = tmp_path / "method"  # type: ignore[operator]
    folder.mkdir()
    (folder / "mine.yaml").write_text("_target_: mine.Mine\nlayers: [1, 2]\n")
    search = f"hydra.searchpath=[file://{tmp_path}]"
    with pytest.raises(BenchmarkError, match=r"because method\.mine\.layers is a list"):
        check_keys([search, "method.mine.layers.more=5"])
    check_keys([search, "method.mine.layers.0=5", "method.mine.other.more=5"])


def test_an_entry_of_a_list_may_be_set() -> None:
    for override in ("protocol.betas.0=0.5", "task.settings.a.train.0.split=x", "seed=1", "--cfg"):
        assert as_written([override]) == [override]


@pytest.mark.parametrize(
    "override", ["task.evaluate={}", "+task.settings={}", "protocol.report={ }", "task.train={}"]
)
def test_a_mapping_without_an_entry_changes_nothing_and_is_refused(override: str) -> None:
    with pytest.raises(BenchmarkError, match="changes nothing, because a mapping is merged"):
        as_written([override])


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (["--resolve"], "--resolve: only together with --cfg or --help"),
        (["--res", "seed=1"], "--resolve: only together"),
        (["--experimental-rerun", "x"], "--experimental-rerun: not here"),
        (["--exp=x"], "--experimental-rerun: not here"),
        (["-m", "--cfg", "job"], "--multirun --cfg: give one of them"),
        (["--nothing", "seed=1"], "unrecognized arguments: --nothing; options such as -m come before"),
        (["seed=1", "-m", "task=rte"], "unrecognized arguments: task=rte"),
        (["--cfg", "nothing"], "invalid choice: 'nothing'"),
        (["--info", "all", "-c", "job"], "--cfg --info: give one of them"),
    ],
)
def test_options_that_do_not_go_together_are_refused(line: list[str], why: str) -> None:
    with pytest.raises(BenchmarkError, match=why):
        parsed(line)


def test_options_are_told_apart_from_overrides() -> None:
    options = parsed(["seed=1,2", "task=rte", "-m", "--config-dir", "x"])
    assert (options.multirun, options.config_dir) == (True, "x")
    assert options.overrides == ["seed=1,2", "task=rte"]
    assert parsed(["--cfg", "job", "--resolve"]).resolve
