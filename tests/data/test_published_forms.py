"""Files in the forms in which XTREME's data are published: BUCC's shared task, and treebanks in CoNLL-U."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmark.config.schema import RunConfig, SplitConfig, TaskConfig
from benchmark.data import files, task_files
from benchmark.errors import BenchmarkError
from benchmark.runs.looking import check_data
from benchmark.runs.run import Run, run

Compose = Callable[..., RunConfig]
BUCC = {
    "de-en/de-en.training.de": "de-1\tEin Satz.\nde-2\tNoch\u2028einer.\r\n\n",
    "de-en/de-en.training.en": "en-1\tA sentence.\nen-2\tAnother.\nen-3\tA third.\n",
    "de-en/de-en.training.gold": "de-1\ten-2\n",
    "de-en/de-en.sample.de": "de-1\tGuten Tag.\n",
    "de-en/de-en.sample.en": "en-1\tGood day.\n",
    "de-en/de-en.sample.gold": "de-1\ten-1\n",
    "de-en/de-en.test.de": "de-9\tOhne Paare.\n",
}


def written(folder: Path, texts: dict[str, str | bytes]) -> Path:
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
    return folder


def rows(folder: Path, config: str, split: str) -> list[dict[str, Any]]:
    """The rows of a split in a folder of published files."""
    wanted = SplitConfig(config, split)
    task = TaskConfig(name="mine", repo=str(folder), text=[], metrics=["bucc"], evaluate={"set": wanted})
    sources = files.find_sources(task, [wanted], folder)
    file = files.find(task, sources[files.origin(task, wanted)], wanted)
    return list(files.read(task, wanted, file, [], folder / "cache").to_list())


def refusal(call: Callable[[], object]) -> str:
    with pytest.raises(BenchmarkError) as caught:
        call()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_shared_tasks_files_are_pairs_and_sentences(tmp_path: Path) -> None:
    written(tmp_path, BUCC)
    assert rows(tmp_path, "bucc18.de", "test") == [{"source_id": "de-1", "target_id": "en-2"}]
    assert rows(tmp_path, "bucc18.de", "validation") == [{"source_id": "de-1", "target_id": "en-1"}]
    assert [tuple(row.values()) for row in rows(tmp_path, "bucc18.de.sentences", "test")] == [
        ("de-1", "de", "Ein Satz."),
        ("de-2", "de", "Noch\u2028einer."),
        *(("en-1", "en", "A sentence."), ("en-2", "en", "Another."), ("en-3", "en", "A third.")),
    ]


def test_they_may_be_compressed(tmp_path: Path) -> None:
    written(tmp_path, {f"{name}.gz": gzip.compress(text.encode()) for name, text in BUCC.items()})
    assert len(rows(tmp_path, "bucc18.de.sentences", "test")) == 5
    assert len(rows(tmp_path, "bucc18.de", "test")) == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"de-en/de-en.sample.en": None}, ["has no de-en.sample.en, which belongs to de-en.sample.de"]),
        ({"de-en/de-en.sample.gold": None}, ["no split 'validation' of configuration 'bucc18.de'"]),
        (
            {"de-en/de-en.training.gold": "de-1 en-2\n"},
            ["de-en.training.gold, line 1: 1 fields", "two ids with a tab between"],
        ),
        (
            {"de-en/de-en.training.en": "en-1\tA\ten-2\n"},
            ["de-en.training.en, line 1: 3 fields", "an id and a sentence"],
        ),
        (
            {"de-en/de-en.training.gold": "de-1\ten-7\n"},
            ["'target_id', row 0", "'en-7' is the id of no sentence"],
        ),
        ({"de-en/de-en.training.gold": "en-1\tde-1\n"}, ["'en-1' is the id of no sentence"]),
        ({"de-en/de-en.training.de": "de-1\tA\nde-1\tB\n"}, ["'de-1' names two sentences"]),
        ({"de-en/de-en.training.de": "de-1\tGr\xfc\xdfe\n".encode("latin-1")}, ["not UTF-8", "iconv"]),
        ({"de-en/de-en.training.de": "\n"}, ["de-en.training.de is empty"]),
        ({"other/de-en.training.de": "de-1\tA\n"}, ["have the same name"]),
        (dict.fromkeys(BUCC), ["no file of Parquet", "it has note.txt"]),
    ],
)
def test_bad_files_of_the_shared_task_are_refused_before_training(
    compose: Compose, tmp_path: Path, change: dict[str, Any], said: list[str]
) -> None:
    texts = {name: text for name, text in {**BUCC, **change}.items() if text is not None}
    written(tmp_path / "bucc", texts or {"note.txt": "nothing"})
    config = mined(compose, tmp_path / "bucc", ["de"])
    message = refusal(lambda: check_data([config]))
    assert all(part in message for part in said), message


def test_a_language_that_the_folder_has_not_is_refused(compose: Compose, tmp_path: Path) -> None:
    config = mined(compose, written(tmp_path / "bucc", BUCC), ["de", "fr"])
    assert "no configuration 'bucc18.fr'" in refusal(lambda: check_data([config]))


def mined(compose: Compose, folder: Path, languages: list[str]) -> RunConfig:
    """A run whose mining set are files of the shared task in ``folder``: what one override of BUCC's task does."""
    config = compose("model=embedded_multilingual", "task=inference", "data.count=16", "protocol.epochs=1")
    bucc = replace(
        config.task.evaluate["mining"],
        repo=str(folder),
        config="bucc18.{lang}",
        sentences=None,
        languages=languages,
    )
    config.task = replace(config.task, evaluate={"mining": bucc})
    return config


def test_mining_the_shared_tasks_files_is_mining_what_they_hold(compose: Compose, tmp_path: Path) -> None:
    config = mined(compose, tmp_path / "bucc", ["de"])
    plain = replace(
        config,
        task=replace(config.task, evaluate={"mining": compose("task=inference").task.evaluate["mining"]}),
    )
    plain.task.languages = ["de"]
    source = files.find_sources(plain.task, [plain.task.train], Path(config.cache))[None, "1"]
    for part, split in (("training", "test"), ("sample", "validation")):
        texts: dict[str, str | bytes] = {}
        for name, configured, columns in (
            ("gold", "mining.de", ("source_id", "target_id")),
            *((side, "mining.de.sentences", ("id", "sentence")) for side in ("de", "en")),
        ):
            wanted = SplitConfig(configured, split)
            table = files.read(
                plain.task, wanted, files.find(plain.task, source, wanted), [], tmp_path
            ).to_list()
            chosen = [row for row in table if row.get("lang", name) == name]
            texts[f"de-en.{part}.{name}"] = "".join(
                f"{row[columns[0]]}\t{row[columns[1]]}\n" for row in chosen
            )
        written(tmp_path / "bucc", texts)
    ours, theirs = run(Run(config)), run(Run(plain))
    assert ours.scores["mining/de"] == theirs.scores["mining/de"]
    assert ours.scores["mining/de"]["f1"] > 0
    names = {
        f"bucc/bucc18.de{kind}/{split}" for kind in ("", ".sentences") for split in ("test", "validation")
    }
    assert names <= ours.data.digests.keys()
    assert task_files.files(config.task, names).keys() == names


def test_translated_questions_have_the_format_of_squad(tmp_path: Path) -> None:
    question = {"id": "1", "question": "Wer?", "answers": [{"text": "Anna", "answer_start": 0}]}
    article = {"title": "t", "paragraphs": [{"context": "Anna schläft.", "qas": [question]}]}
    text = json.dumps({"version": "1.1", "data": [article]})
    written(tmp_path, {"translate-train/squad.translate.train.en-de.json": text})
    [row] = rows(tmp_path, "translate-train.de", "train")
    assert (row["question"], row["context"]) == ("Wer?", "Anna schläft.")
    written(tmp_path, {"copy/squad.translate.train.en-de.json": text})
    assert "have the same name: keep one" in refusal(lambda: rows(tmp_path, "translate-train.de", "train"))


CONLLU = """# text = Ich gehe zum Haus
1	Ich	ich	PRON	_	_	2	nsubj	_	_
2	gehe	gehen	VERB	_	_	0	root	_	_
3-4	zum	_	_	_	_	_	_	_	_
3	zu	zu	ADP	_	_	5	case	_	_
4	dem	der	DET	_	_	5	det	_	_
4.1	leer	leer	VERB	_	_	_	_	2:conj	_
5	Haus	Haus	NOUN	_	_	2	obl	_	SpaceAfter=No

"""


def word(number: int, form: str, tag: str, head: int) -> str:
    return f"{number}\t{form}\t_\t{tag}\t_\t_\t{head}\tdep\t_\t_\n"


def test_a_contraction_is_one_word_with_the_tag_of_its_head(tmp_path: Path) -> None:
    # Both parts hang on the same word, so that the order of tags decides: ADP before DET.
    written(tmp_path, {"UD_German-GSD/de_gsd-ud-test.conllu": CONLLU.replace("\n", "\r\n")})
    assert rows(tmp_path, "udpos-xtreme.de", "test") == [
        {"tokens": ["Ich", "gehe", "zum", "Haus"], "pos_tags": ["PRON", "VERB", "ADP", "NOUN"]}
    ]


@pytest.mark.parametrize(("language", "tag"), [("de", "NOUN"), ("es", "AUX"), ("fr", "AUX")])
def test_of_parts_as_near_to_the_root_the_languages_order_decides(
    tmp_path: Path, language: str, tag: str
) -> None:
    text = "1-2\tab\t" + "\t".join("_" * 8) + "\n" + word(1, "a", "AUX", 3) + word(2, "b", "NOUN", 3)
    written(tmp_path, {f"{language}_x-ud-test.conllu": text + word(3, "c", "VERB", 0)})
    assert rows(tmp_path, f"udpos-xtreme.{language}", "test")[0]["pos_tags"] == [tag, "VERB"]


def test_the_part_nearest_to_the_root_is_the_head_whatever_its_tag(tmp_path: Path) -> None:
    text = "1-2\tab\t" + "\t".join("_" * 8) + "\n" + word(1, "a", "VERB", 2) + word(2, "b", "PUNCT", 0)
    written(tmp_path, {"de_x-ud-test.conllu": text + word(3, "c", "NOUN", 2)})
    assert rows(tmp_path, "udpos-xtreme.de", "test")[0] == {
        "tokens": ["ab", "c"],
        "pos_tags": ["PUNCT", "NOUN"],
    }


def test_spaces_and_joiners_leave_words_and_sentences_without_words_are_left_out(tmp_path: Path) -> None:
    blank = word(1, "_", "NOUN", 0) + word(2, "_", "VERB", 1) + word(3, "x", "PUNCT", 1) + "\n"
    half = word(1, "_", "NOUN", 0) + word(2, "b", "_", 1) + word(3, "c", "PUNCT", 1)
    text = word(1, "xin ch\u200cao", "INTJ", 0) + "\n" + blank + half
    written(tmp_path, {"vi_vtb-ud-dev.conllu": text})
    assert rows(tmp_path, "udpos-xtreme.vi", "validation") == [
        {"tokens": ["xinchao"], "pos_tags": ["INTJ"]},
        {"tokens": ["_", "b", "c"], "pos_tags": ["NOUN", "X", "PUNCT"]},
    ]


def test_a_language_has_all_treebanks_of_its_code_and_no_other(tmp_path: Path) -> None:
    names = ["UD_Greek-GDT/el_gdt", "UD_Ancient_Greek-PROIEL/grc_proiel", "UD_Greek-X/el_xy"]
    written(
        tmp_path,
        {
            f"{name}-ud-{part}.conllu": word(1, name[-3:], "NOUN", 0)
            for name in names
            for part in ("train", "test")
        },
    )
    written(tmp_path, {"UD_Greek-X/el_xy-ud-train-b.conllu": word(1, "b", "NOUN", 0)})
    assert [row["tokens"] for row in rows(tmp_path, "udpos-xtreme.el", "train")] == [["gdt"], ["b"], ["_xy"]]
    assert len(rows(tmp_path, "udpos-xtreme.el", "test")) == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1\tHaus\tNOUN\n", "de_x-ud-test.conllu, line 1: 3 fields, and a word of CoNLL-U has 10"),
        (
            word(1, "a", "NOUN", 0) + word(3, "b", "NOUN", 1),
            "line 2: the word 2 of its sentence is called '3'",
        ),
        (word(1, "a", "SUBST", 0), "'SUBST'"),
        (word(1, "_", "NOUN", 0), "no sentence has its words"),
        (word(1, "ä", "NOUN", 0).encode("utf-16"), "is in UTF-16"),
    ],
)
def test_bad_treebanks_are_refused_before_training(
    compose: Compose, tmp_path: Path, text: str | bytes, said: str
) -> None:
    config = tagged(compose, written(tmp_path, {"de_x-ud-test.conllu": text}))
    assert said in refusal(lambda: check_data([config]))


def test_a_language_without_a_treebank_is_refused(compose: Compose, tmp_path: Path) -> None:
    config = tagged(compose, written(tmp_path, {"yo_x-ud-test.conllu": CONLLU}))
    message = refusal(lambda: check_data([config]))
    assert "no configuration 'udpos-xtreme.de'" in message
    assert "udpos-xtreme.yo" in message


def tagged(compose: Compose, folder: Path) -> RunConfig:
    """XTREME's task of parts of speech in German, from treebanks in ``folder``, learnt where they have the words."""
    english = word(1, "a", "DET", 2) + word(2, "house", "NOUN", 0) + "\n"
    written(folder, {f"en_ewt-ud-{part}.conllu": english * 8 for part in ("train", "dev")})
    return compose(
        *("model=embedded_multilingual", "task=udpos_xtreme", f"task.repo='{folder}'", "task.languages=[de]"),
        *("protocol.epochs=1", "protocol.batch_size=4"),
    )


def test_treebanks_are_learnt_and_scored(compose: Compose, tmp_path: Path) -> None:
    record = run(Run(tagged(compose, written(tmp_path, {"UD_German-X/de_x-ud-test.conllu": CONLLU * 3}))))
    assert record.examples == {"train": 8, "udpos/de": 3, "dev": 8}
    assert 0 <= record.scores["udpos/de"]["tag_accuracy"] <= 1
