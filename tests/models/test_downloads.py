"""Downloads of checkpoints from a stand-in of the hub: how far they are, how they end, and how they go on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants

from benchmark.config.compose import ROOT
from benchmark.errors import BenchmarkError
from benchmark.models import fetching
from benchmark.progress import heard_by
from helpers.hub_server import COMMIT, REPOSITORY, Hub, served

SIZE = 3_000_000  # bytes of the weights
FETCH = f"""
import sys
from benchmark import stopping
from benchmark.command import carried_out
from benchmark.models.fetching import fetched

def work():
    with stopping.deferred():
        print(fetched("mine", "{REPOSITORY}", None, True))
    return 0

sys.exit(carried_out(work, goes_on=True))
"""


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    files = tmp_path / "files"
    files.mkdir()
    (files / "config.json").write_text("{}")
    (files / "model.safetensors").write_bytes(bytes(SIZE))
    with served(files) as hub:
        monkeypatch.setattr(constants, "ENDPOINT", hub.url)
        template = f"{hub.url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "home" / "hub"))
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", constants.DOWNLOAD_CHUNK_SIZE)
        yield hub


def weights(tmp_path: Path) -> Path:
    """The place of the weights in the cache."""
    snapshots = tmp_path / "home/hub" / f"models--{REPOSITORY.replace('/', '--')}" / "snapshots"
    return snapshots / COMMIT / "model.safetensors"


def command(hub: Hub, tmp_path: Path) -> subprocess.Popen[str]:
    """A process that fetches the checkpoint."""
    there = {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "0"}
    return subprocess.Popen(
        [sys.executable, "-c", FETCH], cwd=ROOT, env=os.environ | there, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background has it ignored
    )  # fmt: skip


def test_how_far_a_download_is_is_told_in_megabytes(hub: Hub, tmp_path: Path, capsys) -> None:
    told: list[tuple[str, int, int]] = []
    with heard_by(lambda *now: told.append(now)):
        fetching.fetched("mine", REPOSITORY, None, True)
    assert {unit for unit, _, _ in told} == {f"MB of {REPOSITORY} downloaded"}
    assert [done for _, done, _ in told] == sorted(done for _, done, _ in told)
    assert {1, 2, 3} <= {done for _, done, _ in told}
    assert told[-1][1:] == (3, 4)  # in whole megabytes, and those that have begun
    assert capsys.readouterr().err == f"downloading {REPOSITORY} from the hub (once)\n"
    assert weights(tmp_path).stat().st_size == SIZE


def test_files_that_come_at_once_are_told_one_after_another(hub: Hub) -> None:
    for number in range(6):
        (hub.folder / f"part{number}.safetensors").write_bytes(bytes([number]) * 600_000)
    within, most = [0], [0]

    def hear(*_: object) -> None:
        within[0] += 1
        most[0] = max(most[0], within[0])
        time.sleep(0.01)
        within[0] -= 1

    with heard_by(hear):
        fetching.fetched("mine", REPOSITORY, None, True)
    assert most == [1]


def test_an_interrupted_download_ends_soon_leaves_no_half_and_goes_on(hub: Hub, tmp_path: Path) -> None:
    hub.pause = 0.05  # half a minute for all of it
    process = command(hub, tmp_path)
    assert hub.begun.wait(60)
    while not (weights(tmp_path).parent / "config.json").exists():  # files come side by side
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    since = time.monotonic()
    _, err = process.communicate()
    assert time.monotonic() - since < 20
    assert process.returncode == 130
    assert err.splitlines()[1:] == [
        "stopped by SIGINT: finished runs are kept; the same command goes on from here"
    ]
    assert not weights(tmp_path).exists()
    hub.pause = 0.0
    process = command(hub, tmp_path)
    out, _ = process.communicate()
    assert (process.returncode, Path(out.strip())) == (0, weights(tmp_path).parent)
    assert weights(tmp_path).stat().st_size == SIZE
    assert hub.asked["config.json"] == 1


def test_a_download_that_breaks_off_says_so_and_goes_on(hub: Hub, tmp_path: Path) -> None:
    hub.last = 500_000
    with pytest.raises(BenchmarkError, match=f"model 'mine': '{REPOSITORY}' .* broke off; the same command"):
        fetching.fetched("mine", REPOSITORY, None, True)
    assert not weights(tmp_path).exists()
    hub.last = None
    fetching.fetched("mine", REPOSITORY, None, True)
    assert weights(tmp_path).stat().st_size == SIZE


def test_without_a_network_the_model_and_what_to_do_are_named(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = f"model 'mine': '{REPOSITORY}' .* the hub was not reached .*`hf download {REPOSITORY}`"
    with monkeypatch.context() as without:
        without.setattr(constants, "ENDPOINT", "http://127.0.0.1:1")
        with pytest.raises(BenchmarkError, match=said) as refused:
            fetching.fetched("mine", REPOSITORY, None, True)
    assert "\n" not in str(refused.value)
    hub.last = 500_000
    with pytest.raises(BenchmarkError):
        fetching.fetched("mine", REPOSITORY, None, True)
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:1")
    with pytest.raises(BenchmarkError, match=said):  # with half of it in the cache
        fetching.fetched("mine", REPOSITORY, None, False)
