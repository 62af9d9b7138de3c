from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from benchmark.command import UNREAD
from benchmark.config.compose import ROOT
from benchmark.errors import one_line
from benchmark.records.store import Store
from benchmark.runs.resources import processor

GOOD_METHOD = "method=[noisytune]"
QUICK = ("data.count=32", "protocol.epochs=1")

UNKNOWN = [
    (["task=opinions"], ["opinions", "did you mean 'opinion'?"]),
    (["model=embeded"], ["embeded", "did you mean 'embedded'?"]),
    (["method=[noisytun]"], ["noisytun", "did you mean 'noisytune'?"]),
    (["method=[noisytune,rdropp]"], ["rdropp", "valid: "]),
    (["protocol=demos"], ["demos", "did you mean 'demo'?"]),
    (["data=1kk"], ["1kk", "did you mean '1k'?"]),
    (["sede=1"], ["sede", "did you mean 'seed'?"]),
    (["seeds.heads=3"], ["seeds.heads", "did you mean 'head'?", "valid: dropout, head, noise, order"]),
    (["learning_rate=1e-3"], ["learning_rate", "valid: "]),
    (["protocl.epochs=1"], ["protocl", "did you mean 'protocol'?"]),
    (["protocol.epoch=1"], ["protocol.epoch", "did you mean 'epochs'?"]),
    (["task.train.splitt=train"], ["task.train.splitt", "did you mean 'split'?"]),
    (
        [GOOD_METHOD, "method.noisytune.intesity=1"],
        ["method.noisytune.intesity", "did you mean 'intensity'?"],
    ),
    ([GOOD_METHOD, "+method.noisytune.sacle=1"], ["method.noisytune", "sacle", "did you mean 'scale'?"]),
    (
        [GOOD_METHOD, "method.noisytune.noise=unform"],
        ["method.noisytune", "unform", "did you mean 'uniform'?"],
    ),
    (["protocol.optimizer=adamm"], ["protocol.optimizer", "adamm", "did you mean 'adamw'?"]),
    (["+sweeps=demo/noisytun"], ["noisytun", "did you mean 'demo/noisytune'?"]),
]
WRONG_VALUE = [
    (["seed=abc"], ["seed", "abc"]),
    (["protocol.epochs=many"], ["protocol.epochs", "many"]),
    (["protocol.batch_size=1.5"], ["protocol.batch_size", "1.5"]),
    (["model.multilingual=perhaps"], ["model.multilingual", "perhaps"]),
    ([GOOD_METHOD, "method.noisytune.intensity=-1"], ["method.noisytune", "intensity=-1", "at least 0"]),
    ([GOOD_METHOD, "method.noisytune.intensity=much"], ["method.noisytune", "intensity", "much"]),
    ([GOOD_METHOD, "method.noisytune.perturb_head=7x"], ["method.noisytune", "perturb_head", "7x"]),
    (["method=[hype_n]", "method.hype_n.layers=top"], ["method.hype_n", "layers", "'top'", "a list"]),
]
LOST_KEY = [
    (["task.text=sentence"], ["task.text"]),
    (["method=noisytune,"], ["method=noisytune,"]),
    (["task=[opinion"], ["task=[opinion"]),
    (["+protocol.epoch=1", *QUICK], ["protocol.epoch", "did you mean 'epochs'?"]),
    (["-m", "task=glob(*)"], ["task=glob(*)", "name the values"]),
    (["+sweeps=demo/noisytune", "hydra.mode=RUN"], ["hydra.mode=RUN", "a grid of runs"]),
]
LONG_OR_NESTED = [
    (["task=" + "x" * 5000], ["unknown task 'xxxx", "…", "more: python -m benchmark --help"]),
    (["model=" + "x" * 300], ["unknown model 'xxxx"]),
    (["task.labels=[[a],b]"], ["task.labels[0]", "single value"]),
    (["probe=[[]]"], ["unknown probe '[]'"]),
    (["protocol=0"], ["unknown protocol '0'"]),
    (["data=[1k,full]"], ["data=[1k,full]", "a run has one data"]),
    (["+table.title=x"], ["table is declared by a file of sweeps/"]),
]
CASES = [
    pytest.param(*case, id=" ".join(case[0])[:60])
    for case in UNKNOWN + WRONG_VALUE + LOST_KEY + LONG_OR_NESTED
]


@pytest.mark.parametrize(("arguments", "said"), CASES)
def test_a_bad_input_is_refused_in_one_line_that_names_it(arguments, said, cli, tmp_path):
    status, _, err = cli(*arguments)
    assert err.count("\n") == 1, err
    assert len(err) < 1100
    assert [part for part in said if part not in err] == [], err
    assert status != 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["hydra.run.dir={file}"],
        ["hydra.run.dir={file}/in/it"],
        ["hydra.run.dir=/proc/x"],
        ["-m", "seed=1,2", "hydra.sweep.dir={file}/in/it"],
        ["-m", "seed=1,2", "hydra.sweep.dir=/proc/x"],
    ],
)
def test_a_place_that_hydra_cannot_write_to_is_refused_in_one_line(arguments, cli, tmp_path):
    (tmp_path / "file").touch()
    status, _, err = cli(*(word.format(file=tmp_path / "file") for word in arguments))
    assert (status, err.count("\n")) == (2, 1), err
    assert arguments[-1].partition("=")[2].format(file=tmp_path / "file") in err
    assert "choose another hydra.run.dir" in err


def test_a_missing_file_in_a_run_is_no_place_of_hydra(cli, monkeypatch):
    monkeypatch.setattr("benchmark.__main__.run", lambda *_: Path("/nowhere").read_text())
    with pytest.raises(FileNotFoundError, match="/nowhere"):
        cli("task=opinion")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["engine.run_minutes=-3"], "engine.run_minutes=-3.0: must be above 0"),
        (["-m", "engine.run_minutes=-3"], "engine.run_minutes=-3.0: must be above 0"),
        (["-m", "tracker=wandb", "tracker.mode=bad"], "unknown mode 'bad'"),
        (["-m", "protocol.selection=bets,best"], "did you mean 'best'?"),
    ],
)
def test_a_wrong_value_that_is_no_part_of_an_id_is_refused_though_the_run_is_there(
    arguments, said, cli, record_of, compose, tmp_path
):
    config = compose("task=opinion", *QUICK)
    Store(tmp_path / "store").open()
    Store(tmp_path / "store").add(record_of(config, {"validation": {"accuracy": 0.5}}), {})
    assert cli("task=opinion", *QUICK)[1].startswith("in the store: ")
    status, _, err = cli(*arguments, "task=opinion", *QUICK)
    assert (status, err.count("\n")) == (2, 1), err
    assert said in err


def test_what_a_path_is_refused_with_is_told_in_one_line_that_can_be_read(tmp_path):
    with pytest.raises(OSError, match="too long") as refused:
        (tmp_path / ("x" * 3000)).stat()
    line = one_line(refused.value)
    assert line.endswith("xxx: File name too long")
    assert len(line) < 1100
    assert one_line(OSError("of no path")) is None


REPRODUCE = [
    (["noisytune/table22"], ["noisytune/table22", "did you mean 'noisytune/table2'?"]),
    (["demo/noisytune", "seed=range(1,1)"], ["seed=range(1,1)", "no value"]),
    (["demo/noisytune", "seed=abc"], ["seed=abc", "whole number"]),
    (["demo/noisytune", "task=glob(*)"], ["task=glob(*)", "name the values"]),
    (["demo/noisytune", "task=opinions"], ["opinions", "did you mean 'opinion'?"]),
    (["demo/noisytune", "model=embeded"], ["embeded", "did you mean 'embedded'?"]),
    (["demo/noisytune", "protocol.epoch=1"], ["protocol.epoch", "did you mean 'epochs'?"]),
]


@pytest.mark.parametrize(
    ("arguments", "said"), [pytest.param(*case, id=" ".join(case[0])) for case in REPRODUCE]
)
def test_reproduce_refuses_a_bad_input_in_one_line_that_names_it(arguments, said, reproduce, tmp_path):
    status, _, err = reproduce(*arguments)
    assert err.count("\n") == 1, err
    assert [part for part in said if part not in err] == [], err
    assert status == 2
    assert list(tmp_path.iterdir()) == []


NARROW = ("demo/noisytune", "seed=1", "task=opinion")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["method=[noisytune]", "method.noisytune.intensity=-1"], "intensity=-1"),
        (["method=[]", "protocol.optimizer=adamm"], "did you mean 'adamw'?"),
        (["method=[]", "data.count=-1"], "data.count=-1"),
        (["method=[]", "--workers", "-1"], "--workers -1"),
        (["method=[]", "--workers", "0", *QUICK], "--workers 0"),
    ],
)
def test_reproduce_refuses_a_bad_value_before_the_first_run(arguments, said, reproduce, tmp_path):
    status, _, err = reproduce(*NARROW, *arguments)
    *plan, refusal = err.splitlines()
    assert len(plan) <= 1, err
    assert said in refusal
    assert status == 2
    assert not list(tmp_path.glob("store/*"))


def test_a_store_that_cannot_be_written_to_is_refused_by_name(cli, tmp_path):
    (tmp_path / "file").write_text("")
    status, _, err = cli(f"store='{tmp_path / 'file'}'")
    assert (status, err.count("\n")) == (2, 1)
    assert f"store={tmp_path / 'file'}" in err


def test_reproduce_refuses_a_store_that_cannot_be_written_to_by_name(reproduce, tmp_path):
    (tmp_path / "file").write_text("")
    status, _, err = reproduce(*NARROW, f"store='{tmp_path / 'file'}'")
    assert (status, err.count("\n")) == (2, 2)
    assert f"store={tmp_path / 'file'}" in err


@pytest.mark.parametrize("device", ["cuda:99", "cudaa"])
def test_a_device_that_is_not_there_is_refused_by_name(device, cli):
    status, _, err = cli(f"device={device}")
    assert (status, err.count("\n")) == (2, 1)
    assert f"device={device}: not available here" in err


def test_a_checkpoint_that_is_not_there_is_named_with_how_to_get_it(cli):
    status, _, err = cli("model=roberta_base")
    assert (status, err.count("\n")) == (2, 1)
    assert "model 'roberta_base'" in err
    assert "hf download FacebookAI/roberta-base" in err


def test_a_run_without_its_checkpoint_is_kept_as_a_failure_and_not_as_a_record(cli, tmp_path):
    cli("model=roberta_base")
    assert len(list((tmp_path / "store" / "failures").iterdir())) == 1
    assert not list((tmp_path / "store").rglob("record.json"))


def test_data_that_are_not_there_are_named_with_how_to_get_them(cli):
    status, _, err = cli("task=rte", "task.repo=nobody/nothing")
    assert (status, err.count("\n")) == (2, 1)
    assert "'nobody/nothing'" in err
    assert "hf download nobody/nothing --repo-type dataset --include 'rte/*'" in err


def test_a_split_that_is_not_in_the_cache_is_named_with_how_to_get_it(cli, hub):
    status, _, err = cli("model=embedded", "task=mnli")
    assert (status, err.count("\n")) == (2, 1)
    assert "mnli/train of nyu-mll/glue" in err
    assert "hf download nyu-mll/glue --repo-type dataset --include 'mnli/*'" in err


def test_data_without_known_labels_cannot_be_trained_on(cli, hub):
    status, _, err = cli("task=rte", "task.train.split=test")
    assert (status, err.count("\n")) == (2, 1)
    assert "rte/test, column 'label': no row has a gold label to learn from" in err


def test_more_examples_than_there_are_is_refused_by_the_number_there_is(cli):
    status, _, err = cli("task=opinion", "data.count=100000")
    assert (status, err.count("\n")) == (2, 1)
    assert "data.count=100000: the training set has only" in err


def test_a_grid_goes_on_after_a_run_that_fails(cli):
    status, out, err = cli("-m", "model=roberta_base,embedded", *QUICK)
    assert status == 1
    assert err.startswith("failed     model=roberta_base")
    assert "embedded opinion [] seed=1" in out


def test_a_run_says_its_scores_and_is_told_again_from_the_store(cli):
    status, first, _ = cli(*QUICK)
    told = first.removeprefix("finished").split()
    assert status == 0
    assert "validation/accuracy" in told
    status, again, errors = cli(*QUICK)
    assert (status, errors) == (0, "")
    assert again.removeprefix("in the store:").partition("  (finished ")[0].split() == told


def test_a_run_does_not_write_into_the_hub_cache(cli, tmp_path, monkeypatch):
    import evaluate

    (tmp_path / "read-only").write_text("")
    monkeypatch.setattr(evaluate.config, "HF_METRICS_CACHE", str(tmp_path / "read-only" / "metrics"))
    status, _, err = cli(*QUICK)
    assert (status, err) == (0, "")


def test_help_names_every_group_and_how_to_choose(cli):
    status, out, _ = cli("--help")
    assert status == 0
    for group in ("model:", "task:", "method:", "protocol:", "data:"):
        assert group in out
    for choice in ("embedded", "opinion", "noisytune", "demo", "1k", "+sweeps=demo/noisytune"):
        assert choice in out


@pytest.mark.parametrize("words", [["benchmark", "--help"], ["benchmark.plan", "demo/noisytune"]])
def test_nothing_is_said_to_a_reader_that_is_gone(words):
    line = f"{shlex.join([sys.executable, '-m', *words])} | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", line], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == (f"{UNREAD}\n", "")


@pytest.mark.parametrize(
    "words",
    [
        ["benchmark.reproduce", "--help"],
        ["benchmark.reproduce", "demo/noisytune", "--report-only"],
        ["benchmark.methods"],
    ],
)
def test_a_terminal_without_the_signs_shows_question_marks(words, tmp_path):
    places = (
        [f"store={tmp_path}/store", "--output", f"{tmp_path}/tables"] if words[-1] == "--report-only" else []
    )
    ascii_only = os.environ | {"PYTHONIOENCODING": "ascii"}
    done = subprocess.run(
        [sys.executable, "-m", *words, *places], cwd=ROOT, env=ascii_only, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert b"Traceback" not in done.stderr
    assert b"?" in done.stdout


@pytest.mark.parametrize("words", [["benchmark", "task=opinion"], ["benchmark.plan", "demo/noisytune"]])
def test_python_without_asserts_is_refused(words):
    line = [sys.executable, "-OO", "-m", *words]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert (
        done.stderr == "error: python -O (PYTHONOPTIMIZE) is not supported, for Hydra cannot work with it\n"
    )


def test_help_of_reproduce_names_every_table(reproduce):
    status, out, _ = reproduce("--help")
    assert status == 0
    assert "demo/noisytune" in out
    assert "noisytune/table2" in out


def test_a_record_that_was_damaged_is_made_again_with_a_warning(cli, tmp_path):
    first = cli(*QUICK)
    store = Store(tmp_path / "store")
    path = next(store.folder.glob("*/record.json"))
    path.write_text("{")
    status, out, err = cli(*QUICK)
    assert (status, out) == (0, first[1])
    assert str(path.parent) in err


def test_a_run_that_is_there_says_so_with_when_and_where_it_was_made(cli):
    status, first, _ = cli("task=opinion", *QUICK)
    assert (status, first.split()[0]) == (0, "finished")
    status, again, _ = cli("task=opinion", "device=cpu", *QUICK)
    assert status == 0
    assert again.startswith("in the store: ")
    assert first.split()[1] in again  # the device is no part of an id
    assert processor() in again
    status, _, err = cli("task=opinion", "device=cuda:99", *QUICK)
    assert status == 2
    assert err.startswith("error: device=cuda:99: not available here")
