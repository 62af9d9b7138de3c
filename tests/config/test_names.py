"""Names and folders that tables, terminals and file systems cannot show are refused by their key."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmark.config.compose import run_config
from benchmark.config.folders import folder_at
from benchmark.config.own_model import quoted
from benchmark.config.schema import RunConfig
from benchmark.config.validation import validate
from benchmark.errors import BenchmarkError, one_line

Compose = Callable[..., RunConfig]


@pytest.mark.parametrize("key", ["model.name", "task.name", "protocol.name", "data.name"])
@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "at least one letter"),
        ("  ", "at least one letter"),
        ("a\x1b[2J", "no control characters"),
        ("a\nb", "no control characters"),
        ("a\u202eb", "no control characters"),
        ("x" * 300, "300 characters, and a name has at most 200"),
    ],
)
def test_a_name_that_cannot_be_shown_is_refused(key: str, name: str, why: str, compose: Compose) -> None:
    with pytest.raises(BenchmarkError, match=why) as refused:
        validate(compose(f"{key}={quoted(name)}"))
    assert str(refused.value).startswith(f"{key}=")


@pytest.mark.parametrize("override", ["model.label='a\x1b[2J'", "task.label='a\tb'"])
def test_a_label_may_be_empty_and_not_mangled(override: str, compose: Compose) -> None:
    with pytest.raises(BenchmarkError, match="no control characters"):
        validate(compose(override))
    validate(compose("task.label=''", "model.label=''"))


def test_markup_is_a_name_and_escaped_by_each_format(compose: Compose) -> None:
    validate(compose("model.name='<b>x</b>'", "model.label='=1+1'", "task.label='a|b'"))


def test_the_name_of_an_evaluation_set_is_a_name(compose: Compose) -> None:
    config = compose()
    config.task.evaluate["a\nb"] = config.task.evaluate["validation"]
    with pytest.raises(BenchmarkError, match=r"a name in task\.evaluate='a"):
        validate(config)


@pytest.mark.parametrize("key", ["store", "cache"])
@pytest.mark.parametrize(
    ("folder", "why"),
    [("", "names no folder"), ("  ", "names no folder"), ("a\nb", "no control"), ("a\x07", "no control")],
)
def test_a_folder_without_a_name_or_with_a_mangled_one_is_refused(key: str, folder: str, why: str) -> None:
    with pytest.raises(BenchmarkError, match=why):
        folder_at(key, folder)
    with pytest.raises(Exception, match=why) as refused:
        run_config(f"{key}={quoted(folder)}")
    line = one_line(refused.value)
    assert line is not None
    assert line.startswith(f"{key}=")


@pytest.mark.parametrize("device", ["gpu", "''", "meta", "cuda:", "cuda:x", "CPU", "cuda:1234"])
def test_a_device_that_no_machine_has_is_refused(device: str, compose: Compose) -> None:
    with pytest.raises(BenchmarkError, match="valid: auto, cpu, cuda"):
        validate(compose(f"device={device}"))
    for real in ("auto", "cpu", "cuda", "cuda:0", "mps"):
        validate(compose(f"device={real}"))


@pytest.mark.parametrize(
    ("named", "line"),
    [
        (
            "nothing",
            "unknown score 'nothing' in protocol.report.opinion .*valid: accuracy, validation/accuracy",
        ),
        ("accuracy,f1", "unknown score 'f1'"),
        ("test/accuracy", "unknown score 'test/accuracy'.*valid: accuracy, validation/accuracy"),
        ("validation/", "unknown score"),
    ],
)
def test_a_score_that_a_task_does_not_have_cannot_be_reported(
    named: str, line: str, compose: Compose
) -> None:
    with pytest.raises(BenchmarkError, match=line):
        validate(compose(f"protocol.report.opinion=[{named}]"))
    validate(compose("protocol.report.opinion=[validation/accuracy,accuracy]"))
    validate(compose("protocol.report.opinion=[train/accuracy]", "task.score_training=true"))
    validate(compose("task=panx", "protocol=noisytune_xtreme"))


@pytest.mark.parametrize("text", ["[sentence,sentence]"])
def test_a_column_is_one_text_of_a_pair(text: str, compose: Compose) -> None:
    with pytest.raises(BenchmarkError, match="the column 'sentence' is there twice"):
        validate(compose("task=opinion", f"task.text={text}"))


NOISE = "_target_: benchmark.methods.noisytune.NoisyTune\n"
PROBE = "_target_: benchmark.probes.norm_change.NormChange\n"


@pytest.mark.parametrize(
    ("group", "text", "why"),
    [
        ("method", "", "is empty"),
        ("method", "\n# a remark\n", "is empty"),
        ("method", "# @package method.mine\n# a remark\n", "is empty"),
        ("probe", "", "is empty"),
        ("tracker", "# a remark\n", "is empty"),
        ("data", "", "is empty"),
        (
            "method",
            f"# @package method.noisytune\n{NOISE}",
            "declares method.noisytune; its first line is to",
        ),
        ("method", f"# @package method.min\n{NOISE}", "declares method.min; its first line is to"),
        ("method", f"# @package _global_.method.other\n{NOISE}", "declares method.other"),
        ("method", f"# @package protocol\n{NOISE}", "declares protocol"),
        ("method", NOISE, "declares no name; its first line is to be `# @package method.mine`"),
        ("probe", f"# @package probe.norm_change\n{PROBE}", "declares probe.norm_change"),
        ("probe", PROBE, "declares no name"),
    ],
)
def test_a_file_that_does_not_give_what_its_name_promises_is_refused(
    group: str, text: str, why: str, tmp_path: Path
) -> None:
    path = tmp_path / group / "mine.yaml"
    path.parent.mkdir()
    path.write_text(text)
    choice = "[mine]" if group in ("method", "probe") else "mine"
    with pytest.raises(BenchmarkError, match=re.escape(f"{path}: {why}")):
        run_config(f"hydra.searchpath=['file://{tmp_path}']", f"{group}={choice}")


@pytest.mark.parametrize("header", ["method.mine", "_global_.method.mine"])
def test_a_method_is_known_by_the_name_of_its_file(header: str, tmp_path: Path) -> None:
    path = tmp_path / "method" / "mine.yaml"
    path.parent.mkdir()
    path.write_text(f"# @package {header}\n{NOISE}")
    assert [*run_config(f"hydra.searchpath=['file://{tmp_path}']", "method=[mine]").method] == ["mine"]


def test_a_file_without_values_says_so_itself(tmp_path: Path) -> None:
    path = tmp_path / "tracker" / "mine.yaml"
    path.parent.mkdir()
    path.write_text("{}\n")
    assert run_config(f"hydra.searchpath=['file://{tmp_path}']", "tracker=mine").tracker == {}


@pytest.mark.parametrize("inside", ["", "/in/it"])
def test_a_file_is_no_cache(inside: str, compose: Compose, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    config = compose()
    config.cache = f"{tmp_path}/file{inside}"
    with pytest.raises(BenchmarkError, match=r"^cache=\S+: \S+/file is a file, and a folder is wanted"):
        validate(config)
    config.cache = f"{tmp_path}/not/made/yet"
    validate(config)
