from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import fields, replace

import pytest
from omegaconf import OmegaConf

from benchmark.config.compose import ROOT, register, typed
from benchmark.config.identity import COUNTED, NAMED_BY, identity, run_id
from benchmark.config.schema import (
    DataConfig,
    ModelConfig,
    ProtocolConfig,
    RunConfig,
    SplitConfig,
    TaskConfig,
    as_json,
)
from benchmark.config.validation import validate
from benchmark.errors import BenchmarkError
from benchmark.runs.plugins import check_plugins

GROUPS = {"model": ModelConfig, "task": TaskConfig, "protocol": ProtocolConfig, "data": DataConfig}
COSMETIC = {
    ("model", "name"),
    ("model", "label"),
    ("task", "name"),
    ("task", "label"),
    ("task", "remark"),
    ("task", "translations"),  # the splits that are read from it count: tests/tasks/test_translations.py
    ("task", "settings"),  # the one that is chosen counts: tests/tasks/test_kinds.py
    ("data", "name"),
    ("protocol", "name"),
    ("protocol", "selection"),
    ("protocol", "report"),
    ("protocol", "values"),
}
KEYS = [
    (group, field.name) for group, kind in GROUPS.items() for field in fields(kind) if field.name != "setting"
]


def changed(config: RunConfig, group: str, key: str) -> RunConfig:
    split = SplitConfig("another", "another")
    value = {"train": split, "evaluate": {"another": split}}.get(key, "another value")
    return replace(config, **{group: replace(getattr(config, group), **{key: value})})


@pytest.mark.parametrize(("group", "key"), sorted(COSMETIC))
def test_names_labels_and_what_is_reported_do_not_change_a_run(group, key, compose):
    config = compose()
    assert run_id(changed(config, group, key)) == run_id(config)


@pytest.mark.parametrize(("group", "key"), [at for at in KEYS if at not in COSMETIC])
def test_whatever_else_a_group_says_makes_another_run(group, key, compose):
    config = compose()
    assert run_id(changed(config, group, key)) != run_id(config)


@pytest.mark.parametrize(
    "override",
    ["store=elsewhere", "cache=elsewhere", "device=cpu", "protocol.report.opinion=[f1]"],
)
def test_where_a_run_happens_does_not_change_it(override, compose):
    assert run_id(compose(override)) == run_id(compose())


def test_an_id_has_the_parts_that_are_counted(compose):
    every = identity(compose("probe=[norm_change]", "seeds.head=7", "packed=false"))
    assert {*COUNTED, "schema"} == every.keys()


@pytest.mark.parametrize(
    "override",
    [
        "seed=2",
        "task=comparison",
        "model=minilm",
        "data.count=64",
        "data=1k",
        "protocol=noisytune",
        "protocol.learning_rate=2e-3",
        "protocol.precision=bfloat16",
        "method=[noisytune]",
    ],
)
def test_what_is_run_makes_another_run(override, compose):
    assert run_id(compose(override)) != run_id(compose())


def test_a_hyper_parameter_of_a_method_makes_another_run(compose):
    other = compose("method=[noisytune]", "method.noisytune.intensity=0.2")
    assert run_id(other) != run_id(compose("method=[noisytune]"))


@pytest.mark.parametrize("split", ["train", "evaluate"])
@pytest.mark.parametrize(
    ("key", "value"), [("repo", None), ("text", []), ("target", None), ("label_map", {}), ("fold", {})]
)
def test_what_a_split_may_say_does_not_rename_the_runs_in_which_it_does_not(split, key, value, compose):
    config = compose()
    part = config.task.train if split == "train" else config.task.evaluate["validation"]
    assert getattr(part, key) == value
    assert key not in json.dumps(identity(config)["task"][split])
    setattr(part, key, "something")
    assert run_id(config) != run_id(compose())


PINNED = {  # ids of schema 3, one for every group of options: they change with SCHEMA alone
    "protocol=noisytune model=bert_base_uncased task=rte": "86f5337872e872d0",
    "": "33fdb7aa74c87256",
    "model=minilm": "76cf9cf399e38865",
    "model=embedded_multilingual task=entities": "526d7796fbb2244b",
    "task=xnli task.languages=[de,sw] task.setting=translate_train_all": "f0fc0a8bc48a9c25",
    "task=sst2 data=1k": "f42187f16af2d280",
    "data.share=0.5 data.subset_seed=3": "ef5c5c8b58a92ba4",
    "protocol=pats task=cola": "bb3683327acb23e6",
    "protocol.optimizer=adamax protocol.micro_batch_size=8 protocol.precision=bfloat16": "abb7e5f21cf45fec",
    "method=[noisytune]": "85c714bf17ea844a",
    "method=[child_tuning_f,sage] method.sage.beta=0.5": "831cf96f3cfa8cba",
    "probe=[linear_probe_embedded,norm_change,sensitivity]": "e2541985c2cc914a",
    "seed=7 threads=2": "e914be3a6c9837cc",
    "seed=7 seeds.order=3 seeds.noise=7": "867ba0d34f0f34d4",
    "packed=false": "2342b6a09b5a96e1",
    "replay=true": "33fdb7aa74c87256",  # the bits are those of an update that is computed
}


@pytest.mark.parametrize(("overrides", "pinned"), PINNED.items())
def test_a_run_keeps_its_id(overrides, pinned, compose):
    assert run_id(compose(*overrides.split())) == pinned


def test_ids_of_an_earlier_schema_can_still_be_told(compose):
    config = compose("protocol=noisytune", "model=bert_base_uncased", "task=rte")
    assert run_id(config, 2) == "2c276d267168ad77"


def test_code_of_ours_may_live_anywhere_in_the_package(compose):
    overrides = "method=[noisytune]", "probe=[norm_change]"
    config, moved = compose(*overrides), compose(*overrides)
    moved.method["noisytune"]["_target_"] = "benchmark.elsewhere.NoisyTune"
    moved.probe["norm_change"]["_target_"] = "benchmark.elsewhere.deep.NormChange"
    moved.model.builder = "benchmark.elsewhere.encoder.build"
    moved.task.builder = "benchmark.elsewhere.tasks.build"
    assert run_id(moved) == run_id(config)


@pytest.mark.parametrize("target", ["theirs.NoisyTune", "theirs.other.NoisyTune"])
def test_a_class_of_somebody_elses_counts_by_where_it_is(target, compose):
    config, other = compose("method=[noisytune]"), compose("method=[noisytune]")
    other.method["noisytune"]["_target_"] = target
    assert run_id(other) != run_id(config)
    assert target in json.dumps(identity(other))


def test_no_two_pieces_of_code_of_ours_have_one_name_in_ids():
    paths: dict[str, set[str]] = {}
    for file in (ROOT / "conf").rglob("*.yaml"):
        for key, path in re.findall(
            r"^(_target_|builder): (benchmark[.\w]+)$", file.read_text(), re.MULTILINE
        ):
            paths.setdefault(path.split(".")[NAMED_BY[key]], set()).add(path)
    assert len(paths) > 20
    assert [several for several in paths.values() if len(several) > 1] == []


def test_the_order_of_methods_does_not_change_a_run(compose):
    one = compose("method=[noisytune,noisytune_gaussian]")
    other = compose("method=[noisytune_gaussian,noisytune]")
    assert run_id(one) == run_id(other)


@pytest.mark.parametrize(("one", "other"), [("1", "1.0"), ("1.0", "1e0"), ("0.5", "5e-1")])
def test_two_spellings_of_a_number_are_the_same_run(one, other, compose):
    ids = {run_id(compose(f"protocol.epochs={number}", f"data.count={64}")) for number in (one, other)}
    assert len(ids) == 1


def test_a_whole_number_where_a_method_takes_a_fraction_is_the_same_run(compose):
    one, other = (compose("method=[noisytune]", f"method.noisytune.intensity={x}") for x in ("1", "1.0"))
    assert run_id(one) == run_id(other)


def test_true_is_not_one(compose):
    config = compose("method=[noisytune]")
    one, true = (replace(config, method={"noisytune": {"intensity": value}}) for value in (1, True))
    assert run_id(one) != run_id(true)


def test_a_run_is_called_by_sixteen_hex_digits(compose):
    assert len(f"{int(run_id(compose()), 16):016x}") == len(run_id(compose())) == 16


def test_a_configuration_that_went_through_json_is_the_same_run(compose):
    config = compose("method=[noisytune]")
    stored = json.loads(json.dumps(as_json(config)))
    assert run_id(typed(OmegaConf.create(stored))) == run_id(config)


def test_values_that_are_missing_are_named():
    register()
    with pytest.raises(BenchmarkError, match=r"no value for data\.name, .*protocol\.learning_rate"):
        typed(OmegaConf.structured(RunConfig))


REFUSED = [
    ("protocol.optimizer=adamm", "protocol.optimizer 'adamm'; did you mean 'adamw'?"),
    ("protocol.schedule=linaer", "protocol.schedule 'linaer'; did you mean 'linear'?"),
    ("protocol.precision=float23", "protocol.precision 'float23'; did you mean 'float32'?"),
    ("protocol.selection=bets", "protocol.selection 'bets'; did you mean 'best'?"),
    ("protocol.learning_rate=0", "protocol.learning_rate=0.0: must be above 0"),
    ("protocol.learning_rate=-1e-3", "protocol.learning_rate=-0.001: must be above 0"),
    ("protocol.epochs=-1", "protocol.epochs=-1.0: must be above 0"),
    ("protocol.epochs=null", "protocol.epochs=None and protocol.steps=None: give one of them"),
    ("protocol.steps=100", "protocol.epochs=5.0 and protocol.steps=100: give one of them"),
    (
        "+task.evaluate.validation.label_map={yes: favorable}",
        "unknown label 'favorable' in task 'opinion', task.evaluate.validation.label_map; did you mean 'favourable'?",
    ),
    (
        "+task.evaluate.validation.fold={other: favourable}",
        "unknown label 'other' in task 'opinion', task.evaluate.validation.fold",
    ),
    ("protocol.batch_size=0", "protocol.batch_size=0: must be at least 1"),
    ("protocol.max_length=-8", "protocol.max_length=-8: must be at least 3"),
    ("protocol.evaluations_per_epoch=-1", "protocol.evaluations_per_epoch=-1: must be at least 0"),
    ("protocol.weight_decay=-0.01", "protocol.weight_decay=-0.01: must be at least 0"),
    ("protocol.warmup=-0.1", "protocol.warmup=-0.1: must be at least 0"),
    ("protocol.max_grad_norm=-1", "protocol.max_grad_norm=-1.0: must be at least 0"),
    ("data.count=0", "data.count=0: must be above 0"),
    ("data.count=-5", "data.count=-5: must be above 0"),
    ("data.share=0", "data.share=0.0: a share lies above 0 and up to 1"),
    ("data.share=1.5", "data.share=1.5: a share lies above 0 and up to 1"),
    ("task.builder=null", "task 'opinion': give either task.repo or task.builder"),
    ("task.repo=nyu-mll/glue", "task 'opinion': give either task.repo or task.builder"),
    ("model.builder=null", "model 'embedded': give either model.id or model.builder"),
    ("model.id=bert", "model 'embedded': give either model.id or model.builder"),
    (
        "+method.mine={strength: 1}",
        "method.mine: expected a mapping with `_target_`; method=[mine] chooses it, if conf/method/ has its file",
    ),
    ("+method.mine=1", "method.mine: expected a mapping with `_target_`"),
    ("+method.mine={_target_: no.such.Thing}", "method.mine._target_=no.such.Thing"),
    ("+method.mine={_target_: pathlib.Path}", "method.mine._target_=pathlib.Path: is not imported"),
    (
        "+method.mine={_target_: benchmark.records.store.Store}",
        "method.mine._target_=benchmark.records.store.Store: not a benchmark.methods.Method",
    ),
]


def check(config):
    validate(config)
    check_plugins(config)


@pytest.mark.parametrize(("override", "line"), REFUSED, ids=[override for override, _ in REFUSED])
def test_a_value_out_of_range_is_refused_by_its_key(override, line, compose):
    with pytest.raises(BenchmarkError) as caught:
        check(compose(override))
    assert line in str(caught.value)


def test_a_number_of_steps_is_at_least_one(compose):
    with pytest.raises(BenchmarkError, match=r"protocol\.steps=0: must be at least 1"):
        validate(compose("protocol.epochs=null", "protocol.steps=0"))


def test_a_training_set_is_scored_once(compose):
    config = compose("task.score_training=true", "+task.evaluate={train: {config: opinion, split: train}}")
    with pytest.raises(BenchmarkError, match=r"task\.evaluate has a set called 'train' already"):
        validate(config)


def test_both_a_count_and_a_share_of_the_data_are_refused(compose):
    with pytest.raises(BenchmarkError, match=r"data\.count=64 and data\.share=0\.5: give one of them"):
        validate(compose("data.count=64", "data.share=0.5"))


@pytest.mark.parametrize(
    "override",
    [
        "protocol.micro_batch_size=-1",
        "protocol.betas=[0.9]",
        "protocol.betas=[0.9,1.5]",
        "protocol.epsilon=-1",
        "protocol.warmup=1.5",
        "protocol.learning_rate=nan",
        "threads=0",
    ],
)
def test_a_meaningless_value_is_refused_before_anything_is_trained(override, compose):
    with pytest.raises(BenchmarkError, match=override.partition("=")[0]):
        validate(compose(override))


HEAVY = "print('imported', sorted({'torch', 'transformers', 'datasets'} & set(sys.modules)))"


def python(code: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; {code}; {HEAVY}", *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        timeout=120,
    )
    return done.stdout + done.stderr


def test_a_run_that_is_in_the_store_is_told_without_torch_or_transformers(compose, record_of):
    from benchmark.records.disk import make_writable
    from benchmark.records.store import Store

    config = compose("method=[noisytune]", "seed=3")
    store = Store(config.store)
    make_writable("store", store.folder)
    store.add(record_of(config, {"validation": {"accuracy": 0.875}}), {})
    said = python(
        "from benchmark.__main__ import command_line; command_line()",
        "method=[noisytune]",
        "seed=3",
        f"store='{config.store}'",
    )
    assert "validation/accuracy 87.50" in said
    assert "imported []" in said


def test_a_table_is_planned_without_torch_or_transformers(tmp_path):
    said = python(
        "from benchmark.reproduce import main; main(sys.argv[1:])",
        "demo/noisytune",
        "--plan",
        f"store='{tmp_path}'",
        "seed=1",
        "task=opinion",
    )
    assert "2 runs" in said
    assert "imported []" in said
