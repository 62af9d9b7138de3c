"""A run that is interrupted continues to the same bits, and never from a snapshot that is not its own."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import PreTrainedModel

from benchmark.config.identity import run_id
from benchmark.config.schema import RunConfig
from benchmark.errors import BenchmarkError
from benchmark.records.store import Store
from benchmark.runs.failures import ERROR, GPU_FAULT, OUT_OF_MEMORY
from benchmark.runs.run import Run, run
from benchmark.training import snapshot
from benchmark.training.snapshot import Snapshot
from helpers.processes import forking

Config = RunConfig
METHODS = "method=[child_tuning_d,hype_n,pats]"


@pytest.fixture
def config(tiny: Callable[..., Config]) -> Config:
    """A run of eight updates with three methods, saved after every update."""
    return tiny(METHODS, "protocol.epochs=4", "snapshot_minutes=0")


def die_after(config: Config, updates: int) -> None:
    """Run ``config`` in this process, which is killed when the snapshot after ``updates`` is there."""
    take = Snapshot.take

    def deadly(self: Snapshot, progress: Any, *rest: Any) -> None:
        take(self, progress, *rest)
        if progress.done == updates:
            os.kill(os.getpid(), signal.SIGKILL)

    Snapshot.take = deadly  # type: ignore[method-assign]
    run(Run(config))


def killed(config: Config, updates: int) -> None:
    """Let a process begin ``config`` and be killed after ``updates``."""
    process = forking().Process(target=die_after, args=(config, updates))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL


def arrays_of(config: Config) -> dict[str, np.ndarray]:
    return Store(config.store).arrays(run_id(config))


def snapshots(config: Config) -> list[str]:
    return sorted(path.name for path in (Path(config.store) / "unfinished").glob("*"))


def test_a_run_that_was_killed_twice_continues_to_the_same_record(config: Config, tmp_path: Path) -> None:
    straight = replace(config, store=str(tmp_path / "straight"), snapshot_minutes=None)
    expected = run(Run(straight))
    assert expected.resumed == 0
    for updates in (3, 6):
        killed(config, updates)
        assert snapshots(config) == [f"{run_id(config)}.pt"]
        assert Store(config.store).find(run_id(config)) is None
    record = run(Run(config))
    assert record.resumed == 2
    for key in ("scores", "curve", "status", "config", "collapsed"):
        assert getattr(record, key) == getattr(expected, key)
    ours, theirs = arrays_of(config), arrays_of(straight)
    assert ours.keys() == theirs.keys()
    assert all(np.array_equal(ours[key], theirs[key]) for key in ours)
    assert snapshots(config) == []


def test_the_seconds_before_an_interruption_count(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    interrupt(config, monkeypatch, lambda saved: saved | {"seconds": saved["seconds"] + 1000.0})
    seconds = run(Run(config)).seconds
    assert seconds.train > 1000
    assert seconds.total > 1000


class Stopped(Exception):
    """Stands for the end of the process."""


def interrupt(
    config: Config,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[dict[str, Any]], dict[str, Any]] = lambda saved: saved,
) -> Path:
    """Stop ``config`` after five updates; ``change`` what its snapshot says. -> the snapshot"""
    state_of, take = snapshot.state_of, Snapshot.take

    def changed(*arguments: Any) -> dict[str, Any]:
        return change(state_of(*arguments))

    def stopping(self: Snapshot, progress: Any, *rest: Any) -> None:
        take(self, progress, *rest)
        if progress.done == 5:
            raise Stopped

    with monkeypatch.context() as patch:
        patch.setattr(snapshot, "state_of", changed)
        patch.setattr(Snapshot, "take", stopping)
        with pytest.raises(Stopped):
            run(Run(config))
    path = Store(config.store).snapshot(run_id(config))
    assert path.is_file()
    return path


def no_weights(saved: dict[str, Any]) -> dict[str, Any]:
    return saved | {"weights": {}}


def other_shapes(saved: dict[str, Any]) -> dict[str, Any]:
    return saved | {"weights": {name: torch.zeros(3) for name in saved["weights"]}}


def too_few_methods(saved: dict[str, Any]) -> dict[str, Any]:
    return saved | {"methods": saved["methods"][1:]}


def another_run(saved: dict[str, Any]) -> dict[str, Any]:
    return saved | {"run_id": "0" * 16}


def another_machine(saved: dict[str, Any]) -> dict[str, Any]:
    return saved | {"stamp": "{}"}


@pytest.mark.parametrize("change", [no_weights, other_shapes, too_few_methods, another_run, another_machine])
def test_a_snapshot_of_something_else_is_set_aside_and_the_run_begins_anew(
    change: Callable[[dict[str, Any]], dict[str, Any]],
    config: Config,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    path = interrupt(config, monkeypatch, change)
    assert run(Run(config)).resumed == 0
    assert "not a snapshot to continue from" in caplog.text
    [aside] = (Path(config.store) / "set-aside").glob(f"*/{path.name}")
    assert aside.stat().st_size > 0


class Malicious:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("executed",)


@pytest.mark.parametrize("content", [b"", b"nonsense", "half", "tensor", "malicious"])
def test_a_damaged_snapshot_is_set_aside_and_executes_nothing(
    content: bytes | str, config: Config, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = interrupt(config, monkeypatch)
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content == "half":
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    else:
        torch.save(torch.zeros(3) if content == "tensor" else {"run_id": Malicious()}, path)
    monkeypatch.chdir(tmp_path)
    assert run(Run(config)).resumed == 0
    assert not (tmp_path / "executed").exists()
    assert len(list((Path(config.store) / "set-aside").glob(f"*/{path.name}"))) == 1


def test_a_snapshot_that_cannot_be_written_costs_no_run(
    config: Config, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    assert run(Run(config)).status == "finished"
    assert "no snapshot could be written" in caplog.text


def test_nothing_is_saved_before_it_is_time_or_when_told_never(
    tiny: Callable[..., Config], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Snapshot, "take", lambda *_: pytest.fail("saved"))
    for minutes in ("10", "null"):
        run(Run(tiny("protocol.epochs=2", f"snapshot_minutes={minutes}", f"seed={len(minutes)}")))


def test_how_often_a_run_is_saved_is_no_part_of_what_it_is(tiny: Callable[..., Config]) -> None:
    assert len({run_id(tiny(f"snapshot_minutes={minutes}")) for minutes in ("0", "10", "null")}) == 1
    with pytest.raises(BenchmarkError, match="snapshot_minutes=-1"):
        run(Run(tiny("snapshot_minutes=-1")))


FULL = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
LOST = torch.AcceleratorError("CUDA error: unspecified launch failure")


@pytest.mark.parametrize(("error", "seen"), [(FULL, BenchmarkError), (LOST, torch.AcceleratorError)])
@pytest.mark.parametrize("step", ["load", "load_state_dict"])
def test_a_snapshot_that_the_gpu_cannot_take_stays_for_the_next_try(
    step: str,
    error: Exception,
    seen: type[Exception],
    config: Config,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    path = interrupt(config, monkeypatch)

    def fails(*_: Any, **__: Any) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(torch if step == "load" else PreTrainedModel, step, fails)
        with pytest.raises(seen, match=r"out of memory|launch failure"):
            run(Run(config))
    assert f"{path}: not continued from" in caplog.text
    assert not (Path(config.store) / "set-aside").exists()
    causes = [failure.cause for failure in Store(config.store).failures(run_id(config))]
    assert causes == [ERROR, OUT_OF_MEMORY if error is FULL else GPU_FAULT]  # the first is the interruption
    assert run(Run(config)).resumed == 1
