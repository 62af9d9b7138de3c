"""A worker's runs are what they would be in processes of their own, whatever it did before."""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from benchmark.config.compose import ROOT
from benchmark.config.identity import run_id
from benchmark.config.schema import as_json
from benchmark.engines import process
from benchmark.engines.pool import job_to_repeat
from benchmark.engines.process import GROWTH, Message, Order, RunOutcome, Said, Worker, make_runs
from benchmark.engines.slots import Job
from benchmark.grids import grid
from benchmark.grids.grid import PlannedRun
from benchmark.records.disk import make_writable
from benchmark.records.store import Store
from benchmark.runs.failures import GPU_FAULT, OUT_OF_MEMORY
from benchmark.runs.gpu_memory import share_gpu
from helpers.processes import forking

CACHE = ROOT / ".cache"
QUICK = [
    "task=opinion",
    "data.count=32",
    "protocol.batch_size=16",
    "protocol.epochs=1",
    "protocol.schedule=constant",  # as SWA wants it
    f"cache='{CACHE}'",
    "seed=1",
]
METHODS = sorted(path.stem for path in (ROOT / "conf" / "method").glob("*.yaml"))
UNTIMED = ("status", "scores", "curve", "examples", "model", "data", "config")
STOPPED_AT_ONCE = """
import multiprocessing, os, signal, threading
from benchmark.engines.process import serve

threading.Thread.start = lambda thread: os.kill(os.getpid(), signal.SIGTERM)
ours, theirs = multiprocessing.Pipe()
serve(theirs, theirs, {}, None, 0)
print(ours.recv().failure)
"""
MEDDLER = """
import logging
import os
import random
import warnings
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import torch

from benchmark.methods import Method
from benchmark.training.captures import NotCapturedError, captured

leak = []
log = logging.getLogger("meddler")


@dataclass
class Meddler(Method):
    how: str = ""

    def attach(self, model, setting):
        getattr(self, self.how)(model)

    def gradient(self, update):
        if self.how == "chance":
            one = update.gradients[0]
            one.view(-1).put_(torch.tensor([0]), one.view(-1)[:1].clone())

    def meddle(self, model):
        os.environ["MEDDLED"] = "1"
        os.environ["HOME"] = "/nowhere"
        os.chdir("/")
        torch.set_num_threads(2)
        torch.set_default_dtype(torch.float64)
        torch.use_deterministic_algorithms(False)
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = True
        torch.manual_seed(3)
        random.seed(3)
        np.random.seed(3)
        logging.getLogger().setLevel(logging.CRITICAL)

    def draw(self, model):
        assert "MEDDLED" not in os.environ
        assert (torch.get_num_threads(), os.environ["HOME"]) == (1, HOME)
        assert torch.are_deterministic_algorithms_enabled()
        with torch.no_grad():
            weight = next(model.parameters())
            weight += 0.1 * torch.randn(weight.shape) + 0.1 * random.random() + 0.1 * np.random.rand()

    def full(self, model):
        raise torch.OutOfMemoryError(
            "CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 has a total capacity of 139.81 GiB of "
            "which 19.25 MiB is free. Including non-PyTorch memory, this process has 139.79 GiB memory in use."
        )

    def lost(self, model):
        error = torch.AcceleratorError("CUDA error: an illegal memory access was encountered\\nand more")

        def again(*_):
            raise error

        torch.cuda.is_initialized = lambda: True
        torch._C._cuda_clearCublasWorkspaces = torch.cuda.empty_cache = again
        raise error

    def capture(self, model):
        def impossible(*_, **__):
            raise RuntimeError("operation not permitted when stream is capturing")

        torch.cuda.stream, torch.cuda.graph = nullcontext, impossible
        torch.cuda.synchronize = lambda _: None
        with suppress(NotCapturedError), captured(None, None, SimpleNamespace(device_index=0), []):
            pass

    def wrong(self, model):
        raise ValueError("lost its way")

    def kill(self, model):
        os.kill(os.getpid(), 9)

    def grow(self, model):
        leak.append(torch.ones(100_000_000 // 4))

    def talk(self, model):
        shown = os.open(os.path.join(os.path.dirname(__file__), "shown"), os.O_CREAT | os.O_WRONLY)
        os.dup2(shown, 1)
        os.dup2(shown, 2)
        warnings.warn("a library warns")
        logging.getLogger("torch.fx").warning("a library logs")
        logging.getLogger("torch._dynamo").warning("a library logs on its own")
        log.warning("said in our words")

    def chance(self, model):
        pass
""".replace("HOME)", f"{os.environ.get('HOME')!r})")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder on the path, with a method that does what a method should not."""
    folder = tmp_path_factory.mktemp("worker")
    (folder / "meddler.py").write_text(MEDDLER)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        yield folder


@pytest.fixture
def worker(folder: Path) -> Iterator[Callable[..., Worker]]:
    """``worker()``: a new one, forked from the server that a grid's workers are."""
    made = []

    def new(gpu: int | None = None, growth: int = GROWTH) -> Worker:
        context = forking()
        made.append(Worker(context, {}, gpu, growth))
        return made[-1]

    yield new
    for one in made:
        one.process.kill()
        one.dismiss()


def runs(store: Path, methods: list[str], *overrides: str) -> dict[str, PlannedRun]:
    """By method, the shortest run with it; "" is none."""
    make_writable("store", store)
    chosen = ",".join(f"[{name}]" for name in methods)
    planned = grid.load("demo/methods", [*QUICK, f"method={chosen}", f"store='{store}'", *overrides]).runs
    return {"".join(one.config.method): one for one in planned}


def meddling(store: Path, how: str, seed: int = 1) -> PlannedRun:
    """A run with the method that meddles."""
    plain = runs(store, [""])[""]
    method = {"meddler": {"_target_": "meddler.Meddler", "how": how}}
    config = replace(plain.config, method=method, seed=seed)
    return replace(plain, config=config, run_id=run_id(config))


def heard(worker: Worker, planned: PlannedRun) -> list[Message]:
    """What ``worker`` says while it makes the run of ``planned``; the outcome is the last."""
    assert worker.give(Order(planned, None, Store(planned.config.store).open()))
    messages: list[Message] = []
    while not messages or not isinstance(messages[-1], RunOutcome):
        assert worker.connection.poll(300)
        messages.append(worker.hear())
    return messages


def outcome(worker: Worker, planned: PlannedRun) -> Any:
    return heard(worker, planned)[-1]


def evidence(planned: PlannedRun) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """All of a record that is no time; measured memory is none of a run's results."""
    store = Store(planned.config.store)
    record = store.find(planned.run_id)
    assert record is not None, store.failures(planned.run_id)
    values = record.to_json()
    kept = {key: values[key] for key in UNTIMED} | {"deterministic": record.environment["deterministic"]}
    return kept, store.arrays(planned.run_id)


def assert_same(one: PlannedRun, other: PlannedRun) -> None:
    (ours, arrays), (theirs, others) = evidence(one), evidence(other)
    assert ours == theirs
    assert arrays.keys() == others.keys()
    for name, values in arrays.items():
        np.testing.assert_array_equal(values, others[name], err_msg=name)


@pytest.fixture(scope="module")
def in_order(folder: Path) -> tuple[dict[str, PlannedRun], dict[str, PlannedRun]]:
    """Every method in one worker, after plain fine-tuning; and in another one, the other way round."""
    names = ["", *METHODS]
    found = runs(folder / "forth", names), runs(folder / "back", names)
    context = forking()
    for chosen, order in zip(found, (names, names[::-1]), strict=True):
        worker = Worker(context, {}, None)
        for name in order:
            assert outcome(worker, chosen[name]) == RunOutcome(), name
        worker.dismiss()
    return found


@pytest.mark.parametrize("name", ["", *METHODS])
def test_a_run_is_the_same_whatever_its_worker_ran_before(name: str, in_order: Any) -> None:
    forth, back = in_order
    assert_same(forth[name], back[name])


@pytest.mark.parametrize("name", ["rdrop", "pats", "sage"])
def test_a_run_is_the_same_in_a_worker_of_its_own(
    name: str, in_order: Any, worker: Callable[..., Worker], tmp_path: Path
) -> None:
    alone = runs(tmp_path, [name])[name]
    assert outcome(worker(), alone) == RunOutcome()
    assert_same(in_order[0][name], alone)


def test_a_run_is_the_same_in_an_interpreter_of_its_own(in_order: Any, tmp_path: Path) -> None:
    alone = runs(tmp_path, ["mixout"])["mixout"]
    (tmp_path / "config.json").write_text(json.dumps(as_json(alone.config)))
    line = (
        "import sys; from omegaconf import OmegaConf; from benchmark.config.compose import typed; "
        "from benchmark.runs.run import Run, run; run(Run(typed(OmegaConf.load(sys.argv[1]))))"
    )
    subprocess.run([sys.executable, "-c", line, str(tmp_path / "config.json")], cwd=ROOT, check=True)
    assert_same(in_order[0]["mixout"], alone)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("name", ["hype_n", "rdrop", "mixout"])
def test_the_tenth_run_of_a_worker_on_a_gpu_is_that_of_a_new_one(
    name: str, worker: Callable[..., Worker], tmp_path: Path
) -> None:
    before = [*METHODS[:8], "", name]
    many, alone = (runs(tmp_path / where, before, "device=cuda") for where in ("many", "alone"))
    used = worker(0)
    for one in before:
        assert outcome(used, many[one]).failure is None
    assert outcome(worker(0), alone[name]).failure is None
    assert_same(many[name], alone[name])


def test_what_a_run_changes_for_its_process_is_put_back(
    worker: Callable[..., Worker], folder: Path, tmp_path: Path
) -> None:
    after, alone = meddling(tmp_path / "after", "draw"), meddling(tmp_path / "alone", "draw")
    used = worker()
    outcome(used, meddling(tmp_path / "after", "meddle"))
    assert outcome(used, after) == outcome(worker(), alone) == RunOutcome()
    assert_same(after, alone)


@pytest.mark.parametrize(
    ("how", "told", "said"),
    [
        ("wrong", RunOutcome("error", last=True), "ValueError: lost its way"),
        (
            "full",
            RunOutcome("out of memory", last=True),
            "CUDA out of memory (asked for 20.00 MiB, 19.25 MiB of 139.81 GiB free); free the GPU, or use a larger one",
        ),
        (
            "lost",
            RunOutcome("GPU fault", last=True),
            "AcceleratorError: CUDA error: an illegal memory access was encountered\nand more",
        ),
    ],
)
def test_a_failure_has_a_class_and_costs_the_worker(
    how: str, told: RunOutcome, said: str, worker: Callable[..., Worker], folder: Path, tmp_path: Path
) -> None:
    planned = meddling(tmp_path, how)
    used = worker()
    assert outcome(used, planned) == told
    (failure,) = Store(tmp_path).failures(planned.run_id)
    assert (failure.cause, failure.error) == (told.failure, said)
    used.process.join(60)
    assert used.process.exitcode == 0


def test_a_refusal_does_not_cost_the_worker(worker: Callable[..., Worker], tmp_path: Path) -> None:
    used, refused = worker(), runs(tmp_path, ["noisytune"], "method.noisytune.intensity=-1")
    assert outcome(used, refused["noisytune"]) == RunOutcome("refused")
    assert outcome(used, runs(tmp_path, [""])[""]) == RunOutcome()


def test_a_worker_that_is_killed_says_so(worker: Callable[..., Worker], folder: Path, tmp_path: Path) -> None:
    crash = "its process was killed by signal 9"
    assert outcome(worker(), meddling(tmp_path, "kill")) == RunOutcome("crashed", error=crash, last=True)


def test_a_worker_that_grew_is_not_used_again(
    worker: Callable[..., Worker], folder: Path, tmp_path: Path
) -> None:
    used = worker(growth=70_000_000)
    assert outcome(used, runs(tmp_path, [""])[""]) == RunOutcome()
    assert outcome(used, meddling(tmp_path, "grow")) == RunOutcome(last=True)


def test_a_worker_in_which_a_capture_failed_is_not_used_again(
    worker: Callable[..., Worker], folder: Path, tmp_path: Path
) -> None:
    assert outcome(worker(), meddling(tmp_path, "capture")) == RunOutcome(last=True)


@pytest.mark.parametrize(
    ("why", "cause", "line"),
    [
        (
            "CUDA error: out of memory",
            OUT_OF_MEMORY,
            "CUDA out of memory (CUDA error: out of memory); free the GPU, or use a larger one",
        ),
        (
            "CUDA error: CUDA-capable device(s) is/are busy or unavailable",
            GPU_FAULT,
            "device=auto: GPU 3 cannot be used now (CUDA error: CUDA-capable device(s) is/are busy or unavailable); "
            "free it, or use another one",
        ),
    ],
)
def test_a_gpu_that_a_worker_cannot_take_is_no_crash(
    why: str, cause: str, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(number: int) -> None:
        raise torch.AcceleratorError(f"{why}\nCUDA kernel errors might be asynchronously reported")

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "set_device", busy)
    monkeypatch.setattr(process, "prepare", lambda: None)  # it is for a process of its own
    planned = runs(tmp_path, [""])[""]
    ours, theirs = multiprocessing.Pipe()
    ours.send(Order(planned, None, Store(tmp_path).open()))
    make_runs(theirs, {}, 3, GROWTH)
    told = ours.recv()
    assert told == RunOutcome(cause, error=line, last=True)
    assert job_to_repeat(Job(planned), told) == Job(planned, alone=True)


def test_a_worker_tells_the_memory_of_its_gpu_and_takes_its_share(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[Any] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "set_device", taken.append)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (60, 80))
    monkeypatch.setattr(torch.cuda, "set_per_process_memory_fraction", taken.append)
    assert [share_gpu(3, "cuda", room) for room in (20, None, 100)] == [(60, 80)] * 3
    assert taken == [3, 0.25, 3, 1.0, 3, 1.0]


def test_a_worker_whose_launcher_is_gone_ends(worker: Callable[..., Worker]) -> None:
    one = worker()
    one.connection.close()
    one.process.join(60)
    assert one.process.exitcode == 0


def test_a_signal_while_a_worker_begins_is_its_last_word(tmp_path: Path) -> None:
    shown = subprocess.run([sys.executable, "-c", STOPPED_AT_ONCE], capture_output=True, text=True, cwd=ROOT)
    assert (shown.stdout, shown.stderr) == ("stopped\n", "")


def test_a_run_hands_on_what_we_say_and_shows_nothing(
    worker: Callable[..., Worker], folder: Path, tmp_path: Path
) -> None:
    messages = heard(worker(), meddling(tmp_path, "talk"))
    assert messages == [Said(30, "said in our words"), RunOutcome()]
    assert (folder / "shown").read_text() == ""


def test_a_run_without_deterministic_operations_says_so(
    worker: Callable[..., Worker], folder: Path, tmp_path: Path
) -> None:
    used, chance, plain = worker(), meddling(tmp_path, "chance"), runs(tmp_path, [""])[""]
    messages = heard(used, chance)
    assert messages[1:] == [RunOutcome()]
    assert "put_ has no deterministic implementation here" in str(messages[0])
    assert outcome(used, plain) == RunOutcome()
    assert [evidence(planned)[0]["deterministic"] for planned in (chance, plain)] == [False, True]
