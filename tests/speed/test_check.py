"""The speed command on the device and in the precision that it is asked for; what a GPU needs is played by stand-ins."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from benchmark.config.schema import RunConfig
from benchmark.engines import machine
from benchmark.grids import grid
from benchmark.records.record import Seconds
from benchmark.runs.run import Run
from benchmark.speed import __main__ as speed
from benchmark.speed import costs, limit, markdown, side_by_side
from benchmark.speed.conditions import VISIBLE, Conditions, conditions, visible_gpu
from benchmark.speed.sides import ours, trainer
from benchmark.speed.subjects import load
from benchmark.speed.timing import GRID, OURS, PLAIN, Amount, Timing, Took
from benchmark.testing.fixtures import small_task, tiny_model
from helpers.sides import CPU, HERE, SUMMARY, sides

GPU = torch.device("cuda")
THREE = Amount(0, 1, 3)
ROUNDED = Conditions(CPU, "bfloat16", 1)
THERE = Conditions(GPU, "tf32", 4)


@pytest.fixture(autouse=True)
def gpus_seen_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    """A measurement hides all GPUs but one for good."""
    monkeypatch.setenv(VISIBLE, os.environ.get(VISIBLE, "0"))


def test_both_sides_round_alike_to_bfloat16() -> None:
    model, tokenizer, task = load("embedded", "opinion", 3, CPU)
    apart = speed.check_same_losses(model, task, sides(tokenizer, ROUNDED), THREE, ROUNDED.tolerance)
    assert 0 < apart < ROUNDED.tolerance
    for name, side in sides(tokenizer, ROUNDED).items():
        found, exact = (
            made(speed.without_dropout(model), task, THREE).losses
            for made in (side, sides(tokenizer, HERE)[name])
        )
        assert (found != exact).all(), name


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_limit_is_of_products_in_the_same_precision(
    precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kinds, multiply = set(), torch.mm
    monkeypatch.setattr(torch, "mm", lambda a, b: (kinds.update((a.dtype, b.dtype)), multiply(a, b))[1])
    limit.rate(tiny_model(), small_task(), 4, Conditions(CPU, precision, 1))
    assert kinds == {getattr(torch, precision)}


def test_a_clock_is_read_once_a_gpu_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[Any] = []
    monkeypatch.setattr(torch.cuda, "synchronize", events.append)
    clock = SimpleNamespace(perf_counter=lambda: events.append("read"))
    monkeypatch.setattr("benchmark.speed.conditions.time", clock)
    THERE.now()
    assert events == [GPU, "read"]
    HERE.now()
    assert events == [GPU, "read", "read"]


@dataclass(frozen=True)
class Watched(Conditions):
    """Conditions with a clock that goes on by 1000 seconds whenever it is read."""

    events: list[str] = field(default_factory=list)

    def now(self) -> float:
        self.events.append("clock")
        return 1000.0 * self.events.count("clock")


@pytest.mark.parametrize("name", ["ours", "theirs", "plain"])
def test_a_side_reads_the_clock_once_its_first_updates_are_made_and_after_every_block(name: str) -> None:
    model, tokenizer, task = load("embedded", "opinion", 2, CPU)
    here = Watched(CPU, "float32", 1)
    model.register_forward_hook(lambda module, *_: here.events.append("pass") if module.training else None)
    took = sides(tokenizer, here)[name](model, task, Amount(1, 2, 2))
    first = here.events.index("pass")
    assert here.events[first:] == ["pass", "clock", "pass", "pass", "clock", "pass", "pass", "clock"]
    assert took.update == 500


def test_trainer_is_free_to_choose_algorithms_that_our_runs_may_not() -> None:
    model, tokenizer, task = load("embedded", "opinion", 1, CPU)
    HERE.take_effect()
    asked = []
    model.register_forward_hook(lambda *_: asked.append(torch.are_deterministic_algorithms_enabled()))
    trainer(tokenizer, None, HERE)(model, task, Amount(0, 1, 1))
    assert asked == [False]
    assert torch.are_deterministic_algorithms_enabled()
    assert not torch.is_deterministic_algorithms_warn_only_enabled()


def test_a_task_has_as_many_updates_as_its_examples_fill() -> None:
    _, _, task = load("embedded", "opinion", 60, CPU)  # of 300 examples
    assert len(task.training) == 9 * 32
    assert speed.amounts(False, on_gpu=True)[1].total > speed.amounts(False, on_gpu=False)[1].total


@pytest.mark.parametrize(
    ("visible", "number", "left"),
    [(None, 0, "0"), (None, 2, "2"), ("3,5", 0, "3"), ("3,5", 1, "5"), ("3,5", 2, ""), ("", 0, "")],
)
def test_one_gpu_is_left_of_those_that_are_seen(visible: str | None, number: int, left: str) -> None:
    assert visible_gpu(visible, number) == left


def test_the_device_that_is_asked_for_is_the_only_one_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "benchmark.speed.conditions.choose_device", lambda name: {"auto": GPU, "cuda": GPU, "cpu": CPU}[name]
    )
    for name, seen in {"cpu": "3,5", "cuda:1": "5", "auto": "3", "cuda": "3"}.items():
        monkeypatch.setenv(VISIBLE, "3,5")
        here = conditions(name, "float32", 2)
        assert (here.on_gpu, os.environ[VISIBLE]) == (name != "cpu", seen)


@pytest.mark.parametrize(("cores", "runs"), [(3, 3), (16, 8)])
def test_a_grid_on_a_gpu_is_as_many_runs_as_a_sweep_makes_at_a_time(
    cores: int, runs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)))
    cell: Any = SimpleNamespace(config=RunConfig(threads=1, device="auto"))
    assert side_by_side.at_once(THERE) == machine.default_workers([cell]) == runs
    assert side_by_side.at_once(Conditions(CPU, "float32", 3)) == 3


def test_runs_are_started_under_the_same_conditions(monkeypatch: pytest.MonkeyPatch) -> None:
    configs = []

    def started(this: Run) -> Any:
        configs.append(this.config)
        return SimpleNamespace(seconds=Seconds(0.0, 0.0, 0.0, 0.0, 0.0, 0.0))

    monkeypatch.setattr("benchmark.runs.run.run", started)
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: None)
    assert all(seconds < 10 for seconds in costs.starts(THERE).values())
    for config in configs:
        assert (config.device, config.protocol.precision, config.threads) == ("cuda", "tf32", 4)


def test_methods_are_timed_under_the_same_conditions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "conf" / "method").mkdir(parents=True)
    for name in ("noisytune", "r3f"):
        (tmp_path / "conf" / "method" / f"{name}.yaml").touch()
    times = {None: 2.0, "noisytune": 3.0, "r3f": 5.0}

    def timed(
        model: Any, task: Any, amount: Amount, here: Conditions, method: dict[str, Any] | None = None
    ) -> Took:
        assert here == ROUNDED
        seconds = times[next(iter(method or {}), None)]
        made = ours(model, task, amount, here, method)
        return replace(made, stamps=[0.0, seconds * amount.size])

    monkeypatch.setattr("benchmark.speed.sides.ours", timed)
    monkeypatch.setattr(costs, "ROOT", tmp_path)
    monkeypatch.setattr(costs, "METHOD_TASK", "opinion")
    names = costs.method_names()
    assert dict(costs.methods("embedded", ROUNDED, names, rounds=1)) == {"noisytune": 1.5, "r3f": 2.5}


def figures(here: Conditions, runs: int) -> str:
    seconds = {
        OURS: [0.01],
        GRID: [0.005],
        "Trainer, dynamic padding": [0.02],
        "Trainer, padded to 128": [0.04],
    }
    seconds[PLAIN] = [0.02]
    timings = {"rte": Timing(40, 60, 100, 0.01, seconds, [10.0], apart=0.0004)}
    return markdown.markdown("minilm", here, runs, timings, {}, {})


def test_the_figures_of_a_gpu_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "A GPU's name")
    found = figures(THERE, 5)
    assert "minilm, batches of 32, tf32 on A GPU's name, torch" in found
    assert "rounds of 60 updates" in found
    assert "each after 40 that are not timed" in found
    assert "at most 0.0004 apart, where 0.002 is allowed for tf32 on a GPU" in found
    assert "A run alone has 4 threads of the host, as Trainer has." in found
    assert "A grid is 5 runs at once that share the GPU, of one thread each" in found
    assert "10 ms |" in found
    assert re.fullmatch(SUMMARY, found.splitlines()[-1])
    assert "A grid is 1 run at a time, of one thread each" in figures(THERE, 1)


def test_the_figures_of_a_cpu_speak_of_no_gpu() -> None:
    found = figures(ROUNDED, 2)
    assert "GPU" not in found
    assert "0.005 is allowed for bfloat16 on a CPU" in found
    assert "A run alone has 1 thread, as Trainer has. A grid is 2 runs at once, of one thread each" in found


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--device", "cuda:77"], "--device cuda:77: "),
        (["--device", "cpu", "--precision", "tf32"], "--precision tf32: a CPU has no TF32"),
    ],
)
def test_what_the_machine_lacks_is_named(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert speed.main(arguments) == 2
    assert message in capsys.readouterr().err


def test_a_device_of_another_kind_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        speed.main(["--device", "gpu"])
    assert "'gpu': choose from auto, cpu, cuda, cuda:N" in capsys.readouterr().err


def test_the_grid_of_60_has_60_runs() -> None:
    table, *changes = costs.GRID_OF_60
    assert len(grid.load(table, changes).runs) == 60
