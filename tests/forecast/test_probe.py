"""The rates of this machine: kept once they are measured, measured again if they are damaged, refused with a reason."""

from __future__ import annotations

import json

import pytest

from benchmark.errors import BenchmarkError
from benchmark.forecast import gpus, probe
from benchmark.forecast.devices import NAMED, named
from benchmark.forecast.estimate import Forecaster

FOUND = {
    "products": {"float32": 1e10, "bfloat16": 1e9},
    "bytes": 1e10,
    "dispatch": 1e-5,
    "large": 2e10,
    "activation": 1e-9,
}


@pytest.fixture
def asked(monkeypatch) -> list[int]:
    """How many processes measured, by call."""
    calls: list[int] = []
    monkeypatch.setattr(probe, "measured", lambda processes: calls.append(processes) or FOUND)
    return calls


def test_a_machine_is_measured_once(asked, tmp_path):
    for _ in range(2):
        rates = probe.machine(tmp_path, 2)
        assert (rates.of("float32"), rates.bytes, rates.memory, rates.origin) == (
            1e10,
            1e10,
            None,
            "measured",
        )
    assert asked == [2]
    probe.machine(tmp_path, 1)  # one run at a time is not slowed by another
    assert asked == [2, 1]
    assert len(json.loads((tmp_path / probe.PLACE).read_text())["machines"]) == 2


@pytest.mark.parametrize(
    "text", ["", "[]", '{"version": 0}', '{"version": 3, "machines": {"x": {"bytes": 0}}}']
)
def test_a_damaged_measurement_is_made_again(text, asked, tmp_path):
    (tmp_path / probe.PLACE).write_text(text)
    assert probe.machine(tmp_path, 3).of("float32") == 1e10
    assert asked == [3]


def test_a_cache_that_cannot_be_written_to_is_no_reason_to_stop(asked, tmp_path):
    (tmp_path / "file").touch()
    assert probe.machine(tmp_path / "file", 1).of("float32") == 1e10


def _no_torch(sender) -> None:
    sender.send("ImportError: no torch here")


def _dies(sender) -> None:
    raise SystemExit(9)


@pytest.mark.parametrize(
    ("work", "why"), [(_no_torch, "ImportError: no torch here"), (_dies, "its process died")]
)
def test_a_machine_that_cannot_be_measured_says_why(work, why, monkeypatch):
    monkeypatch.setattr(probe, "_measure", work)
    with pytest.raises(BenchmarkError, match=why):
        probe.measured(1)


def test_the_operations_of_a_run_are_measured(monkeypatch):
    monkeypatch.setattr(probe, "SECONDS", 0.01)
    found = probe.rates()
    assert 1e8 < found["products"]["float32"] < 1e13
    assert 1e8 < found["bytes"] < 1e13
    assert 1e-7 < found["dispatch"] < 1e-2
    assert 1e8 < found["large"] < 1e13
    assert 1e-11 < found["activation"] < 1e-5


def test_a_gpu_is_known_by_its_name_without_torch(tmp_path, monkeypatch, compose):
    for number, name in enumerate(("NVIDIA H100 80GB HBM3", "NVIDIA Strange 1")):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "information").write_text(f"Model: \t\t {name}\nIRQ: 4\n")
    monkeypatch.setattr(gpus, "DRIVER", tmp_path)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    gpus._names.cache_clear()
    try:
        assert gpus.name_of("auto") == "NVIDIA H100 80GB HBM3"
        assert gpus.name_of("cpu") is None
        assert Forecaster().rates_of(compose("device=auto")) == NAMED["h100"]
        why = Forecaster().rates_of(compose("device=cuda:1"))
        assert why == "NVIDIA Strange 1 is not in the table of devices; name the nearest one, e.g. ON=h100"
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
        assert gpus.name_of("auto") is None
        assert "no GPU here" in Forecaster().rates_of(compose("device=cuda"))
    finally:
        gpus._names.cache_clear()


def test_devices_are_named_in_any_case_and_refused_with_the_nearest():
    assert named("H100") is NAMED["h100"]
    with pytest.raises(BenchmarkError, match=r"unknown device 'h101' in ON; did you mean 'h100'\?"):
        named("h101")
