"""A folder or file of one's own as a task's data."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from datasets import Dataset, DatasetDict
from pyarrow import parquet as pq

from benchmark.config.schema import SplitConfig, TaskConfig
from benchmark.data import files
from benchmark.errors import BenchmarkError

ROWS = [{"text": f"text {i}", "label": i % 2} for i in range(6)]
CSV = "text,label\n" + "".join(f"{row['text']},{row['label']}\n" for row in ROWS)
JSONL = "".join(json.dumps(row) + "\n" for row in ROWS)


def rows(repo: Path | str, split: SplitConfig, cache: Path, **of_task: Any) -> Dataset:
    """The rows of an evaluation set of a task whose training split is ``train``."""
    task = TaskConfig(
        name="mine",
        repo=str(repo),
        text=["text"],
        labels=["bad", "good"],
        metrics=["accuracy"],
        train=SplitConfig(split="train"),
        evaluate={"set": split},
        **of_task,
    )
    sources = files.find_sources(task, [split], cache)
    file = files.find(task, sources[files.origin(task, split)], split)
    return files.read(task, split, file, ["text", split.target or task.target], cache)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "a b" / "data"
    made.mkdir(parents=True)
    return made


def parquet(
    path: Path, rows: list[dict[str, Any]] | None = None, schema: pyarrow.Schema | None = None
) -> None:
    pq.write_table(pyarrow.Table.from_pylist(ROWS if rows is None else rows, schema), path)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("dev.csv", CSV),
        ("dev.tsv", CSV.replace(",", "\t")),
        ("dev.jsonl", JSONL),
        ("dev.json", json.dumps(ROWS)),
    ],
)
def test_every_format_gives_the_same_rows(name: str, content: str, folder: Path, tmp_path: Path) -> None:
    (folder / name).write_text(content)
    parquet(folder / "train.parquet")
    for repo, split in ((folder, "dev"), (folder, "validation"), (folder / name, "dev")):
        assert rows(repo, SplitConfig(split=split), tmp_path).to_list() == ROWS
    assert rows(folder, SplitConfig(split="train"), tmp_path).to_list() == ROWS


def test_a_saved_data_set_is_read(folder: Path, tmp_path: Path) -> None:
    DatasetDict({"train": Dataset.from_list(ROWS), "test": Dataset.from_list(ROWS[:2])}).save_to_disk(folder)
    assert rows(folder, SplitConfig(split="test"), tmp_path).to_list() == ROWS[:2]


def test_a_path_may_be_relative_or_begin_at_home(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "train.csv").write_text(CSV)
    monkeypatch.setenv("HOME", str(folder.parent))
    monkeypatch.chdir(folder.parent)
    for repo in ("data", "./data", "~/data", "data/train.csv", "../a b/data"):
        assert len(rows(repo, SplitConfig(split="train"), tmp_path)) == len(ROWS)


def test_a_split_may_have_a_file_of_its_own_whatever_it_is_called(folder: Path, tmp_path: Path) -> None:
    (folder / "train.csv").write_text(CSV)
    (folder / "gold.tsv").write_text("text\tlabel\na\t1\n")
    split = SplitConfig(split="validation", repo=str(folder / "gold.tsv"))
    assert rows(folder, split, tmp_path).to_list() == [{"text": "a", "label": 1}]
    task = TaskConfig(name="mine", text=["text"], train=SplitConfig(split="train"))
    source = files.find_sources(task, [split], tmp_path)[files.origin(task, split)]
    assert files.find(task, source, split).name == "gold.tsv/default/validation"


def test_the_same_bytes_in_another_format_have_another_digest(folder: Path, tmp_path: Path) -> None:
    digests = []
    for name in ("train.csv", "train.tsv"):
        (folder / name).write_text("text\tlabel\na\t1\n")
        task, split = TaskConfig(name="mine", repo=str(folder / name)), SplitConfig(split="train")
        [source] = files.find_sources(task, [split], tmp_path).values()
        digests.append(files.find(task, source, split).digest)
    assert digests[0] != digests[1]


def test_texts_stay_texts_and_targets_have_their_type(folder: Path, tmp_path: Path) -> None:
    (folder / "dev.csv").write_text("text,label\n1984,0\n007,1\n,1\n")
    assert rows(folder, SplitConfig(split="dev"), tmp_path).to_list() == [
        {"text": "1984", "label": 0},
        {"text": "007", "label": 1},
        {"text": "", "label": 1},
    ]


def test_an_evaluation_set_may_be_without_targets_and_training_may_not(folder: Path, tmp_path: Path) -> None:
    (folder / "test.csv").write_text("text\na\nb\n")
    (folder / "train.csv").write_text("text\na\nb\n")
    assert rows(folder, SplitConfig(split="test"), tmp_path)["label"][:] == [None, None]
    with pytest.raises(
        BenchmarkError, match=r"task 'mine': no column 'label' \(valid: \['text'\]\) in .*train.csv"
    ):
        rows(folder, SplitConfig(split="train"), tmp_path)
    with pytest.raises(BenchmarkError, match="no column 'gold'"):  # asked for by name
        rows(folder, SplitConfig(split="test", target="gold"), tmp_path)
    for name in ("Label", " label"):
        (folder / "test.csv").write_text(f"text,{name}\na,1\nb,0\n")
        with pytest.raises(BenchmarkError, match=rf"no column 'label' .* did you mean '{name}'"):
            rows(folder, SplitConfig(split="test"), tmp_path)


@pytest.mark.parametrize("name", ["test.xlsx", "test.csv.zip", "test.txt"])
def test_a_file_of_a_format_that_is_not_read_is_named(name: str, folder: Path, tmp_path: Path) -> None:
    (folder / "train.csv").write_text("text,label\na,0\n")
    (folder / name).write_text("text,label\n")
    with pytest.raises(BenchmarkError, match=rf"no split 'test' .*; {name} is none of Parquet, CSV"):
        rows(folder, SplitConfig(split="test"), tmp_path)


@pytest.mark.parametrize("name", ["dev.csv", "dev.jsonl", "dev.parquet", "dev.json"])
def test_a_file_without_rows_is_named(name: str, folder: Path, tmp_path: Path) -> None:
    if name == "dev.parquet":
        parquet(folder / name, [], pyarrow.schema({"text": pyarrow.string(), "label": pyarrow.int64()}))
    else:
        (folder / name).write_text({"dev.csv": "text,label\n", "dev.json": "[]"}.get(name, ""))
    with pytest.raises(BenchmarkError, match=rf"task 'mine', default/dev: .*{name}.*no rows"):
        rows(folder, SplitConfig(split="dev"), tmp_path)


@pytest.mark.parametrize(
    ("second", "line"),
    [
        (
            [{"text": "a", "label": "1"}],
            r"column 'label' is int64 in .*dev-00000.* and string in .*dev-00001",
        ),
        ([{"text": "a", "label": 0.5}], "column 'label' is int64 in .* and double in"),
        ([{"text": "a"}], r"column 'label' is in .*dev-00000.* and not in .*dev-00001"),
    ],
)
def test_shards_of_unlike_columns_are_refused(
    second: list[dict[str, Any]], line: str, folder: Path, tmp_path: Path
) -> None:
    parquet(folder / "dev-00000-of-00002.parquet")
    parquet(folder / "dev-00001-of-00002.parquet", second)
    with pytest.raises(BenchmarkError, match=line):
        rows(folder, SplitConfig(split="dev"), tmp_path)


def test_a_shard_without_any_value_goes_with_the_others(folder: Path, tmp_path: Path) -> None:
    parquet(folder / "dev-00000-of-00002.parquet", [{"text": "a", "label": None}])
    parquet(folder / "dev-00001-of-00002.parquet", [{"text": "b", "label": 1}])
    assert rows(folder, SplitConfig(split="dev"), tmp_path)["label"][:] == [None, 1]


@pytest.mark.parametrize(
    ("make", "line"),
    [
        (lambda f: (f / "notes.txt").write_text("x"), "no file of Parquet, CSV, TSV, JSON or Arrow .it has notes.txt"),
        (lambda f: (f / "load.py").write_text("raise SystemExit"), "it is a script, and no code of a data set is run"),
        (lambda f: (f / "dev.parquet").write_bytes(b"PAR1 not"), "cannot read .*dev.parquet"),
        (lambda f: (f / "dev.csv").write_text("version https://git-lfs.github.com/spec/v1\n"), "pointer of Git LFS"),
        (lambda f: parquet(f / "train.parquet"), r"mine', default/dev of .*data: no split 'dev' .valid: train"),
    ],
)  # fmt: skip
def test_what_is_no_data_is_named(
    make: Callable[[Path], object], line: str, folder: Path, tmp_path: Path
) -> None:
    make(folder)
    with pytest.raises(BenchmarkError, match=line) as caught:
        rows(folder, SplitConfig(split="dev"), tmp_path)
    assert "hf download" not in str(caught.value)


@pytest.mark.parametrize(
    "repo", ["/nothing/here", "./nothing", "~/nothing", "~no_such_user/data", "nothing/train.csv", "a/b/c"]
)
def test_a_path_with_nothing_there_is_no_name_of_the_hub(repo: str, tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match=r"task 'mine': no folder or file /.*") as caught:
        rows(repo, SplitConfig(split="dev"), tmp_path)
    assert "hf download" not in str(caught.value)


@pytest.mark.parametrize(
    ("address", "instead"),
    [
        ("https://huggingface.co/datasets/me/it/tree/main", "name the hub's repository, me/it$"),
        ("hf://datasets/me/it", "name the hub's repository, me/it$"),
        ("https://hf.co/datasets/glue", "name the hub's repository, glue$"),
        ("file:///data/mine", "name the path, /data/mine$"),
        ("s3://bucket/mine", "download it, and name the folder$"),
    ],
)
def test_an_address_says_what_to_name(address: str, instead: str, tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match=f"{re.escape(address)} is an address: {instead}"):
        rows(address, SplitConfig(split="dev"), tmp_path)


def test_a_revision_is_for_the_hub(folder: Path, tmp_path: Path) -> None:
    (folder / "dev.csv").write_text(CSV)
    with pytest.raises(
        BenchmarkError, match=r"revision=main is for a repository of the hub, and .* leave it out"
    ):
        rows(folder, SplitConfig(split="dev"), tmp_path, revision="main")


def test_damage_in_the_cache_is_mended(folder: Path, tmp_path: Path) -> None:
    parquet(folder / "dev.parquet")
    for cut in (10, -40):
        rows(folder, SplitConfig(split="dev"), tmp_path)
        for arrow in (tmp_path / "parquet").rglob("*.arrow"):
            arrow.write_bytes(arrow.read_bytes()[:cut])
        assert rows(folder, SplitConfig(split="dev"), tmp_path).to_list() == ROWS


def test_a_run_on_a_folder_of_ones_own(tmp_path: Path, cli: Callable[..., tuple[int, str, str]]) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "train.csv").write_text(CSV)
    (tmp_path / "data" / "dev.tsv").write_text('text\tlabel\n"a\t1\nb\t0\n')
    (tmp_path / "conf" / "task").mkdir(parents=True)
    (tmp_path / "conf" / "task" / "mine.yaml").write_text(
        "name: mine\nrepo: data\ntext: [text]\nlabels: [bad, good]\nmetrics: [accuracy]\n"
        "train: {split: train}\nevaluate: {validation: {split: dev}}\n"
    )
    search = f"hydra.searchpath=[file://{tmp_path / 'conf'}]"
    status, _, errors = cli(search, "task=mine", "protocol.epochs=1", "protocol.batch_size=4")
    assert (status, errors) == (0, ""), errors
    [record] = (tmp_path / "store").glob("*/record.json")
    assert json.loads(record.read_text())["examples"] == {"train": 6, "validation": 2}


def test_a_parquet_column_named_twice_is_refused(folder: Path, tmp_path: Path) -> None:
    twice = pyarrow.Table.from_arrays([pyarrow.array(["a"]), pyarrow.array([0]), pyarrow.array([1])], ["text", "label", "label"])  # fmt: skip
    pq.write_table(twice, folder / "dev.parquet")
    with pytest.raises(BenchmarkError, match=r"dev.parquet: 2 columns are named 'label'"):
        rows(folder, SplitConfig(split="dev"), tmp_path)


def test_a_class_that_looks_like_a_number_keeps_its_spelling(tmp_path: Path) -> None:
    for name in ("train", "dev"):
        (tmp_path / f"{name}.csv").write_text("text,label,value\na,1.10,1.10\nb,1.1,1.1\n")
    split = SplitConfig(split="dev", label_map={"1.10": "bad", "1.1": "good"})
    data = rows(tmp_path, split, tmp_path / "cache")
    assert data["label"][:] == ["1.10", "1.1"]
    assert rows(tmp_path, SplitConfig(split="dev"), tmp_path / "cache")["label"][:] == [1.1, 1.1]


@pytest.mark.parametrize(
    ("name", "content"), [("dev.csv", "text,la\0bel\na,0\n"), ("dev.jsonl", '{"text": "a", "\\ud800": 0}')]
)
def test_a_column_that_cannot_be_named_is_refused(
    name: str, content: str, folder: Path, tmp_path: Path
) -> None:
    (folder / name).write_text(content)
    with pytest.raises(
        BenchmarkError, match=rf"{name}.*(the name of a column has a zero|half of a surrogate pair)"
    ):
        rows(folder, SplitConfig(split="dev"), tmp_path)
