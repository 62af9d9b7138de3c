"""Translated training sets: XTREME's own from a folder, as published, and notes on whose they are."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmark.config.identity import run_id
from benchmark.config.names import check_translations
from benchmark.config.schema import RunConfig, SplitConfig, TrainingSets
from benchmark.config.splits import training_splits
from benchmark.config.stored import of_another_run
from benchmark.data import translations
from benchmark.errors import BenchmarkError
from benchmark.report.data_notes import data_notes
from benchmark.runs.looking import check_data
from benchmark.runs.run import Run, run
from helpers.grids import load

Compose = Callable[..., RunConfig]
SHORT = ("model=embedded_multilingual", "task=inference", "protocol.epochs=null", "protocol.steps=2")
TRANSLATED = "task.setting=translate_train_all"
ROW = 'A "man sleeps .\tHe wakes .\tEin "Mann schläft .\tEr wacht .\tcontradictory\n'
OTHER = "A man .\tA person .\tEin Mann .\tEine Person .\tentailment\n"
LANGUAGES = {
    "xnli": ("XNLI", "ar bg de el es fr hi ru sw th tr ur vi zh"),
    "pawsx": ("PAWSX", "de es fr ja ko zh"),
    "squad": ("SQuAD", "ar de el es hi ru th tr vi zh"),
    "tydiqa": ("TyDiQA-GoldP", "ar bn fi id ko ru sw te"),
}


@pytest.mark.parametrize("name", LANGUAGES)
def test_a_folder_of_translations_is_trained_on_after_the_tasks_own_english(
    compose: Compose, tmp_path: Path, name: str
) -> None:
    task = compose(f"task={name}", TRANSLATED, f"task.translations='{tmp_path}'").task
    english, *others = training_splits(task)
    folder, languages = LANGUAGES[name]
    assert english == task.train
    assert [(split.repo, split.config, split.split) for split in others] == [
        (f"{tmp_path}/{folder}", f"translate-train.{language}", "train") for language in languages.split()
    ]


@pytest.mark.parametrize("name", ["xquad_mlqa", "xnli_retrieval"])
def test_so_it_is_where_several_tasks_share_a_training(compose: Compose, tmp_path: Path, name: str) -> None:
    task = compose(f"task={name}", TRANSLATED, f"task.translations='{tmp_path}'").task
    assert len(training_splits(task)) > 10


@pytest.mark.parametrize(
    "chosen",
    [
        ("task=xnli",),
        ("task=udpos", TRANSLATED),
        ("task=panx", TRANSLATED),
        ("task=tydiqa", "task.setting=in_language_all"),
    ],
)
def test_without_translated_sets_the_folder_changes_no_run(
    compose: Compose, tmp_path: Path, chosen: tuple[str, ...]
) -> None:
    assert run_id(compose(*chosen, f"task.translations='{tmp_path}'")) == run_id(compose(*chosen))
    assert run_id(compose("task=xnli", TRANSLATED, f"task.translations='{tmp_path}'")) != run_id(
        compose("task=xnli", TRANSLATED)
    )


def test_a_folder_that_is_not_there_is_refused(compose: Compose) -> None:
    with pytest.raises(BenchmarkError, match=r"^task\.translations=/nowhere: no such folder .*XNLI/"):
        check_translations(compose("task=xnli", "task.translations=/nowhere"))


def translated(
    compose: Compose, folder: Path, text: str | bytes, languages: tuple[str, ...] = ("de",)
) -> RunConfig:
    """A run in the form of XNLI that learns the translations ``text`` into German beside its own training set."""
    path = folder / "XNLI" / "translate-train" / "en-de-translated.tsv"
    path.parent.mkdir(parents=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    config = compose(*SHORT, TRANSLATED)
    label_map = {label: label for label in config.task.labels} | {"contradictory": "contradiction"}
    published = SplitConfig(
        "translate-train.{lang}",
        "train",
        f"{folder}/XNLI",
        target="label",
        label_map=label_map,
        languages=list(languages),
    )
    config.task.translations = str(folder)
    config.task.settings = {"translate_train_all": TrainingSets(published=[published])}
    config.task.evaluate = {"dev": config.task.evaluate["dev"]}
    return config


def test_translations_are_read_as_they_are_and_learnt(compose: Compose, tmp_path: Path) -> None:
    config = translated(compose, tmp_path, ROW + OTHER.replace("\n", "\r\n"))
    path = tmp_path / "XNLI" / "translate-train" / "en-de-translated.tsv"
    columns = translations.pairs([path])
    assert columns["english1"] == ['A "man sleeps .', "A man ."]
    assert columns["sentence1"] == ['Ein "Mann schläft .', "Ein Mann ."]
    assert columns["label"] == ["contradictory", "entailment"]
    record = run(Run(config))
    assert record.examples["train"] == english(compose) + 2
    assert "XNLI/translate-train.de/train" in record.data.digests
    assert str(tmp_path) not in json.dumps(record.to_json())
    assert not of_another_run(record.config, record.run_id)


def english(compose: Compose) -> int:
    """The number of training pairs of the task itself."""
    return run(Run(compose(*SHORT))).examples["train"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (ROW.replace("\t", ","), "en-de-translated.tsv, line 1: 1 fields, and XTREME's translations have 5"),
        ("sentence1\tsentence2\tlabel\n" + OTHER, "line 1: 3 fields"),
        (OTHER + "Ein Mann .\tEine Person .\tentailment\n", "line 2: 3 fields"),
        (OTHER.replace("entailment", "entailed"), "no row of"),
        ("\n", "is empty"),
        (OTHER.encode("utf-16"), "is in UTF-16"),
        (ROW.encode("latin-1"), "not UTF-8"),
    ],
)
def test_bad_translations_are_refused_before_training(
    compose: Compose, tmp_path: Path, text: str | bytes, said: str
) -> None:
    with pytest.raises(BenchmarkError) as refusal:
        check_data([translated(compose, tmp_path, text)])
    assert said in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_language_without_a_file_is_refused(compose: Compose, tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match=r"no configuration 'translate-train.sw'.*translate-train.de"):
        check_data([translated(compose, tmp_path, ROW, ("de", "sw"))])


def test_few_damaged_rows_are_left_out_and_counted(compose: Compose, tmp_path: Path) -> None:
    config = translated(compose, tmp_path, OTHER * 99 + "Eine Zeile ohne alles\n")
    record = run(Run(config))
    assert record.examples["train"] == english(compose) + 99
    assert sum(count for counts in record.data.left_out.values() for count in counts.values()) == 1


def test_a_table_says_whose_translations_each_column_has(tmp_path: Path) -> None:
    labels = {"xnli": "XNLI"}
    notes = data_notes(load("noisytune/table3"), labels)
    said = "the training sets of translate_train_all are translated by"
    assert f"XNLI, bucc, tatoeba, bucc_dev, tatoeba_others: {said} the XNLI release, not by XTREME." in notes
    assert f"pos, ner: {said} nobody: English alone, since XTREME has none." in notes
    assert [note for note in notes if note.startswith("pos: parts of speech are in the hub's conversion")]
    own = data_notes(
        load("noisytune/table3", f"task.translations='{tmp_path}'", "task=xnli_retrieval"),
        labels,
    )
    assert f"XNLI, bucc, tatoeba, bucc_dev, tatoeba_others: {said} XTREME." in own


def test_a_table_without_such_data_has_no_such_note() -> None:
    assert data_notes(load("noisytune/table2"), {}) == []
