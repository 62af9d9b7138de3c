"""A grid uses the MPS daemon that runs, or one of its own that it stops, or none."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

from benchmark.engines import mps as service
from benchmark.engines.mps import CONTROL, LOG, PIPE, mps

# Notes its arguments, what it is told, and the folder; ${RUNS} and ${STARTS} are exit statuses.
DAEMON = """#!/bin/sh
if [ "$1" = -d ]; then echo "start $CUDA_MPS_PIPE_DIRECTORY ${CUDA_VISIBLE_DEVICES-all}" >> NOTES; exit STARTS; fi
read line; echo "$line $CUDA_MPS_PIPE_DIRECTORY" >> NOTES
[ "$line" = quit ] || exit RUNS
"""


@pytest.fixture
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    monkeypatch.delenv(PIPE, raising=False)
    return tmp_path / "notes"


def install(notes: Path, runs: int, starts: int) -> None:
    text = DAEMON.replace("NOTES", str(notes)).replace("RUNS", str(runs)).replace("STARTS", str(starts))
    (notes.parent / CONTROL).write_text(text)
    (notes.parent / CONTROL).chmod(0o755)


def test_there_is_none(notes: Path) -> None:
    with mps() as found:
        assert found is None


def test_one_that_runs_is_used_and_left_running(notes: Path) -> None:
    install(notes, runs=0, starts=1)
    with mps() as found:
        assert found == {}
    assert notes.read_text().split() == ["get_server_list"]


def test_one_of_our_own_has_a_folder_of_its_own_sees_all_gpus_and_is_stopped(notes: Path) -> None:
    install(notes, runs=1, starts=0)
    with suppress(KeyboardInterrupt), mps() as found:
        assert found is not None
        folder = found[PIPE]
        assert (Path(folder).is_dir(), found[LOG]) == (True, folder)
        raise KeyboardInterrupt
    assert notes.read_text().splitlines() == ["get_server_list ", f"start {folder} all", f"quit {folder}"]
    assert not Path(folder).exists()


def test_parts_of_a_gpu_have_none_of_our_own(notes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(notes, runs=1, starts=0)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "MIG-c6d4f1ef-42e4-5de3-91c7-45d71c87eb3f")
    with mps() as found:
        assert found is None
    assert notes.read_text().split() == ["get_server_list"]


def test_one_that_does_not_start_is_none(notes: Path) -> None:
    install(notes, runs=1, starts=1)
    with mps() as found:
        assert found is None


def test_one_that_does_not_answer_is_none(notes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(notes, runs=1, starts=0)
    (notes.parent / CONTROL).write_text("#!/bin/sh\nexec sleep 30\n")
    monkeypatch.setattr(service, "SECONDS", 0.1)
    with mps() as found:
        assert found is None
