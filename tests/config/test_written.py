"""What a YAML file or an override says is what the run gets, or one line says what to write."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmark import methods
from benchmark.config.compose import ROOT, run_config
from benchmark.config.overrides import as_written
from benchmark.config.schema import TaskConfig
from benchmark.config.written import load, type_at, type_of
from benchmark.errors import BenchmarkError, one_line


def task(text: str) -> Any:
    return load(text, Path("mine.yaml"), TaskConfig)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("labels: [no, yes]", {"labels": ["no", "yes"]}),
        ("labels: [010, 1_1, 1e10, 1:30, 0x1F, 1.0, .5]", None),
        ("labels: [On, OFF, true, null, Null, 12]", None),
        ("languages: [no, en]", {"languages": ["no", "en"]}),
        ("name: on", {"name": "on"}),
        ("revision: 1e10", {"revision": "1e10"}),
        ("revision: 0123456", {"revision": "0123456"}),
        ("revision: null", {"revision": None}),
        ("revision:", {"revision": None}),
        ("train: {label_map: {0: bad, no: good}}", {"train": {"label_map": {"0": "bad", "no": "good"}}}),
        ("evaluate: {no: {split: off}}", {"evaluate": {"no": {"split": "off"}}}),
        ("evaluate: {x: {max_length: 64, last_only: yes}}", {"evaluate": {"x": {"max_length": 64, "last_only": True}}}),
        ("settings: {on: {train: [{split: 1e3}]}}", {"settings": {"on": {"train": [{"split": "1e3"}]}}}),
        ("retrieval: {layers: {'12': 8}}", {"retrieval": {"layers": {"12": 8}}}),
        ("labels: ['no', \"1e3\"]", {"labels": ["no", "1e3"]}),
        ("train: {rows: {1:30: en-*}}", {"train": {"rows": {"1:30": "en-*"}}}),
    ],
)  # fmt: skip
def test_text_is_what_was_written(text: str, read: Any) -> None:
    if read is None:  # a flat list, word for word
        read = {"labels": text.partition("[")[2].rstrip("]").split(", ")}
    assert task(text) == read


def test_the_rest_is_read_as_ever() -> None:
    text = "score_training: yes\nanswers: {step: 0x10}\nretrieval: {special: off, compared: [1, 2]}"
    assert task(text) == {
        "score_training": True,
        "answers": {"step": 16},
        "retrieval": {"special": False, "compared": [1, 2]},
    }
    assert load("a: 1e-5\nb: true\nc: ~", Path("x.yaml")) == {"a": 1e-5, "b": True, "c": None}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("train:\n\tsplit: train", r"mine.yaml, line 2, column 1: .*a tab; indent with spaces"),
        ("name: a\nlabel: b\nname: c", "mine.yaml, line 3: the key 'name' is in line 1 already"),
        ("train: {label_map: {0: a, '0': b}}", "mine.yaml, line 1: the key '0' is in line 1 already"),
        ("name: a\nlabel: 50% off: a", "mine.yaml, line 2, column 15: .*a colon; put a text"),
        ("labels: [a, b", "mine.yaml, line 1, column 14"),
        ("answers: {step: 010}", "mine.yaml, line 1, column 17: 010 is not read as the number"),
        ("answers: {step: 1:30}", "mine.yaml, line 1, column 17: 1:30 is not read as the number"),
        ("label: \x01", "mine.yaml: "),
        (
            "labels: {0: bad, 1: good}",
            r"mine.yaml, line 1, column 9: a mapping where a list is wanted, such as \[a, b\]",
        ),
        ("train: [split, train]", "mine.yaml, line 1, column 8: a list where a mapping is wanted"),
        ("evaluate:\n  dev: dev.csv", "mine.yaml, line 2, column 8: a text where a mapping is wanted"),
        ("labels: &a [b, *a]", "mine.yaml: an alias .* inside the value that it stands for"),
        ("- name", "mine.yaml, line 1, column 1: a list where a mapping is wanted"),
    ],
)
def test_a_fault_is_told_in_one_line_with_file_and_row(text: str, line: str) -> None:
    with pytest.raises(BenchmarkError, match=line) as caught:
        task(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("word", ["yes", "no", "On", "OFF"])
def test_where_the_schema_does_not_say_a_word_is_to_be_quoted(word: str) -> None:
    with pytest.raises(BenchmarkError, match=rf"line 1, column 7: {word} .*put '{word}' in quotes"):
        load(f"bias: {word}", Path("mine.yaml"), type_of("method.mine", "method"))
    assert load(f"bias: '{word}'", Path("mine.yaml")) == {"bias": word}


def test_the_type_of_a_place_is_the_schemas() -> None:
    assert type_at("task.evaluate.any.label_map") == dict[str, str]
    assert type_at("task.revision") is str
    assert type_at("protocol.values.intensity") is Any
    assert type_of(None, "task") is TaskConfig
    assert type_of("_global_", "sweeps/mine").__name__ == "RunConfig"


@pytest.mark.parametrize(
    ("typed", "quoted"),
    [
        ("task.revision=1e10", "task.revision='1e10'"),
        ("task.labels=[010,1_1,true,x]", "task.labels=[010,'1_1','true',x]"),
        ("task.repo=~/data", "task.repo='~/data'"),
        ("model.id=~/a,~/b", "model.id='~/a','~/b'"),
        ("task.train.split=1e3,dev", "task.train.split='1e3',dev"),
        ("protocol.learning_rate=1e-5", "protocol.learning_rate=1e-5"),
        ("task.revision=null", "task.revision=null"),
        ("task.name=${model.name}", "task.name=${model.name}"),
        ("method.x.strength=1e5", "method.x.strength=1e5"),
        ("seed=range(1,6)", "seed=range(1,6)"),
        ("-m", "-m"),
    ],
)
def test_an_override_is_what_was_typed(typed: str, quoted: str) -> None:
    assert as_written([typed]) == [quoted]


def test_a_number_is_no_truth_value() -> None:
    for typed in ("packed=2", "replay=-3", "packed=true,7", "+task.score_training=10"):
        with pytest.raises(BenchmarkError, match=r"is no truth value; valid: true, false"):
            as_written([typed])
    as_written(["packed=0,1", "packed=false,true", "replay=null", "seed=2"])
    settings = {"_target_": "benchmark.methods.dps.DPS", "dropout": 2}
    with pytest.raises(BenchmarkError, match=r"method.dps: dropout=2: a number is no truth value"):
        methods.build({"dps": settings})


@pytest.mark.parametrize(
    ("typed", "keys"),
    [
        ("+task.train.label_map={0: bad, 1: 'a: 1e5'}", {"0": "bad", "1": "a: 1e5"}),
        ("task.train.label_map={0:bad,1:010}", {"0": "bad", "1": "010"}),
        ("task.train.label_map={no: very bad}", {"no": "very bad"}),
    ],
)
def test_a_mapping_of_texts_reaches_its_place(typed: str, keys: dict[str, str]) -> None:
    config = run_config("task=opinion", "model=embedded", "protocol=demo", *as_written([typed]))
    assert config.task.train.label_map == keys


def test_a_new_key_of_a_mapping_is_to_be_added() -> None:
    with pytest.raises(Exception) as caught:  # noqa: PT011  # Hydra's own, told by `one_line`
        run_config("task=opinion", "model=embedded", "protocol=demo", "task.train.rows.lang=en")
    assert (
        one_line(caught.value) == "no key 'task.train.rows.lang' yet: write +task.train.rows.lang=… to add it"
    )


def test_a_run_gets_them(tmp_path: Path, cli: Callable[..., tuple[int, str, str]]) -> None:
    folder = tmp_path / "conf" / "task"
    folder.mkdir(parents=True)
    (folder / "mine.yaml").write_text(
        "defaults: [opinion]\nname: on\nlabels: [no, yes]\nrevision: 1e10\ntrain: {label_map: {0: no, 1: yes}}\n"
    )
    search = f"hydra.searchpath=[file://{tmp_path / 'conf'}]"
    status, output, errors = cli("--cfg", "job", "-p", "task", search, "task=mine", "task.label=1_1")
    assert (status, errors) == (0, "")
    assert "name: 'on'" in output
    assert "- 'no'\n- 'yes'" in output
    assert "revision: '1e10'" in output
    assert "label_map:\n    '0': 'no'\n    '1': 'yes'" in output
    assert "label: '1_1'" in output


@pytest.mark.parametrize("text", ["3", "- a", "just words"])
def test_a_file_that_is_no_mapping_is_refused(
    text: str, tmp_path: Path, cli: Callable[..., tuple[int, str, str]]
) -> None:
    (tmp_path / "conf" / "model").mkdir(parents=True)
    (tmp_path / "conf" / "model" / "mine.yaml").write_text(text)
    status, _, errors = cli(f"hydra.searchpath=[file://{tmp_path / 'conf'}]", "model=mine")
    assert status == 2
    assert "mine.yaml" in errors
    assert "a mapping is wanted" in errors
    assert errors.count("\n") == 1


IN_A_LAUNCHERS_PROCESS = """
from benchmark.config.compose import composing
from hydra import compose
from hydra.core.singleton import Singleton

with composing():
    Singleton.set_state(Singleton.get_state())  # as joblib's and submitit's launchers do in a new process
    print(compose("config", ["task=opinion"]).task.name)
"""


def test_a_launchers_process_has_our_source_of_files() -> None:
    done = subprocess.run(
        [sys.executable, "-c", IN_A_LAUNCHERS_PROCESS], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("opinion\n", "")
