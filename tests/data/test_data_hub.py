"""The hub: its cache first, the hub once, and a line for each of its answers."""

from __future__ import annotations

import errno
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from huggingface_hub import constants
from huggingface_hub.errors import (
    DisabledRepoError,
    GatedRepoError,
    HfHubHTTPError,
    HTTPError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from benchmark.config.schema import SplitConfig, TaskConfig
from benchmark.data import files, hub
from benchmark.errors import BenchmarkError

CSV = "text,label\na,0\nb,1\n"
REVISION = "1" * 40


def answer(kind: type[HfHubHTTPError], status: int) -> HfHubHTTPError:
    error = kind.__new__(kind)
    error.response = SimpleNamespace(status_code=status, headers={})  # type: ignore[assignment]
    error.args = (f"{status} Client Error",)
    return error


class Hub:
    """A hub with one repository; counts what it is asked."""

    def __init__(self, cache: Path, names: dict[str, str]) -> None:
        self.cache, self.names, self.asked = cache, names, list[Any]()
        self.error: BaseException | None = None

    @property
    def folder(self) -> Path:
        return self.cache / "datasets--me--mine" / "snapshots" / REVISION

    def put(self, *names: str) -> None:
        refs = self.folder.parent.parent / "refs"
        refs.mkdir(parents=True, exist_ok=True)
        (refs / "main").write_text(REVISION)
        for name in names:
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / name).write_text(self.names[name])

    def dataset_info(self, repo: str, revision: str | None = None) -> Any:
        self.asked.append("info")
        if self.error:
            raise self.error
        return SimpleNamespace(siblings=[SimpleNamespace(rfilename=name) for name in self.names])

    def download(self, repo: str, name: str, **_: Any) -> str:
        self.put(name)
        return str(self.folder / name)

    def snapshot(self, repo: str, allow_patterns: list[str], **_: Any) -> str:
        self.asked.append(allow_patterns)
        self.put(*(name for name in allow_patterns if name in self.names))
        return str(self.folder)


@pytest.fixture
def online(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    names = {
        "README.md": "# mine",
        "data/train.csv": CSV,
        "data/dev.csv": CSV,
        "data/huge.csv": CSV,
        "x.py": "",
    }
    made = Hub(tmp_path / "hub", names)
    original = hub.snapshot_download

    def snapshot(repo: str, **options: Any) -> str:
        if options.get("local_files_only"):
            return original(repo, cache_dir=made.cache, **options)
        return made.snapshot(repo, **options)

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(hub, "snapshot_download", snapshot)
    monkeypatch.setattr(hub, "hf_hub_download", made.download)
    monkeypatch.setattr(hub, "HfApi", lambda: made)
    return made


def find(split: str = "validation", config: str = "default", revision: str | None = None) -> list[str]:
    task = TaskConfig(name="mine", repo="me/mine", revision=revision, train=SplitConfig(split="train"))
    splits = [SplitConfig(config=config, split="train"), SplitConfig(config=config, split=split)]
    sources = files.find_sources(task, splits, Path("cache"))
    source = sources[files.origin(task, splits[0])]
    return [path.name for one in splits for path in files.find(task, source, one).paths]


def test_the_hub_is_asked_once_and_for_what_is_needed_alone(online: Hub) -> None:
    assert find() == ["train.csv", "dev.csv"]
    assert online.asked == ["info", ["README.md", "data/train.csv", "data/dev.csv"]]
    assert find() == ["train.csv", "dev.csv"]  # from the cache
    assert len(online.asked) == 2


def test_what_the_cache_lacks_is_fetched(online: Hub) -> None:
    online.put("data/train.csv")
    assert find() == ["train.csv", "dev.csv"]


def test_a_wrong_name_is_told_before_anything_is_fetched(online: Hub) -> None:
    with pytest.raises(BenchmarkError, match=r"no split 'test'.*\(valid: dev, huge, train\)") as caught:
        find("test")
    assert online.asked == ["info"]
    assert "hf download" not in str(caught.value)
    with pytest.raises(BenchmarkError, match=r"no configuration 'dat'; did you mean 'data'"):
        find(config="dat")


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (answer(GatedRepoError, 403), "'me/mine' is gated: ask for access at http.*/datasets/me/mine, then `hf auth login`"),
        (answer(RepositoryNotFoundError, 401), "no data set 'me/mine' that you may see: mind the spelling.*private, `hf auth"),
        (answer(RevisionNotFoundError, 404), "'me/mine' has no revision 'v9'"),
        (answer(DisabledRepoError, 403), "was disabled"),
        (answer(HfHubHTTPError, 429), "asks for fewer requests .429.: wait"),
        (answer(HfHubHTTPError, 401), "refuses access to 'me/mine' .401."),
        (answer(HfHubHTTPError, 503), "the hub answered 503 for 'me/mine': try again later"),
        (HTTPError("no route"), "the hub was not reached .HTTPError: no route.; get it with `hf download me/mine"),
        (LocalEntryNotFoundError("no net"), "the hub was not reached .*; get it with `hf download me/mine"),
        (ConnectionError("refused"), "the hub was not reached .*; get it with `hf download"),
        (TimeoutError("slow"), "the hub was not reached .*; get it with `hf download"),
        (OSError(errno.ENOSPC, "full"), "no space is left for 'me/mine' in "),
        (OSError("Consistency check failed: file should be of size 9 but has size 3"), "the download of 'me/mine' failed: .*size 3"),
        (RuntimeError("Data processing error: xet"), "the download of 'me/mine' failed: RuntimeError: Data"),
    ],
)  # fmt: skip
def test_every_answer_has_its_line(error: BaseException, line: str, online: Hub) -> None:
    online.error = error
    with pytest.raises(BenchmarkError, match=f"task 'mine': data set 'me/mine' is not in the hub cache: .*{line}") as caught:  # fmt: skip
        find(revision="v9")
    said = str(caught.value)
    assert "\n" not in said
    assert ("hf download" in said) == ("not reached" in said)


def test_offline_the_hub_is_not_asked(online: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(BenchmarkError, match=r"HF_HUB_OFFLINE is set\); get it with .* --include 'data/\*'"):
        find(config="data")
    online.put("data/train.csv")
    with pytest.raises(BenchmarkError, match=r"data/validation of me/mine \(cached revision 1+\): no split"):
        find(config="data")
    assert online.asked == []


def test_a_script_is_never_run(online: Hub) -> None:
    online.names = {"mine.py": "raise SystemExit", "README.md": ""}
    with pytest.raises(BenchmarkError, match=r"it is a script, .* refs/convert/parquet"):
        find()


def test_a_name_that_no_repository_can_have(online: Hub) -> None:
    task = TaskConfig(name="mine", repo="me..mine/-x", train=SplitConfig(split="train"))
    with pytest.raises(BenchmarkError, match=r"'me..mine/-x' is neither a folder or file here nor a name"):
        files.find_sources(task, [task.train], Path("cache"))
