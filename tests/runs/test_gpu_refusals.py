"""What a GPU lacks is said in one line, before training if it can be known; no GPU is needed to test that."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from benchmark.config.schema import OPTIMIZERS, RunConfig
from benchmark.errors import BenchmarkError
from benchmark.runs import device, gpu_memory, memory
from benchmark.runs.device import (
    choose_device,
    not_deterministic,
    unusable_cuda,
    unusable_driver,
)
from benchmark.runs.early import check_machine
from benchmark.runs.gpu_memory import out_of_memory
from benchmark.runs.run import Run, run
from benchmark.step.adam import VARIANTS
from benchmark.testing.fixtures import tiny_model

GPU = torch.device("cuda")
VERSION = (
    "NVRM version: NVIDIA UNIX x86_64 Kernel Module  {}  Wed Aug 21 00:00:00 UTC 2024\nGCC version: 12.3.0\n"
)


@pytest.fixture
def driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str | None], None]:
    """``driver(number, cuda)``: a machine with that driver, and a torch built for ``cuda``."""

    def there(number: str, cuda: str | None) -> None:
        (tmp_path / "version").write_text(VERSION.format(number))
        (tmp_path / "control").touch()
        monkeypatch.setattr(device, "DRIVER", tmp_path / "version")
        monkeypatch.setattr(device, "CONTROL", tmp_path / "control")
        monkeypatch.setattr(torch.version, "cuda", cuda)
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    return there


OLD = "NVIDIA driver 535.104.05, and torch .* is built for CUDA 13.0, which needs 580 or newer"


def test_a_driver_that_is_too_old_is_named(driver: Any) -> None:
    driver("535.104.05", "13.0")
    with pytest.raises(BenchmarkError, match=f"device=cuda: not available here .*{OLD}"):
        choose_device("cuda")


def test_a_driver_that_is_too_old_is_warned_of_if_the_cpu_will_do(
    driver: Any, caplog: pytest.LogCaptureFixture
) -> None:
    driver("535.104.05", "13.0")
    assert choose_device("auto") == torch.device("cpu")
    (line,) = caplog.messages
    assert line.endswith("device=auto is the CPU")


def says(text: str) -> Callable[[], None]:
    """``torch.cuda.init`` of a machine where CUDA does not start."""

    def init() -> None:
        raise RuntimeError(text)

    return init


UNEXPECTED = "Unexpected error from cudaGetDeviceCount(). Did you run some cuda functions before? {}\nmore"
NOT_STARTING = {
    UNEXPECTED.format("Error 804: forward compatibility was attempted on non supported HW"):
    "CUDA 13.0 of torch {}: Error 804: forward compatibility was attempted on non supported HW",
    "CUDA unknown error - this may be due to an incorrectly set up environment.":
    "CUDA 13.0 of torch {}: CUDA unknown error - this may be due to an incorrectly set up environment",
}  # fmt: skip


@pytest.mark.parametrize("said", NOT_STARTING)
def test_why_cuda_does_not_start_under_a_driver_that_will_do_is_said(
    said: str, driver: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    driver("580.65.06", "13.0")
    monkeypatch.setattr(torch.cuda, "init", says(said))
    why = NOT_STARTING[said].format(torch.__version__)
    assert choose_device("auto") == torch.device("cpu")
    assert caplog.messages == [f"{why}; device=auto is the CPU"]
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)  # as NVML has it if it does not start either
    with pytest.raises(BenchmarkError) as refused:
        check_machine(RunConfig(device="cuda"))
    assert str(refused.value) == f"device=cuda: not available here ({why})"


def test_a_gpu_that_only_its_count_tells_of_has_a_driver(
    driver: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver("580.65.06", "13.0")
    monkeypatch.setattr(device, "DRIVER", device.DRIVER / "elsewhere")  # as Linux under Windows has it
    monkeypatch.setattr(torch.cuda, "init", says("CUDA unknown error"))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    assert unusable_cuda() is None
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert str(unusable_cuda()).endswith("CUDA unknown error")


def test_a_driver_without_a_gpu_for_this_process_is_nothing_to_warn_of(
    driver: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    driver("580.65.06", "13.0")
    monkeypatch.setattr(torch.cuda, "init", says("No CUDA GPUs are available"))
    assert choose_device("auto") == torch.device("cpu")
    assert caplog.messages == []


def test_the_refusal_of_cuda_has_its_fault_without_the_advice_of_torch(
    driver: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver("580.65.06", "13.0")

    def empty(*_: Any, **__: Any) -> None:
        raise RuntimeError(UNEXPECTED.format("Error 805: MPS client failed to connect"))

    monkeypatch.setattr(torch, "empty", empty)
    with pytest.raises(BenchmarkError) as refused:
        choose_device("cuda")
    assert str(refused.value) == "device=cuda: not available here (Error 805: MPS client failed to connect)"


def test_a_torch_without_cuda_is_named(driver: Any) -> None:
    driver("580.65.06", None)
    assert "built without CUDA" in str(unusable_driver())


@pytest.mark.parametrize(("number", "cuda"), [("580.65.06", "13.0"), ("535.104.05", "12.8")])
def test_a_driver_that_will_do_is_not_blamed(number: str, cuda: str, driver: Any) -> None:
    driver(number, cuda)
    assert unusable_driver() is None


def test_a_machine_whose_gpus_are_hidden_has_none_to_blame(
    driver: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver("535.104.05", "13.0")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert unusable_driver() is None


def test_bfloat16_is_refused_where_a_card_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: False)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "Old Card")
    device.check_precision("float32", GPU)
    device.check_precision("bfloat16", torch.device("cpu"))
    with pytest.raises(BenchmarkError, match=r"protocol.precision=bfloat16: Old Card .* use float32"):
        device.check_precision("bfloat16", GPU)


@pytest.mark.parametrize(
    ("bits", "warned"), [({"avx512_bf16": True}, 0), ({"avx512_bf16": False}, 1), ({}, 1)]
)
def test_a_processor_that_only_imitates_bfloat16_is_warned_of(
    bits: dict[str, bool], warned: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"cpu_name": "Old One", "avx2": True, **bits})
    device.check_precision("float32", torch.device("cpu"))
    assert not caplog.records
    device.check_precision("bfloat16", torch.device("cpu"))
    assert [record.getMessage().startswith("protocol.precision=bfloat16: this processor (Old One)")
            for record in caplog.records] == [True] * warned  # fmt: skip


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """``free(count)``: a GPU with so many bytes left: 100 of them are kept by torch."""

    def there(count: int) -> None:
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (count - 100, 3 << 30))

    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "Small Card")
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda _: 500)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda _: 400)
    return there


def test_a_model_that_cannot_fit_is_refused_with_what_is_free(free: Callable[[int], None]) -> None:
    model = tiny_model()
    needed = 4 * sum(parameter.numel() for parameter in model.parameters())
    free(needed)
    gpu_memory.check_weights(model, "large", GPU)
    free(needed - 1)
    with pytest.raises(
        BenchmarkError, match=r"model 'large': its weights alone need .* Small Card .* free of 3.0 GiB"
    ):
        gpu_memory.check_weights(model, "large", GPU)
    gpu_memory.check_weights(model, "large", torch.device("cpu"))


@pytest.mark.parametrize(("optimizer", "each"), [("adamw", 12), ("lion", 8), ("adafactor", 4)])
def test_frozen_weights_have_no_gradients_and_moments_to_find_room_for(
    optimizer: str, each: int, free: Callable[[int], None]
) -> None:
    model = tiny_model().requires_grad_(False)
    parameters = list(model.parameters())
    parameters[0].requires_grad_(True)
    free(each * parameters[0].numel())
    gpu_memory.check_training(model, "large", optimizer, GPU)
    free(each * parameters[0].numel() - 1)
    with pytest.raises(BenchmarkError, match=r"model 'large': gradients and moments .* need .* Small Card"):
        gpu_memory.check_training(model, "large", optimizer, GPU)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_moments_that_are_counted_are_those_of_the_optimiser(optimizer: str) -> None:
    matrix = torch.zeros(100, 100)
    moments = VARIANTS[optimizer].moments(matrix)
    assert round(sum(tensor.nbytes for tensor in moments) / matrix.nbytes) == gpu_memory.MOMENTS.get(
        optimizer, 2
    )


def test_a_run_asks_for_bfloat16_and_room_before_it_trains(
    tiny: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr("benchmark.runs.run.check_precision", lambda *_: asked.append("precision"))
    monkeypatch.setattr("benchmark.runs.run.check_weights", lambda *_: asked.append("weights"))

    def full(model: torch.nn.Module, name: str, optimizer: str, _: torch.device) -> None:
        frozen = [weight for weight in model.parameters() if not weight.requires_grad]
        asked.append(f"training {name} by {optimizer}, {len(frozen) > 0}")
        raise BenchmarkError("full")

    monkeypatch.setattr("benchmark.runs.run.check_training", full)
    with pytest.raises(BenchmarkError, match="full"):
        run(Run(tiny("method=bitfit", "protocol.optimizer=lion")))
    assert asked == ["precision", "weights", "training embedded by lion, True"]


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("CUDA error: out of memory"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    ],
)
def test_a_gpu_that_is_full_otherwise_is_out_of_memory_too(error: RuntimeError) -> None:
    assert str(out_of_memory(error)).startswith(f"CUDA out of memory ({error}")


def test_other_errors_are_no_lack_of_memory() -> None:
    assert out_of_memory(RuntimeError("shapes do not match")) is None
    assert out_of_memory(MemoryError("out of memory")) is None


def test_an_operation_without_a_deterministic_implementation_is_named() -> None:
    said = "scatter_add_cuda_kernel does not have a deterministic implementation, but you set …"
    assert not_deterministic(RuntimeError(said)) == "scatter_add_cuda_kernel"
    assert not_deterministic(RuntimeError("another")) is None


def test_the_peak_of_a_gpu_leaves_out_what_was_there_before(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = SimpleNamespace(now=300, highest=900)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda _: counted.now)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda _: counted.highest)
    monkeypatch.setattr(torch.cuda, "max_memory_reserved", lambda _: 1000)
    monkeypatch.setattr(
        torch.cuda, "reset_peak_memory_stats", lambda _: setattr(counted, "highest", counted.now)
    )
    watch = memory.PeakMemory(GPU)
    counted.now = 350  # a model
    watch.forget()
    counted.highest = 400
    assert (watch.peak(), watch.reserved()) == (100, 1000)


def test_what_earlier_runs_of_the_process_left_on_a_gpu_is_given_back_before_a_model_is_loaded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    card = SimpleNamespace(allocated=700, cached=200)  # 700 of them in a cycle of garbage
    Garbage(card)
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch._C, "_cuda_clearCublasWorkspaces", lambda: None, raising=False)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: setattr(card, "cached", 0))
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda *_: card.allocated)
    watch = memory.PeakMemory(GPU)
    assert (card.allocated, card.cached, watch.before) == (0, 0, 0)


class Garbage:
    """Tensors of a run that is over; when they go, the allocator keeps their memory."""

    def __init__(self, card: SimpleNamespace) -> None:
        self.card, self.itself = card, self  # only a look for cycles finds it

    def __del__(self) -> None:
        self.card.cached += self.card.allocated
        self.card.allocated = 0
