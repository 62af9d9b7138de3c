"""A run is a pure function of its configuration, and leaves a record whatever happens."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import benchmark.runs.run
from benchmark.config.identity import run_id
from benchmark.config.schema import RunConfig, as_json
from benchmark.errors import BenchmarkError
from benchmark.models import pretrained
from benchmark.models.special_tokens import noted
from benchmark.records.lease import LEASES, Lease
from benchmark.records.record import Record
from benchmark.records.store import Store
from benchmark.runs import memory
from benchmark.runs.finished import drop_snapshots
from benchmark.runs.result import NOT_IN_RECORD
from benchmark.runs.run import Run, assemble, run
from benchmark.training import captures
from helpers.rates import any_rate

Config = RunConfig
Tiny = Callable[..., Config]


def evidence(config: Config) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """What two runs of one configuration must share: everything but times."""
    record = run(Run(config))
    stored = record.to_json()
    kept = {key: stored[key] for key in ("status", "scores", "curve", "examples", "model", "data")}
    return kept, Store(config.store).arrays(record.run_id)


def same(ours: tuple[Any, dict[str, np.ndarray]], theirs: tuple[Any, dict[str, np.ndarray]]) -> bool:
    return ours[0] == theirs[0] and all(np.array_equal(ours[1][key], theirs[1][key]) for key in ours[1])


def elsewhere(config: Config, folder: Path) -> Config:
    return replace(config, store=str(folder))


def test_a_configuration_always_gives_the_same_record(tiny: Tiny, tmp_path: Path) -> None:
    config = tiny("method=[noisytune]")
    alone = evidence(elsewhere(config, tmp_path / "alone"))
    run(Run(elsewhere(tiny("seed=2"), tmp_path / "after")))
    assert same(alone, evidence(elsewhere(config, tmp_path / "after")))


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("protocol.selection=validatoin", "did you mean 'validation'"),
        ("snapshot_minutes=-1", "snapshot_minutes=-1"),
        ("device=gpu", "device=gpu: not available here; valid: auto, cpu, cuda"),
        ("device=tpu", "device=tpu: not available here; valid: auto, cpu, cuda"),
        ("cache=/dev/null", "cache=/dev/null: /dev/null is a file"),
        ("+tracker={_target_: benchmark.runs.tracking.WandB, mode: bad}", "unknown mode 'bad'"),
        ("replay=true", "replay=true needs a GPU"),
    ],
)
def test_a_wrong_value_is_refused_though_its_run_is_in_the_store(
    override: str, said: str, compose: Tiny, record_of: Callable[..., Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    config, wrong = compose("device=cpu"), compose("device=cpu", override)
    wrong.cache = "/dev/null" if override.startswith("cache") else config.cache
    assert run_id(wrong) == run_id(config)
    Store(config.store).open()
    Store(config.store).add(record_of(config, {"validation": {"accuracy": 0.5}}), {})
    assert run(Run(config)).status == "finished"
    with pytest.raises(BenchmarkError, match=said):
        run(Run(wrong))


def test_lambda_zero_is_plain_fine_tuning_bit_for_bit(tiny: Tiny) -> None:
    plain = evidence(tiny())
    nothing = evidence(tiny("method=[noisytune]", "method.noisytune.intensity=0"))
    assert same(plain, nothing)
    assert not same(plain, evidence(tiny("method=[noisytune]")))


def test_a_method_changes_neither_the_batches_nor_the_head_nor_the_subset(
    tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    from benchmark.models import pretrained
    from benchmark.training import course

    seen: list[Any] = []
    load, batches = pretrained.load, course.batches

    def loaded(*arguments: Any) -> Any:
        model = load(*arguments)
        seen.append(model.classifier.weight.tolist())
        return model

    def drawn(*arguments: Any, **named: Any) -> Any:
        order = list(batches(*arguments, **named))
        seen.append(order)
        return iter(order)

    monkeypatch.setattr(pretrained, "load", loaded)
    monkeypatch.setattr(course, "batches", drawn)
    subsets = [evidence(config)[1]["subset"].tolist() for config in (tiny(), tiny("method=[noisytune]"))]
    assert seen[:2] == seen[2:]
    assert subsets[0] == subsets[1]


def test_a_model_knows_the_special_tokens_of_its_tokenizer(tiny: Tiny) -> None:
    """Methods that replace words leave them alone."""
    config = tiny("method=[word_dropout_mask]")
    model = assemble(Run(config)).training.model
    texts = pretrained.tokenizer(config.model, Path(config.cache))
    first, *_, last = texts("a")["input_ids"]
    assert noted(model).mask == texts.mask_token_id
    assert {first, last, texts.pad_token_id, texts.mask_token_id} <= {*noted(model).ids}


def test_a_finished_run_is_not_run_again(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    first = run(Run(tiny()))
    monkeypatch.setattr(benchmark.runs.run, "train", lambda *_: pytest.fail("trained again"))
    assert run(Run(tiny())) == first


def test_a_record_says_where_it_comes_from(tiny: Tiny) -> None:
    config = tiny("method=[noisytune]")
    record = run(Run(config, "python -m benchmark …"))
    assert record.run_id == run_id(config)
    assert record.environment["packages"].keys() >= {"torch", "transformers", "datasets"}
    assert set(record.environment["code"]) == {"commit", "dirty"}
    assert len(record.model.digest) == 64
    assert record.data.digests.keys() == {"opinion/train", "opinion/validation"}
    assert record.config["method"]["noisytune"]["intensity"] == 0.15


def test_a_record_says_what_the_run_took(tiny: Tiny) -> None:
    record = run(Run(tiny("method=[child_tuning_d]")))
    seconds, peak = record.seconds, record.memory.peak
    assert 0 < seconds.survey < seconds.train < seconds.total
    assert 0 < seconds.per_update < seconds.train
    assert peak is None or 0 < peak < 2_000_000_000


def test_predictions_of_every_evaluation_are_kept(tiny: Tiny) -> None:
    config = tiny("protocol.epochs=2")
    record = run(Run(config))
    arrays = Store(config.store).arrays(record.run_id)
    assert arrays["logits/validation"].shape == (2, 400, 2)
    answers = arrays["logits/validation"][-1].argmax(-1)
    accuracy = (answers == arrays["targets/validation"]).mean()
    assert record.scores["validation"]["accuracy"] == pytest.approx(accuracy)


def test_a_diverged_run_is_a_record_without_a_score(tiny: Tiny) -> None:
    with any_rate():
        record = run(Run(tiny("protocol.learning_rate=1e30", "protocol.epochs=100", "protocol.warmup=0")))
    assert (record.status, record.scores) == ("diverged", {})
    assert record.diverged_at > 0


def test_a_run_that_fails_leaves_what_failed_and_how_to_try_again(
    tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(this: Run, *_: Any) -> Any:
        raise RuntimeError("out of luck")

    monkeypatch.setattr(benchmark.runs.run, "train", broken)
    config = tiny()
    with pytest.raises(RuntimeError, match="out of luck"):
        run(Run(config, "python -m benchmark seed=1"))
    [failure] = Store(config.store).failures(run_id(config))
    assert failure.error == "RuntimeError: out of luck"
    assert failure.command == "python -m benchmark seed=1"
    assert "in broken" in failure.traceback
    assert 'File "benchmark/runs/run.py", line' in failure.traceback
    left_out = NOT_IN_RECORD
    stated = as_json(config)
    assert failure.config == {key: stated[key] for key in stated if key not in left_out}
    monkeypatch.undo()
    assert run(Run(config)).status == "finished"


def test_a_refused_configuration_leaves_nothing(tiny: Tiny) -> None:
    config = tiny("protocol.batch_size=0")
    with pytest.raises(BenchmarkError, match=r"protocol.batch_size=0"):
        run(Run(config))
    assert not Path(config.store).exists()


def test_a_device_that_is_not_there_is_named(tiny: Tiny) -> None:
    with pytest.raises(BenchmarkError, match="device=cuda:77"):
        run(Run(tiny("device=cuda:77")))


def test_playing_passes_again_needs_a_gpu(tiny: Tiny) -> None:
    with pytest.raises(
        BenchmarkError, match=r"replay=true needs a GPU, and this run is on cpu \(device=cpu\)"
    ):
        run(Run(tiny("replay=true", "device=cpu")))


def test_playing_passes_again_needs_passes_without_padding(tiny: Tiny) -> None:
    with pytest.raises(BenchmarkError, match="replay=true with packed=false"):
        run(Run(tiny("replay=true", "packed=false")))


@pytest.mark.parametrize(
    ("also", "said"),
    [
        ("protocol.micro_batch_size=4", r"protocol.micro_batch_size=4: only whole batches"),
        ("probe=[norm_change]", r"probe=\[norm_change\]: probes look into passes"),
    ],
)
def test_passes_that_could_never_be_played_are_refused(also: str, said: str, tiny: Tiny) -> None:
    with pytest.raises(BenchmarkError, match=f"replay=true with {said}"):
        run(Run(tiny("replay=true", also)))


@pytest.mark.parametrize(("device", "set_to"), [("cuda", None), ("cuda:1", 1)])
def test_a_gpu_that_is_named_is_the_one_that_is_used(
    device: str, set_to: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen: list[int] = []
    monkeypatch.setattr(torch, "empty", lambda *_, **__: None)
    monkeypatch.setattr(torch._C, "_cuda_setDevice", chosen.append, raising=False)
    assert benchmark.runs.run.choose_device(device) == torch.device(device)
    assert chosen == ([] if set_to is None else [set_to])


def test_a_run_whose_updates_are_replayed_is_the_same_run(tiny: Tiny) -> None:
    assert run_id(tiny("replay=true")) == run_id(tiny()) == run_id(tiny("replay=false"))


def test_a_record_is_strict_json(tiny: Tiny) -> None:
    config = tiny()
    path = Path(config.store) / run(Run(config)).run_id / "record.json"
    json.loads(path.read_text(), parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))


def test_real_fine_tuning_with_a_real_encoder(compose: Tiny, hub: Path) -> None:
    config = compose("model=minilm", "task=rte", "protocol=noisytune", "data.count=16", "protocol.epochs=1")
    config.protocol.max_length = 32
    record = run(Run(config))
    assert record.status == "finished"
    assert record.examples == {"train": 16, "validation": 277}
    assert record.model.id == "sentence-transformers/all-MiniLM-L6-v2"
    assert len(record.model.revision) == len(record.data.revision) == 40


def test_answers_that_are_no_numbers_are_no_score(tiny: Tiny) -> None:
    # The loss of the first updates is still finite when the weights they leave are not.
    with any_rate():
        record = run(Run(tiny("protocol.learning_rate=1e38", "protocol.warmup=0")))
    assert (record.status, record.scores) == ("diverged", {})


def test_a_record_does_not_say_where_it_was_stored(tiny: Tiny, tmp_path: Path) -> None:
    config = tiny()
    record = run(Run(config))
    assert str(tmp_path) not in json.dumps(record.to_json())


def test_a_signal_at_the_very_end_leaves_no_snapshot(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is heard once the record is written, and nobody asks for that run again."""

    @contextmanager
    def deferred() -> Iterator[None]:
        yield
        raise KeyboardInterrupt

    add = Store.add

    def late(store: Store, record: Any, arrays: Any) -> Any:
        snapshot = store.snapshot(record.run_id)
        snapshot.parent.mkdir(exist_ok=True)
        snapshot.touch()
        return add(store, record, arrays)

    monkeypatch.setattr(benchmark.runs.run.stopping, "deferred", deferred)
    monkeypatch.setattr(Store, "add", late)
    config = tiny()
    with pytest.raises(KeyboardInterrupt):
        run(Run(config))
    store = Store(config.store)
    assert store.find(run_id(config)) is not None
    assert not store.snapshot(run_id(config)).exists()


def test_the_snapshot_of_a_maker_that_was_killed_is_dropped_for_its_record_alone(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.open()
    done, other, held = ("a" * 16, "b" * 16, "c" * 16)
    store.snapshot(done).parent.mkdir()
    for name in (done, other, held):
        store.snapshot(name).touch()
    lease = Lease(tmp_path, LEASES, held)
    assert lease.take()
    drop_snapshots(store, {done, held})
    assert [store.snapshot(name).exists() for name in (done, other, held)] == [False, True, True]
    lease.release()


@pytest.mark.parametrize(
    ("overrides", "held", "asked"),
    [
        ([], True, [None, "memory freed", False]),
        ([], False, [None]),
        (["replay=false"], True, [False]),
    ],
    ids=["beside graphs", "without graphs", "graphs of others"],
)
def test_a_gpu_that_is_full_beside_graphs_is_tried_once_more_without(
    overrides: list[str],
    held: bool,
    asked: list[bool | str | None],
    tiny: Tiny,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    tried: list[bool | str | None] = []
    attempt = benchmark.runs.run.attempt

    def full(this: Run, *others: Any) -> Any:
        tried.append(this.config.replay)
        if len(tried) > 1:
            return attempt(this, *others)
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")

    monkeypatch.setattr(benchmark.runs.run, "attempt", full)
    monkeypatch.setattr(captures, "held", lambda: held)
    monkeypatch.setattr(memory, "release", lambda: tried.append("memory freed"))
    if len(asked) == 1:
        with pytest.raises(
            BenchmarkError, match=r"^CUDA out of memory \(asked for 20\.00 MiB\); free the GPU"
        ):
            run(Run(tiny(*overrides)))
        assert tried == asked
        return
    assert run(Run(tiny(*overrides))).status == "finished"
    assert tried == asked
    assert caplog.messages == [
        "CUDA out of memory: graphs take memory of their own; the run is tried again with replay=false"
    ]
