"""Runs share a GPU as far as their measured memory fits, and one that did not fit is made again alone."""

from __future__ import annotations

import copy
import multiprocessing
from collections import deque
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from benchmark.engines import machine, pool
from benchmark.engines.pool import Pool, job_to_repeat
from benchmark.engines.process import Order, RunOutcome, Said
from benchmark.engines.slots import CONTEXT, GIBIBYTE, MARGIN, GpuMemory, Job, Needs, Slots, choose
from benchmark.errors import BenchmarkError
from benchmark.records.record import Memory
from benchmark.records.token import Token
from benchmark.runs.resources import MOST

PROTOCOL = {"batch_size": 32, "micro_batch_size": None, "max_length": 128, "precision": "float32"}
TOKEN = Token("a store")
PLAIN = {"model": {"name": "m"}, "task": {"name": "t"}, "method": {}, "protocol": PROTOCOL}
WITH = PLAIN | {"method": {"rdrop": {}}}
OTHER = PLAIN | {"protocol": PROTOCOL | {"batch_size": 64}}


def test_nothing_is_known_before_a_like_run() -> None:
    needs = Needs()
    needs.learn(PLAIN, 1000)
    assert needs.of(OTHER) is None
    needs.learn(OTHER, None)  # it was on a CPU
    assert needs.of(OTHER) is None


def test_a_run_may_take_what_its_like_took_and_some_more() -> None:
    needs = Needs()
    needs.learn(PLAIN, 1000)
    needs.learn(PLAIN, 900)
    assert needs.of(PLAIN) == MARGIN * 1000


def test_another_method_may_take_twice_as_much_until_it_is_measured() -> None:
    needs = Needs()
    needs.learn(PLAIN, 1000)
    assert needs.of(WITH) == 2 * MARGIN * 1000
    needs.learn(WITH, 1500)
    assert needs.of(WITH) == MARGIN * 1500


def test_records_of_a_gpu_tell_what_runs_need() -> None:
    needs = Needs(
        [SimpleNamespace(config=c, memory=Memory(1, n)) for c, n in ((PLAIN, 500), (OTHER, None))]  # type: ignore[misc]
    )
    assert (needs.of(PLAIN), needs.of(OTHER)) == (MARGIN * 500, None)


def test_the_cores_have_room_for_a_number_of_runs() -> None:
    cores = Slots(2, taken={"a": None})
    assert cores.fit(None)
    cores.taken["b"] = None
    assert not cores.fit(None)


def test_a_gpu_has_room_for_as_many_runs_as_fit_in_its_free_memory() -> None:
    gpu = Slots(MOST, 0, memory=GpuMemory(10 * GIBIBYTE, 80 * GIBIBYTE))
    begun = 0
    while gpu.fit(2 * GIBIBYTE):
        gpu.taken[begun] = 2 * GIBIBYTE
        begun += 1
    assert begun * 2 * GIBIBYTE + (begun - 1) * CONTEXT <= 10 * GIBIBYTE
    assert begun == 3


def test_a_gpu_takes_no_more_runs_than_a_number() -> None:
    gpu = Slots(2, 0, memory=GpuMemory(10 * GIBIBYTE, 80 * GIBIBYTE), taken={"a": 1, "b": 1})
    assert not gpu.fit(1)


@pytest.mark.parametrize(
    ("taken", "need", "memory"),
    [(None, 1, 10), (1, None, 10), (1, 1, None)],
    ids=["beside a run that has all", "a run that wants all", "before the GPU was asked"],
)
def test_a_run_waits_for_the_whole_gpu(taken: int | None, need: int | None, memory: int | None) -> None:
    found = None if memory is None else GpuMemory(memory * GIBIBYTE, 80 * GIBIBYTE)
    gpu = Slots(MOST, 0, memory=found, taken={"a": taken})
    assert not gpu.fit(need)
    gpu.taken.clear()
    assert gpu.fit(need)


def test_the_emptiest_gpu_is_chosen() -> None:
    memory = GpuMemory(10 * GIBIBYTE, 80 * GIBIBYTE)
    full, busy, free = (Slots(2, 0, memory=memory, taken=dict.fromkeys(range(n), 1)) for n in (2, 1, 0))
    assert choose([full, busy, free], 1) is free
    assert choose([full, busy], 1) is busy
    assert choose([full, busy], None) is None


class Scripted:
    """In a worker's place: it notes what it is given, and says what a test wants."""

    all: ClassVar[list[Scripted]] = []

    def __init__(self, context: Any, environment: dict[str, str], gpu: int | None) -> None:
        self.connection, self.theirs = multiprocessing.Pipe()
        self.process = SimpleNamespace(terminate=self.terminate)
        self.terminated = 0
        self.orders: list[Order] = []
        self.stopped = False
        Scripted.all.append(self)

    def terminate(self) -> None:
        self.terminated += 1

    def give(self, order: Order) -> bool:
        self.orders.append(order)
        return not self.stopped

    def hear(self) -> Any:
        return self.connection.recv()

    def dismiss(self) -> None:
        self.stopped = True


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> tuple[Pool, deque[Job]]:
    """The workers of a GPU of 80 GiB, and ten runs that wait for them."""
    monkeypatch.setattr(Scripted, "all", [])
    monkeypatch.setattr(pool, "Worker", Scripted)
    waiting = deque(Job(SimpleNamespace(config=copy.deepcopy(PLAIN))) for _ in range(10))  # type: ignore[arg-type]
    return Pool(None, [Slots(MOST, 0)], 4, Needs(), TOKEN, "table"), waiting  # type: ignore[arg-type]


def says(worker: Scripted, workers: Pool, *messages: Any) -> list[tuple[Job, RunOutcome]]:
    found = []
    for message in messages:
        worker.theirs.send(message)
        found += list(workers.outcomes(0))
    return found


def test_the_first_run_is_alone_and_then_as_many_as_there_are_cores(gpu: tuple[Pool, deque[Job]]) -> None:
    workers, waiting = gpu
    workers.hand_out(waiting)
    assert [len(one.orders) for one in Scripted.all] == [1]
    first = Scripted.all[0]
    assert first.orders[0].room is None
    says(first, workers, GpuMemory(79 * GIBIBYTE, 80 * GIBIBYTE), RunOutcome(reserved=GIBIBYTE))
    workers.hand_out(waiting)
    assert [len(one.orders) for one in Scripted.all] == [2, 1, 1, 1]  # the first worker goes on
    assert {one.orders[-1].room for one in Scripted.all} == {round(MARGIN * GIBIBYTE)}


def test_a_run_that_did_not_fit_is_made_again_alone(gpu: tuple[Pool, deque[Job]]) -> None:
    workers, waiting = gpu
    workers.needs.learn(PLAIN, GIBIBYTE)
    workers.hand_out(waiting)
    memory = GpuMemory(79 * GIBIBYTE, 80 * GIBIBYTE)
    says(Scripted.all[0], workers, memory)
    workers.hand_out(waiting)
    one, two, *_ = Scripted.all
    ((job, outcome),) = says(one, workers, RunOutcome("out of memory", last=True))
    assert (job_to_repeat(job, outcome), one.stopped) == (Job(job.planned, alone=True), True)
    waiting.clear()
    waiting.append(Job(job.planned, alone=True))
    workers.hand_out(waiting)
    assert waiting  # the others go on
    for other in Scripted.all[1:]:
        says(other, workers, RunOutcome(reserved=GIBIBYTE))
    workers.hand_out(waiting)
    assert two.stopped  # it has nothing to do, and its context takes memory
    last = Scripted.all[-1]
    assert last.orders == [Order(job.planned, "table", TOKEN, None)]
    ((job, outcome),) = says(last, workers, RunOutcome("out of memory", last=True))
    assert job_to_repeat(job, outcome) is None


@pytest.mark.parametrize("failure", [None, "error", "refused", "late"])
def test_no_other_run_is_made_again(failure: str | None) -> None:
    assert job_to_repeat(Job(SimpleNamespace()), RunOutcome(failure)) is None  # type: ignore[arg-type]


def test_a_run_whose_process_died_is_made_once_more() -> None:
    job = Job(SimpleNamespace())  # type: ignore[arg-type]
    once = job_to_repeat(job, RunOutcome("crashed", last=True))
    assert once == replace(job, crashes=1)
    assert job_to_repeat(once, RunOutcome("crashed", last=True)) is None


@pytest.mark.parametrize("failure", ["elsewhere", "stopped", "store gone"])
def test_a_run_that_another_process_makes_or_that_was_stopped_has_not_failed(failure: str) -> None:
    job = Job(SimpleNamespace(), crashes=1)  # type: ignore[arg-type]
    assert job_to_repeat(job, RunOutcome(failure, last=True)) == job


def test_a_run_that_takes_too_long_is_stopped_once_and_has_failed(gpu: tuple[Pool, deque[Job]]) -> None:
    workers, waiting = gpu
    workers.minutes = 0.0
    workers.hand_out(waiting)
    says(Scripted.all[0], workers, GpuMemory(1, 1), Said(30, "a line"))
    assert Scripted.all[0].terminated == 1
    ((_, outcome),) = says(Scripted.all[0], workers, RunOutcome("stopped", last=True))
    assert (outcome.failure, outcome.error) == ("late", "it took more than 0 minutes")


def test_a_worker_that_is_gone_is_replaced(gpu: tuple[Pool, deque[Job]]) -> None:
    workers, waiting = gpu
    workers.hand_out(waiting)
    says(Scripted.all[0], workers, RunOutcome(reserved=1, last=True))
    workers.hand_out(waiting)
    assert [one.stopped for one in Scripted.all] == [True, False]
    says(Scripted.all[1], workers, RunOutcome(reserved=1))
    Scripted.all[1].stopped = True  # it died while it had nothing to do
    workers.hand_out(waiting)
    assert len(Scripted.all[2].orders) == 1


def test_what_many_runs_say_is_said_once(
    gpu: tuple[Pool, deque[Job]], caplog: pytest.LogCaptureFixture
) -> None:
    workers, waiting = gpu
    workers.hand_out(waiting)
    says(Scripted.all[0], workers, Said(30, "a line"), Said(30, "another"), Said(30, "a line"))
    assert caplog.messages == ["a line", "another"]


@pytest.mark.parametrize(
    ("count", "most", "shared", "line"),
    [
        (1, 8, True, "1 GPU: up to 8 runs at a time on each, as far as their measured memory fits, side by side (CUDA MPS)"),
        (2, 4, False, "2 GPUs: up to 4 runs at a time on each, as far as their measured memory fits, taking turns (no CUDA MPS)"),
        (2, 1, False, "2 GPUs: one run at a time on each"),
    ],
)  # fmt: skip
def test_one_line_says_how_gpus_are_used(count: int, most: int, shared: bool, line: str) -> None:
    assert machine.on_gpus(count, most, shared) == line


FORK = multiprocessing.get_context("fork")


def test_devices_are_not_mixed_in_a_grid() -> None:
    runs: Any = [SimpleNamespace(config=SimpleNamespace(device=device)) for device in ("cpu", "cuda")]
    with (
        pytest.raises(BenchmarkError, match="device=cpu,cuda: one device for all runs"),
        machine.places(FORK, runs, 2),
    ):
        pass
