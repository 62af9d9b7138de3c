"""What the hub answers becomes advice that helps."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import httpx2
import pytest
from huggingface_hub import constants
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from benchmark.errors import BenchmarkError
from benchmark.models import hub
from benchmark.models.checkpoint import is_path, located
from helpers.checkpoints import checkpoint


def answer(status: int) -> httpx2.Response:
    return httpx2.Response(status, request=httpx2.Request("GET", "https://huggingface.co/api/models/me/it"))


def behind(cause: BaseException) -> LocalEntryNotFoundError:
    """The error of `snapshot_download` for a hub that was not reached."""
    error = LocalEntryNotFoundError("Got: something")
    error.__cause__ = cause
    return error


ANSWERS: list[tuple[BaseException, str]] = [
    (GatedRepoError("gated", response=answer(403)), "accept its terms at https://huggingface.co/me/it"),
    (RepositoryNotFoundError("none", response=answer(401)), "misspelt, or private"),
    (RevisionNotFoundError("none", response=answer(404)), "no revision 'v9'"),
    (behind(HfHubHTTPError("slow down", response=answer(429))), "too many requests"),
    (behind(HfHubHTTPError("down", response=answer(503))), "out of order (503)"),
    (HfHubHTTPError("no", response=answer(403)), "refuses access (403)"),
    (behind(OfflineModeIsEnabled("offline")), "HF_HUB_OFFLINE"),
    (behind(httpx2.ConnectError("no route")), "the hub was not reached; get it with `hf download me/it`"),
    (OSError("Consistency check failed: file should be of size 9"), "broke off"),
    (OSError(errno.ENOSPC, "No space left on device"), "no space left"),
]


@pytest.mark.parametrize(("error", "advice"), ANSWERS, ids=[advice for _, advice in ANSWERS])
def test_every_answer_of_the_hub_has_its_own_advice(
    error: BaseException, advice: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[Any] = []

    def download(*arguments: Any, **_: Any) -> str:
        asked.append(arguments)
        raise error

    monkeypatch.setattr(hub, "snapshot_download", download)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(BenchmarkError) as refused:
        located("mine", "me/it", "v9")
    assert advice in str(refused.value)
    assert "\n" not in str(refused.value)
    assert len(asked) == 1


def test_the_cache_is_looked_at_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    repository = tmp_path / "models--me--it"
    checkpoint(repository / "snapshots" / "abc")
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("abc")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(hub, "snapshot_download", None)  # would be called
    assert located("mine", "me/it").folder == repository / "snapshots" / "abc"
    (repository / "snapshots" / "abc" / "model.safetensors").unlink()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(BenchmarkError, match=r"has no weights.*hf download me/it"):
        located("mine", "me/it").check_files()


@pytest.mark.parametrize(
    "place", ["/a", "./a", "../a/b", "~/a", "a/b/c", ".", "benchmark/nothing", "a b", "C:\\a"]
)
def test_what_can_be_a_folder_only(place: str) -> None:
    assert is_path(place)


@pytest.mark.parametrize("place", ["bert-base-uncased", "google-bert/bert-base-uncased", "me/it_2.0"])
def test_what_can_be_on_the_hub(place: str) -> None:
    assert not is_path(place)
