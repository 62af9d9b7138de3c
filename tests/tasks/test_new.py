"""A task's file from a folder of data: what is guessed, what is said of it, and that it runs."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from datasets import ClassLabel, Dataset, Features, Sequence, Value

from benchmark.config.compose import ROOT
from benchmark.errors import BenchmarkError
from benchmark.tasks import __main__ as command
from benchmark.tasks.guess import guessed
from benchmark.tasks.new import write

WORDS = ["good", "bad", "film", "book"]


def rows(count: int = 12, **columns: Callable[[int], Any]) -> Dataset:
    text = {"text": lambda i: f"the {WORDS[i % 4]} is {i}"}
    return Dataset.from_list([{name: of(i) for name, of in (text | columns).items()} for i in range(count)])


@pytest.mark.parametrize(
    ("data", "kind", "text", "target", "labels", "label_map", "metrics"),
    [
        (rows(label=lambda i: i % 2), "classification", ["text"], "label", ["0", "1"], {}, ["accuracy"]),
        (rows(Stance=lambda i: ["pro", "con"][i % 2]), "classification", ["text"], "Stance", ["con", "pro"], {}, ["accuracy"]),
        (rows(label=lambda i: i % 3 - 1), "classification", ["text"], "label", ["-1", "0", "1"], {}, ["accuracy"]),
        (rows(label=lambda i: Decimal(i % 2).quantize(Decimal("0.01"))), "classification", ["text"], "label", ["0", "1"], {}, ["accuracy"]),
        (rows(score=lambda i: Decimal(i) / 4), "classification", ["text"], "score", [], {}, ["pearson", "spearman"]),
        (rows(label=lambda i: float(i % 2)), "classification", ["text"], "label", ["0", "1"], {}, ["accuracy"]),
        (rows(label=lambda i: i % 2 == 0), "classification", ["text"], "label", ["False", "True"], {"False": "False", "True": "True"}, ["accuracy"]),
        (rows(label=lambda i: int(i == 0)), "classification", ["text"], "label", ["0", "1"], {}, ["accuracy", "matthews_correlation"]),
        (rows(16, label=lambda i: "ab-"[i % 3]), "classification", ["text"], "label", ["-", "a", "b"], {}, ["accuracy"]),
        (rows(score=lambda i: i / 7), "classification", ["text"], "score", [], {}, ["pearson", "spearman"]),
        (rows(40, score=lambda i: i), "classification", ["text"], "score", [], {}, ["pearson", "spearman"]),
        (rows(premise=lambda i: f"a {i}", hypothesis=lambda i: f"b {i}", label=lambda i: i % 3), "classification", ["premise", "hypothesis"], "label", ["0", "1", "2"], {}, ["accuracy"]),
        (rows(id=lambda i: f"x{i}", cls=lambda i: "ab"[i % 2]), "classification", ["text"], "cls", ["a", "b"], {}, ["accuracy"]),
        (rows(tokens=lambda i: ["a", "b"], ner_tags=lambda i: ["O", "B-X"]), "tagging", ["tokens"], "ner_tags", ["O", "B-X"], {}, ["ner"]),
        (rows(words=lambda i: ["a", "b"], upos=lambda i: ["X", "Y"]), "tagging", ["words"], "upos", ["X", "Y"], {}, ["tag_accuracy"]),
        (rows(question=lambda i: "q", context=lambda i: "c", answers=lambda i: {"text": ["c"], "answer_start": [0]}), "answers", ["question", "context"], "answers", [], {}, ["squad"]),
    ],
)  # fmt: skip
def test_a_task_is_guessed_from_its_columns(
    data: Dataset,
    kind: str,
    text: list[str],
    target: str,
    labels: list[str],
    label_map: dict[str, str],
    metrics: list[str],
) -> None:
    guess = guessed(data)
    assert (guess.kind, guess.text, guess.target) == (kind, text, target)
    assert (guess.labels, guess.label_map, guess.metrics) == (labels, label_map, metrics)
    assert guess.reasons


@pytest.mark.parametrize(
    ("score", "line"),
    [
        (lambda i: f"{i},5", "has decimal commas, such as '0,5'"),
        (lambda i: "NA" if i == 7 else f"{i}.5", "has 'NA' among numbers; null, or an empty field"),
    ],
)
def test_numbers_that_are_not_spelt_as_such_are_no_classes(score: Callable[[int], str], line: str) -> None:
    with pytest.raises(BenchmarkError, match=f"the target 'score' {line}"):
        guessed(rows(60, score=lambda i: score(i % 30)))


@pytest.mark.parametrize(
    ("score", "line"),
    [
        (lambda i: ["inf", "1.5", "2.5"][i % 3], "has 'inf' among numbers; null, or an empty field"),
        (lambda i: [float("-inf"), 1.5, 2.5][i % 3], "has -inf among numbers"),
        (lambda i: 1.5, "is 1.5 in every row of the training split"),
    ],
)
def test_scores_that_cannot_be_learnt_are_refused(score: Callable[[int], object], line: str) -> None:
    with pytest.raises(BenchmarkError, match=f"the target 'score' {line}"):
        guessed(rows(60, score=score))


def test_infinity_may_be_a_word() -> None:
    assert guessed(rows(60, label=lambda i: ["inf", "fin"][i % 2])).labels == ["fin", "inf"]


def test_a_column_of_unlike_values_that_no_task_has_is_passed_over(tmp_path: Path) -> None:
    for split in ("train", "dev"):
        lines = [{"text": "a b", "label": i % 2, "meta": [1, "x"]} for i in range(8)]
        (tmp_path / f"{split}.jsonl").write_text("\n".join(map(json.dumps, lines)))
    path, _ = write("mine", str(tmp_path), tmp_path / "conf", "default", [], None)
    assert yaml.safe_load(path.read_text())["text"] == ["text"]


def test_labels_that_may_be_one_are_said() -> None:
    said = guessed(rows(16, label=lambda i: ["pos", "neg", "Neg ", "so-so"][i % 4])).reasons
    assert "MIND labels: 'Neg ' and 'neg' differ in capitals or blanks alone; are they one?" in said
    assert len([reason for reason in said if "MIND" in reason]) == 1


@pytest.mark.parametrize("names", ["-+", "-o+", ["-", "neutral", "entailment"]])
def test_a_minus_is_a_class_beside_other_labels_than_those_of_snli(names) -> None:
    rare = guessed(rows(100, label=lambda i: names[1 + i % (len(names) - 1)] if i else "-"))
    assert set(rare.labels) == set(names)
    assert not rare.label_map


def test_an_undecided_row_of_snli_has_no_label_and_is_counted() -> None:
    snli = ["entailment", "neutral", "contradiction"]
    guess = guessed(rows(100, label=lambda i: snli[i % 3] if i > 1 else "-"))
    assert guess.label_map == {name: name for name in snli}
    assert guess.labels == sorted(snli)
    assert "label_map: without '-' (2 of 100 rows), which stands for no label in SNLI" in guess.reasons
    often = guessed(rows(100, label=lambda i: [*snli, "-"][i % 4]))
    assert often.labels == ["-", *sorted(snli)]
    assert not often.label_map
    assert (
        "MIND labels: '-' is a class here (25 of 100 rows); in SNLI it stands for no label" in often.reasons
    )


def test_views_of_text_are_texts() -> None:
    views = Features({"text": Value("string_view"), "label": Value("int64")})
    assert guessed(rows(label=lambda i: i % 2).cast(views)).text == ["text"]


def test_names_of_classes_are_taken_from_the_data() -> None:
    names = ClassLabel(names=["no", "yes"])
    flat = rows(label=lambda i: i % 2).cast_column("label", names)
    assert guessed(flat).labels == ["no", "yes"]
    features = Features(
        {"tokens": Sequence(Value("string")), "tags": Sequence(ClassLabel(names=["O", "B-A"]))}
    )
    tagged = Dataset.from_dict({"tokens": [["a"]], "tags": [[1]]}, features=features)
    assert guessed(tagged).labels == ["O", "B-A"]


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (rows(note=lambda i: f"n {i}", more=lambda i: f"m {i}"), "do not tell which is the target: text, note, more; .*--target"),
        (rows(label=lambda i: i % 2).rename_column("text", "a"), None),
        (rows(a=lambda i: f"a a {i}", b=lambda i: f"b b {i}", label=lambda i: 0).rename_column("text", "c"), "which is the text: .*--text"),
        (rows(label=lambda i: f"label {i}"), "'label' has 12 different texts in 12 rows"),
        (rows(tokens=lambda i: ["a"], tags=lambda i: [0]), "'tags' are numbers without names"),
        (rows(tokens=lambda i: ["a"], tags=lambda i: ["O"]), "'tags' has no two labels in the training split, but O"),
        (rows(label=lambda i: "same"), "'label' has no two labels in the training split, but same"),
        (rows(labels=lambda i: ["a", "b"][: i % 3]), r"'labels' has \['a', 'b'\]: one label or number per row is wanted"),
        (rows(400, label=lambda i: f"label {i % 150}"), "150 different texts in 400 rows, too many .* --target"),
    ],
)  # fmt: skip
def test_columns_that_do_not_tell_are_listed(data: Dataset, line: str | None) -> None:
    if line is None:
        assert guessed(data).text == ["a"]
        return
    with pytest.raises(BenchmarkError, match=line):
        guessed(data)


def test_columns_may_be_named() -> None:
    data = rows(label=lambda i: i % 2, other=lambda i: i % 3, note=lambda i: f"n {i}")
    guess = guessed(data, ["note"], "other")
    assert (guess.text, guess.target, guess.labels) == (["note"], "other", ["0", "1", "2"])
    assert len(guessed(rows(400, label=lambda i: f"label {i % 150}"), [], "label").labels) == 150
    with pytest.raises(BenchmarkError, match="unknown column 'nota'; did you mean 'note'"):
        guessed(data, ["nota"])


def test_questions_without_an_answer_are_noticed(tmp_path: Path) -> None:
    answers = [{"text": ["c"], "answer_start": [0]}, {"text": [], "answer_start": []}]
    lines = [json.dumps({"question": "q", "context": "c", "answers": answer}) for answer in answers]
    for name in ("train", "dev"):
        (tmp_path / f"{name}.jsonl").write_text("\n".join(lines))
    path, said = write("mine", str(tmp_path), tmp_path / "conf", "default", [], None)
    assert yaml.safe_load(path.read_text())["answers"] == {"unanswerable": True}
    assert "unanswerable: 1 questions have no answer, as in SQuAD 2" in said


def test_a_label_map_is_spelt_out_for_every_split(tmp_path: Path) -> None:
    for name in ("train", "dev"):
        lines = [json.dumps({"text": f"the film {i}", "label": i % 2 == 0}) for i in range(12)]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(lines))
    path, _ = write("mine", str(tmp_path), tmp_path / "conf", "default", [], None)
    assert path.read_text().count("label_map: {'False': 'False', 'True': 'True'}") == 2


def csv(folder: Path, *names: str, label: Callable[[int], object] = lambda i: i % 2) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        lines = "".join(f"the {WORDS[i % 4]} is {i},{label(i)}\n" for i in range(12))
        (folder / name).write_text(f"text,label\n{lines}")
    return folder


def test_a_file_is_written_once(tmp_path: Path) -> None:
    data = csv(tmp_path / "data", "train.csv", "dev.csv", "test.csv", label=lambda i: ["no", "yes"][i % 2])
    path, lines = write("mine", str(data), tmp_path / "conf", "default", [], None)
    assert path == tmp_path / "conf" / "task" / "mine.yaml"
    assert yaml.safe_load(path.read_text()) == {
        "name": "mine",
        "label": "mine",
        "repo": str(data),
        "text": ["text"],
        "labels": ["no", "yes"],
        "metrics": ["accuracy"],
        "train": {"split": "train"},
        "evaluate": {"dev": {"split": "dev"}, "test": {"split": "test", "last_only": True}},
    }
    assert lines[:3] == ["training split: train", "evaluation sets: dev, test", "kind: classification"]
    with pytest.raises(BenchmarkError, match=r"mine.yaml is there already and is not overwritten"):
        write("mine", str(data), tmp_path / "conf", "default", [], None)
    with pytest.raises(BenchmarkError, match=r"conf/task/rte.yaml is there already"):
        write("rte", str(data), tmp_path / "conf", "default", [], None)


@pytest.mark.parametrize(
    ("names", "train", "lines"),
    [
        (["train_1k.csv", "train.csv", "dev.csv"], None, ["training split: train", "evaluation sets: dev", "not used: train_1k"]),
        (["train_v1.csv", "train_v2.csv", "dev.csv"], "train_v2", ["training split: train_v2", "evaluation sets: dev", "not used: train_v1"]),
        (["train1.csv", "train2.csv", "dev1.csv"], None, ["training split: train, joined of 2 files: train1.csv, train2.csv", "evaluation sets: dev1", "kind: classification"]),
        (["training.csv", "train_1k.csv", "dev.csv", "all.csv"], None, ["training split: training", "evaluation sets: dev", "not used: all, train_1k"]),
        (["reviews.csv", "dev.csv"], "reviews", ["training split: reviews", "evaluation sets: dev", "kind: classification"]),
    ],
)  # fmt: skip
def test_what_is_used_of_several_files_is_said(
    names: list[str], train: str | None, lines: list[str], tmp_path: Path
) -> None:
    data = csv(tmp_path / "data", *names)
    _, said = write("mine", str(data), tmp_path / "conf", "default", [], None, train)
    assert said[:3] == lines


def test_files_that_a_number_joins_are_said_by_a_run(
    tmp_path: Path, cli: Callable[..., tuple[int, str, str]]
) -> None:
    write(
        "mine",
        str(csv(tmp_path / "data", "train1.csv", "train2.csv", "dev.csv")),
        tmp_path,
        "default",
        [],
        None,
    )
    status, _, errors = cli(f"hydra.searchpath=[file://{tmp_path}]", "task=mine", "protocol.epochs=1")
    assert status == 0
    assert errors.count("default/train is joined of 2 files: train1.csv, train2.csv") == 1


@pytest.mark.parametrize(
    ("names", "name", "line"),
    [
        (["train_1k.csv", "train_2k.csv", "dev.csv"], "mine", "several splits to train on: train_1k, train_2k; name one with --train"),
        (["train.csv"], "mine", "no split to evaluate on beside 'train'"),
        (["dev.csv"], "mine", "no split to train on among dev"),
        (["train.csv", "dev.csv"], "my task", "'my task': a task's name has letters"),
        (["train.csv", "dev.csv"], "../x", "a task's name has letters"),
    ],
)  # fmt: skip
def test_nothing_is_written_of_what_is_no_task(
    names: list[str], name: str, line: str, tmp_path: Path
) -> None:
    with pytest.raises(BenchmarkError, match=line):
        write(name, str(csv(tmp_path / "data", *names)), tmp_path / "conf", "default", [], None)
    assert not (tmp_path / "conf").exists()


def test_a_first_run_on_ones_own_data(
    tmp_path: Path,
    cli: Callable[..., tuple[int, str, str]],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    csv(tmp_path / "data", "train.csv", "dev.csv")
    assert command.main(["new", "reviews", "--data", "data"]) == 0
    said = capsys.readouterr().out
    assert "wrote conf/task/reviews.yaml" in said
    assert "text: text, by its name" in said
    assert f"python -m benchmark 'hydra.searchpath=[file://{tmp_path}/conf]' task=reviews" in said
    assert command.main(["new", "reviews", "--data", "data"]) == 2
    assert capsys.readouterr().err.startswith("error: conf/task/reviews.yaml is there already")
    search = f"hydra.searchpath=[file://{tmp_path}/conf]"
    status, _, errors = cli(search, "task=reviews", "protocol.epochs=1")
    assert (status, errors) == (0, "")
    [record] = (tmp_path / "store").glob("*/record.json")
    assert json.loads(record.read_text())["examples"] == {"train": 12, "dev": 12}


def test_the_example_of_the_readme(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    cli: Callable[..., tuple[int, str, str]],
) -> None:
    blocks = re.findall(r"(?:^    .*\n)+", (ROOT / "conf" / "README.md").read_text(), re.MULTILINE)
    table, shown = (
        next(textwrap.dedent(block) for block in blocks if block.startswith(begin))
        for begin in ("    text,label", "    name: reviews")
    )
    [typed] = (block.split() for block in blocks if "benchmark.tasks new" in block)
    (tmp_path / "reviews").mkdir()
    for name in ("train.csv", "dev.csv"):
        (tmp_path / "reviews" / name).write_text(table)
    monkeypatch.chdir(tmp_path)
    assert command.main(typed[3:]) == 0
    written = (tmp_path / "conf" / "task" / "reviews.yaml").read_text()
    expected = yaml.safe_load(shown) | {"repo": str(tmp_path / "reviews")}
    assert yaml.safe_load(written) == expected
    search = f"hydra.searchpath=[file://{tmp_path}/conf]"
    status, output, errors = cli(search, "task=reviews", "protocol.epochs=1")
    assert (status, errors) == (0, "")
    assert "dev/accuracy" in output
