"""Which files a split has, by their names alone."""

from __future__ import annotations

import os
from pathlib import Path

import datasets
import pytest

from benchmark.data import local
from benchmark.data.listing import are_joined, listed
from benchmark.data.local import list_names
from benchmark.errors import BenchmarkError

SHARDS = ["data/train-00000-of-00002.parquet", "data/train-00001-of-00002.parquet"]
CARD = """---
configs:
- config_name: en
  data_files:
  - split: train
    path: "en/part-*"
  - split: dev
    path: [en/held_out.csv]
- config_name: de
  default: true
  data_files: "de/*.csv"
---
# A card
"""
IN_CARD = ["en/part-1.csv", "en/part-2.csv", "en/held_out.csv", "de/all.csv", "notes.csv"]


@pytest.mark.parametrize(
    ("names", "config", "split", "files"),
    [
        (["train.csv", "validation.csv"], "default", "train", ["train.csv"]),
        (["train.csv", "dev.csv"], "default", "dev", ["dev.csv"]),
        (["train.csv", "dev.csv"], "default", "validation", ["dev.csv"]),
        (["train.csv", "devel.tsv"], "default", "validation", ["devel.tsv"]),
        (["train.csv", "val.jsonl"], "default", "valid", ["val.jsonl"]),
        (["train.csv", "eval.csv"], "default", "eval", ["eval.csv"]),
        (["train.csv", "eval.csv"], "default", "test", ["eval.csv"]),
        (["train.csv", "gold.csv"], "default", "gold", ["gold.csv"]),
        (["Train.CSV", "Dev.csv"], "default", "train", ["Train.CSV"]),
        (["train.csv.gz", "test.csv.gz"], "default", "test", ["test.csv.gz"]),
        (["TRAIN.CSV.GZ", "TEST.CSV"], "default", "train", ["TRAIN.CSV.GZ"]),
        (["my_train.csv", "my-dev_v2.csv"], "default", "validation", ["my-dev_v2.csv"]),
        (["msr.train.jsonl", "trainer.jsonl"], "default", "train", ["msr.train.jsonl"]),
        (["reviews.csv"], "default", "train", ["reviews.csv"]),
        (["train/1.csv", "train/2.csv", "dev/1.csv"], "default", "train", ["train/1.csv", "train/2.csv"]),
        (["train1.csv", "train2.csv"], "default", "train", ["train1.csv", "train2.csv"]),
        (["train1.csv", "train2.csv"], "default", "train2", ["train2.csv"]),
        (["a-train-part-0000.jsonl", "a-train-part-0001.jsonl"], "default", "train", ["a-train-part-0000.jsonl", "a-train-part-0001.jsonl"]),
        (["part-1_train.csv.gz", "part-2_train.csv.gz"], "default", "train", ["part-1_train.csv.gz", "part-2_train.csv.gz"]),
        (["train_1/a.csv", "train_2/a.csv", "train_2/b.csv"], "default", "train", ["train_1/a.csv", "train_2/a.csv", "train_2/b.csv"]),
        (["dev.1.csv", "dev.2.csv"], "default", "validation", ["dev.1.csv", "dev.2.csv"]),
        (["train_v1.csv", "train_v2.csv"], "default", "train_v2", ["train_v2.csv"]),
        (SHARDS, "default", "train", SHARDS),
        (SHARDS, "data", "train", SHARDS),
        ([*SHARDS, "train.csv"], "default", "train", SHARDS),
        (["cola/train-00000-of-00001.parquet", "rte/train-00000-of-00001.parquet"], "rte", "train", ["rte/train-00000-of-00001.parquet"]),
        (["mnli/validation_matched-00000-of-00001.parquet"], "mnli", "validation_matched", ["mnli/validation_matched-00000-of-00001.parquet"]),
        (["mine/train/0000.parquet", "mine/train/0001.parquet"], "mine", "train", ["mine/train/0000.parquet", "mine/train/0001.parquet"]),
        (["train/data-00000-of-00001.arrow", "train/state.json", "dataset_dict.json"], "default", "train", ["train/data-00000-of-00001.arrow"]),
        (["a/train-00000-of-00001-0123456789abcdef.parquet"], "a", "train", ["a/train-00000-of-00001-0123456789abcdef.parquet"]),
        ([".hidden/train.csv", "train.csv", "__pycache__/train.csv"], "default", "train", ["train.csv"]),
    ],
)  # fmt: skip
def test_a_split_is_called_as_its_files_are(
    names: list[str], config: str, split: str, files: list[str]
) -> None:
    assert listed(names).files(config, split) == files


@pytest.mark.parametrize(
    ("names", "config", "split", "line"),
    [
        (["train.csv", "test.csv"], "default", "validation", r"no split 'validation'.*\(valid: test, train\)"),
        (["train.csv", "dev.csv"], "default", "tran", "no split 'tran'; did you mean 'train'"),
        (["dev.csv", "val.csv"], "default", "validation", "several candidates .*: dev.csv or val.csv"),
        (["train.csv", "old/train.csv"], "default", "train", "several candidates .*old/train.csv"),
        (["train.csv", "train.jsonl"], "default", "train", "several .*train.csv or train.jsonl"),
        (["train.csv", "train.csv.gz"], "default", "train", "several .*train.csv or train.csv.gz"),
        (["test_matched.csv", "test_mismatched.csv"], "default", "test", "several .*: test_matched.csv or"),
        (["train1.csv", "train3.csv"], "default", "train", "several candidates .*: train1.csv or train3.csv"),
        (["train_v1.csv", "train_v2.csv"], "default", "train", "several .*: train_v1.csv or train_v2.csv; .* in a folder train/"),
        (["train_fold1.csv", "train_fold2.csv"], "default", "train", "several candidates .*: train_fold1.csv or"),
        (["train_1k.csv", "train_2k.csv"], "default", "train", "several candidates .*: train_1k.csv or train_2k.csv"),
        (["fold1_train.csv", "fold2_train.csv"], "default", "train", "several candidates .*: fold1_train.csv or"),
        (["fold1/train_set.csv", "fold2/train_set.csv"], "default", "train", "several .*: fold1/train_set.csv or"),
        (["train_v1/a.csv", "train_v2/a.csv"], "default", "train", "several candidates .*: train_v1/a.csv or"),
        (["train1.csv", "train2.jsonl"], "default", "train", "several candidates .*: train1.csv or train2.jsonl"),
        (["train_1.csv", "train_part2.csv"], "default", "train", "several candidates .*: train_1.csv or"),
        (["a.csv", "b.csv"], "default", "train", r"no split 'train' \(valid: a, b\)"),
        (["reviews.csv"], "default", "validation", r"no split 'validation' \(valid: reviews\)"),
        (["test.csv"], "default", "train", r"no split 'train'.*\(valid: test\)"),
        (["rte/train.csv"], "rt", "train", r"no configuration 'rt'; did you mean 'rte'"),
        (["rte/train.csv", "cola/train.csv"], "default", "train", "several candidates .*: cola/train.csv or rte/train.csv; .*config"),
        (SHARDS[1:], "default", "train", "no file data/train-00000-of-00002.parquet: 1 of 2 shards"),
        (["a/train-00000-of-00003.csv.gz", "a/train-00002-of-00003.csv.gz"], "a", "train", "no file a/train-00001-of-00003.csv.gz: 2 of 3"),
        ([*SHARDS, "data/train-00000-of-00001.parquet"], "default", "train", "one split is there twice"),
        (["a/train-00000-of-00001-0123456789abcdef.parquet", "a/train-00000-of-00001-fedcba9876543210.parquet"], "a", "train", "there twice"),
    ],
)  # fmt: skip
def test_what_is_not_one_split_is_refused_with_the_names(
    names: list[str], config: str, split: str, line: str
) -> None:
    with pytest.raises(BenchmarkError, match=line):
        listed(names).files(config, split)


@pytest.mark.parametrize(
    ("names", "joined"),
    [
        (["train1.csv", "train2.csv"], True),
        (["train_1/a.csv", "train_2/a.csv", "train_2/b.csv"], True),
        (["train.csv"], False),
        (["train1.csv"], False),
        (["train/1.csv", "train/2.csv"], False),
        (SHARDS, False),
    ],
)
def test_parts_that_a_number_alone_joins_are_known(names: list[str], joined: bool) -> None:
    assert are_joined(names, "train") == joined


def test_no_split_of_many_is_left_out() -> None:
    names = [f"dev_{number:02}.csv" for number in range(30)]
    assert listed([*names, "train.csv"]).splits("default") == [*(name[:-4] for name in names), "train"]


def test_a_card_declares_configurations() -> None:
    there = listed(IN_CARD, CARD)
    assert there.files("en", "train") == ["en/part-1.csv", "en/part-2.csv"]
    assert there.files("en", "validation") == ["en/held_out.csv"]
    assert there.files("default", "train") == ["de/all.csv"]
    with pytest.raises(BenchmarkError, match=r"no split 'test' of configuration 'en' \(valid: dev, train\)"):
        there.files("en", "test")
    with pytest.raises(BenchmarkError, match=r"no configuration 'fr'.*default, en"):
        there.files("fr", "train")
    with pytest.raises(BenchmarkError, match=r"several configurations: name one, config: en \| de"):
        listed(IN_CARD, CARD.replace("  default: true\n", "")).files("default", "train")


def test_a_card_that_is_no_yaml_declares_nothing() -> None:
    assert listed(["train.csv"], "---\nconfigs: [\n---\n").files("default", "train") == ["train.csv"]


@pytest.mark.parametrize(
    "names",
    [
        ["train.csv", "validation.csv", "test.csv"],
        ["train.jsonl", "valid.jsonl"],
        ["train/a.csv", "train/b.csv", "test/a.csv"],
        ["data/train-00000-of-00001.csv", "data/test-00000-of-00001.csv"],
        ["my_train.csv", "my_dev.csv", "my_eval.csv"],
        ["reviews.csv"],
        ["train1.csv", "train2.csv", "test.csv"],
    ],
)
def test_layouts_are_understood_as_by_datasets(names: list[str], tmp_path: Path) -> None:
    for name in names:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text('{"text": "a"}\n' if name.endswith("jsonl") else "text\na\n")
    theirs = datasets.load_dataset_builder(str(tmp_path), cache_dir=str(tmp_path / "cache")).config.data_files
    ours = listed(list_names(tmp_path))
    assert theirs
    for split, files in theirs.items():
        expected = sorted(Path(file).relative_to(tmp_path).as_posix() for file in files)
        assert ours.files("default", str(split)) == expected


def test_folders_behind_links_belong_to_a_data_set_and_a_link_back_does_not_lead_round(
    tmp_path: Path,
) -> None:
    for name in ("real/train/a.csv", "real/test/a.csv"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("text\na\n")
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "train").symlink_to(tmp_path / "real" / "train")
    (folder / "dev").symlink_to(tmp_path / "real" / "test")
    (folder / "test").symlink_to(tmp_path / "real" / "test")
    (tmp_path / "real" / "train" / "back").symlink_to(folder)
    assert sorted(list_names(folder)) == ["dev/a.csv", "test/a.csv", "train/a.csv"]


@pytest.mark.parametrize(
    ("configs", "files"),
    [
        ("[{config_name: default, data_files: {train: a.csv, test: b.csv}}]", ["a.csv"]),
        ("[text, 3, {config_name: default, data_files: [{split: train, path: [a.csv]}]}]", ["a.csv"]),
        ("[text, 3]", ["train.csv"]),
        ("text", ["train.csv"]),
    ],
)
def test_a_readme_is_read_as_far_as_it_makes_sense(configs: str, files: list[str]) -> None:
    there = listed(["a.csv", "b.csv", "train.csv"], f"---\nconfigs: {configs}\n---\n")
    assert there.files("default", "train") == files


def test_what_cannot_be_looked_into_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("open", "closed"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "train.csv").touch()
    (tmp_path / "link.csv").symlink_to("/nothing")
    look = os.scandir

    def scandir(path: str) -> object:
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied", str(path))
        return look(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert list_names(tmp_path) == ["open/train.csv"]


def test_a_folder_of_everything_is_not_meant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "MOST_FILES", 2)
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).touch()
    assert sorted(list_names(tmp_path)) == ["a.csv", "b.csv"]
    (tmp_path / "c.csv").touch()
    with pytest.raises(
        BenchmarkError, match="has more than 2 files: name the folder of the data inside of it"
    ):
        list_names(tmp_path)
