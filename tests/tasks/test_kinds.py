"""Kinds of task: items, losses and shares, answers and scores, and one training for many evaluation sets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from pyarrow import Table, parquet
from seqeval.metrics import f1_score
from torch.nn import functional

from benchmark import methods, tasks
from benchmark.config.compose import ROOT
from benchmark.config.identity import identity, run_id
from benchmark.config.schema import RunConfig
from benchmark.config.splits import evaluation_splits, training_splits
from benchmark.config.task_options import RetrievalConfig
from benchmark.errors import BenchmarkError
from benchmark.models import pretrained, special_tokens
from benchmark.records.store import Store
from benchmark.runs.run import Run, run
from benchmark.tasks.answers import Answers
from benchmark.tasks.retrieval import Retrieval, inner
from benchmark.tasks.tagging import Tagging
from benchmark.tasks.word_pieces import IGNORED
from benchmark.training.evaluation import over_languages
from helpers.learning import FILES
from helpers.tuning import finetune

Compose = Callable[..., RunConfig]
TAGGED = torch.tensor([[0, 1, 2], [0, 3, 0], [1, 0, 1]])  # example, place and class of every word
MASK = {"attention_mask": torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0]])}
XTREME = [
    "xnli", "pawsx", "panx", "udpos", "squad", "xquad", "mlqa", "xquad_mlqa", "tydiqa",
    "bucc2018", "tatoeba", "xnli_retrieval",
]  # fmt: skip
LANGUAGES = {"xnli": 15, "pawsx": 7, "panx": 40, "udpos": 33, "xquad": 11, "mlqa": 7, "tydiqa": 9}
LANGUAGES |= {"bucc2018": 4, "tatoeba": 36}


def load(config: dict[str, Any]) -> tasks.Task:
    return tasks.load(config, pretrained.tokenizer(config.model, Path(config.cache)))


def test_an_item_of_a_tagging_is_a_word() -> None:
    raw, kind = torch.randn(2, 4, 3), Tagging(["a", "b", "c"])
    items = kind.items(raw, MASK, TAGGED)
    assert torch.equal(items, raw[[0, 0, 1], [1, 3, 0]])
    expected = functional.cross_entropy(items, torch.tensor([2, 0, 1]))
    assert torch.equal(kind.loss(items, TAGGED), expected)
    assert [kind.place(TAGGED, i) for i in range(3)] == [slice(0, 2), slice(2, 3), slice(3, 3)]
    assert torch.equal(kind.targets_of(TAGGED, 1), TAGGED[2:])
    assert kind.twice(TAGGED, 2).tolist() == [*TAGGED.tolist(), [2, 1, 2], [2, 3, 0], [3, 0, 1]]


@pytest.mark.parametrize(
    ("pad_left", "places"), [(False, [[0, 1, 4], [1, 2, 0]]), (True, [[0, 1, 4], [1, 4, 0]])]
)
def test_the_targets_of_a_tagging_say_where_its_words_begin(pad_left: bool, places: list[list[int]]) -> None:
    pieces = [torch.tensor([IGNORED, 4, IGNORED, IGNORED, IGNORED]), torch.tensor([IGNORED, IGNORED, 0])]
    examples = SimpleNamespace(targets=pieces)
    assert Tagging(list("abcde")).targets(examples, [0, 1], pad_left).tolist() == places


def test_items_of_an_answer_are_its_start_and_its_end_over_real_tokens() -> None:
    raw, kind = torch.randn(2, 4, 2), Answers()
    items = kind.items(raw, MASK, torch.zeros(2, 2))
    assert torch.equal(items[:2], raw[0].T)
    assert items[2:, 2:].softmax(-1).isfinite().all()
    assert torch.equal(items[2:].softmax(-1)[:, 2:], torch.zeros(2, 2))
    assert torch.equal(items[3, :2], raw[1, :2, 1])
    targets = torch.tensor([[1, 3], [0, 1]])
    halves = functional.cross_entropy(items[::2], targets[:, 0]) + functional.cross_entropy(
        items[1::2], targets[:, 1]
    )
    torch.testing.assert_close(kind.loss(items, targets), halves / 2)
    assert kind.place(targets, 1) == slice(2, 4)


def test_an_answers_place_moves_with_padding_on_the_left() -> None:
    examples = SimpleNamespace(targets=torch.tensor([[0, 1], [2, 2]]), lengths=np.array([3, 5]))
    assert Answers().targets(examples, [0, 1], True).tolist() == [[2, 3], [2, 2]]
    assert Answers().targets(examples, [0, 1], False).tolist() == [[0, 1], [2, 2]]


def test_special_tokens_can_be_left_out_of_a_sentences_mean() -> None:
    assert inner(torch.tensor([[1, 1, 1, 1], [1, 1, 1, 0]])).tolist() == [[0, 1, 1, 0], [0, 1, 0, 0]]


def test_the_layer_of_a_retrieval_is_named_or_two_thirds_of_the_way() -> None:
    options = RetrievalConfig(layers={"24": 14})
    assert [Retrieval(options, depth).layers for depth in (6, 12, 24)] == [[4], [8], [14]]
    assert Retrieval(replace(options, rule="best_on_test"), 3).layers == [1, 2, 3]
    with pytest.raises(BenchmarkError, match=r"no layer 9; the model has 6"):
        _ = Retrieval(replace(options, compared=[9]), 6).layers


def test_the_best_layer_is_chosen_and_all_are_shown() -> None:
    kind = Retrieval(RetrievalConfig(rule="best_on_test"), 2)
    measure = tasks.Measure(kind, ["accuracy"])
    scores = kind.score(np.array([[0, 0, 0, 0], [0, 1, 2, 0]]), None, measure)
    assert scores == {"accuracy": 0.75, "accuracy@1": 0.25, "accuracy@2": 0.75}


def test_the_scores_of_dev_stand_beside_those_of_every_layer() -> None:
    kind = Retrieval(RetrievalConfig(rule="best_on_test"), 2)
    scores = kind.by_layer([{"f1": 0.25}, {"f1": 0.75}], [{"f1": 0.5}, {"f1": 0.125}])
    assert scores == {"f1": 0.75, "f1@1": 0.25, "f1@2": 0.75, "dev@1": 0.5, "dev@2": 0.125}
    assert Retrieval(RetrievalConfig(), 3).by_layer([{"f1": 0.25}], [{"f1": 0.5}]) == {"f1": 0.25}


def test_scores_of_languages_are_preceded_by_their_mean() -> None:
    groups = {"ner/de": "ner", "ner/sw": "ner"}
    found = over_languages({"dev": {"f1": 1.0}, "ner/de": {"f1": 0.2}, "ner/sw": {"f1": 0.4}}, groups)
    assert list(found) == ["dev", "ner", "ner/de", "ner/sw"]
    assert found["ner"]["f1"] == pytest.approx(0.3)


def test_a_mean_that_lacks_a_language_is_no_mean() -> None:
    groups = {"ner/de": "ner", "ner/sw": "ner"}
    assert over_languages({"ner/de": {"f1": 0.2}}, groups) == {"ner/de": {"f1": 0.2}}
    assert over_languages({"ner/de": {"f1": 0.2}, "a/de": {"f1": 1.0}}, {}).keys() == {"ner/de", "a/de"}


@pytest.mark.parametrize("name", XTREME)
def test_every_task_of_xtreme_is_configured(compose: Compose, name: str) -> None:
    task = compose(f"task={name}").task
    for part, split in task.evaluate.items():
        assert len(split.languages) == LANGUAGES.get(part, 0), part
        assert set(split.names) <= set(split.languages)
    for split in [*evaluation_splits(task).values(), *training_splits(task)]:
        assert "{" not in split.config
    for setting in task.settings:
        assert training_splits(compose(f"task={name}", f"task.setting={setting}").task)


def test_a_language_is_filled_in_wherever_a_split_speaks_of_it(compose: Compose) -> None:
    sets = evaluation_splits(compose("task=tydiqa", "task.languages=[sw]").task)
    assert list(sets) == ["tydiqa/sw"]
    assert (sets["tydiqa/sw"].rows, sets["tydiqa/sw"].language) == ({"id": "swahili-*"}, "sw")


@pytest.mark.parametrize(
    ("override", "line"),
    [
        (
            "task.languages=[de,tlh]",
            "unknown language 'tlh' in task.languages of task 'panx'.*valid: tl, th, .* file in conf/task/",
        ),
        (
            "task.setting=translated",
            "unknown setting 'translated'.*valid: in_language_all, translate_train_all",
        ),
        ("task.kind=parsing", "unknown task.kind 'parsing'"),
        ("task.retrieval.rule=best", "unknown task.retrieval.rule 'best'"),
        ("task.evaluate.panx.metrics=[nre]", "unknown metric 'nre' in task.evaluate.panx.metrics"),
    ],
)
def test_what_a_task_does_not_have_is_refused_with_what_it_has(
    compose: Compose, override: str, line: str
) -> None:
    with pytest.raises(BenchmarkError, match=line):
        run(Run(compose("task=panx", override)))


def test_a_setting_that_trains_on_the_same_is_another_run_only_where_it_trains_on_other_data(
    compose: Compose,
) -> None:
    zero_shot, all_languages = (
        compose("task=pawsx", f"task.setting={setting}") for setting in ("zero_shot", "translate_train_all")
    )
    assert run_id(zero_shot) != run_id(all_languages)
    assert "settings" not in identity(zero_shot)["task"]
    ner = [run_id(compose("task=panx", f"task.setting={s}")) for s in ("zero_shot", "translate_train_all")]
    assert ner[0] == ner[1]


def test_runs_of_old_keep_their_names(compose: Compose) -> None:
    stated = identity(compose("task=mnli_transfer"))["task"]
    assert set(stated) == {"repo", "text", "labels", "metrics", "train", "evaluate"}
    assert set(stated["train"]) == {"config", "split"}


# --- On files of our own, through the whole run -------------------------------------------------------------


@pytest.fixture
def written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str, str, list[dict[str, Any]]], None]:
    """``written(config, split, rows)``: a data set that the project makes, as far as the loader can tell."""
    import benchmark.embedded.tasks as embedded

    monkeypatch.setattr(embedded, "build", lambda _: tmp_path / "data")

    def write(config: str, split: str, rows: list[dict[str, Any]]) -> None:
        folder = tmp_path / "data" / config
        folder.mkdir(parents=True, exist_ok=True)
        parquet.write_table(Table.from_pylist(rows), folder / f"{split}-00000-of-00001.parquet")

    return write


OURS = [
    "task.repo=null",
    "task.builder=benchmark.embedded.tasks.build",
    "model=embedded",
    "protocol.epochs=2",
]
WORDS = ["the", "is", "not", "and"]


def test_a_tagging_scores_what_seqeval_gives_on_the_written_predictions(
    compose: Compose, written: Callable[..., None], tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    for config, split, count in (
        ("PAN-X.en", "train", 40),
        ("PAN-X.en", "validation", 9),
        ("PAN-X.de", "test", 30),
    ):
        rows = []
        for _ in range(count):
            # Some sentences are longer than the model: they are cut and joined again.
            chosen = rng.integers(0, 4, rng.integers(3, 90)).tolist()
            rows.append({"tokens": [WORDS[c] for c in chosen], "ner_tags": [(0, 1, 2, 3)[c] for c in chosen]})
        written(config, split, rows)
    config = compose(
        *OURS, "task=panx", "task.languages=[de]", "protocol.batch_size=4", "protocol.learning_rate=3e-3"
    )
    record = run(Run(config))
    assert [set(entry.scores) for entry in record.curve] == [{"dev"}, {"dev", "panx", "panx/de"}]
    arrays = np.load(Store(config.store).folder / record.run_id / "arrays.npz")
    names, ends = np.array(config.task.labels, object), np.cumsum(arrays["lengths/panx/de"])[:-1]
    said, truth = (
        [part.tolist() for part in np.split(names[values], ends)]
        for values in (arrays["predictions/panx/de"][-1], arrays["targets/panx/de"])
    )
    table = parquet.read_table(tmp_path / "data/PAN-X.de/test-00000-of-00001.parquet").to_pylist()
    assert truth == [[names[c] for c in row["ner_tags"]] for row in table]
    assert record.examples["panx/de"] == 30
    assert record.scores["panx/de"]["f1"] == f1_score(truth, said) > 0.5


def test_classes_in_another_order_than_the_datas_are_found_by_name(compose: Compose, hub: Path) -> None:
    config = compose("model=minilm", "task=panx", "task.languages=[en]", "data.count=64")
    names = config.task.labels
    before = load(config).evaluation["dev"].truth
    config.task.labels = ["O", "B-LOC", "I-LOC", "B-PER", "I-PER", "B-ORG", "I-ORG"]
    after = load(config).evaluation["dev"].truth
    assert [config.task.labels[c] for c in after] == [names[c] for c in before]
    assert (after != before).any()


def question(number: int, answer: str = "is", start: int = 4) -> dict[str, Any]:
    return {
        "id": str(number),
        "question": "not the",
        "context": "the is not and",
        "answers": {"answer_start": [start], "text": [answer]},
    }


def test_answers_out_of_place_are_counted_and_not_trained_on(
    compose: Compose, written: Callable[..., None]
) -> None:
    rows = [question(n) for n in range(20)] + [question(99, "is", 3)]
    for config, split in (("SQuAD", "train"), ("SQuAD", "validation"), ("XQuAD.de", "validation")):
        written(config, split, rows)
    config = compose(
        *OURS, "task=xquad", "task.languages=[de]", "protocol.epochs=20", "protocol.batch_size=4"
    )
    record = run(Run(config))
    assert record.examples == {"train": 20, "squad": 21, "xquad/de": 21}
    assert record.data.remarks["answers_not_in_place"]["SQuAD/train"] == 1
    assert record.scores["xquad"] == record.scores["xquad/de"]
    assert record.scores["xquad/de"]["exact_match"] == 1.0


@pytest.mark.parametrize(
    "methods", ["[rdrop]", "[r3f,lnsr]", "[smart]", "[freelb]", "[child_tuning_d_fisher]"]
)
@pytest.mark.parametrize("task", ["panx", "squad"])
def test_methods_act_on_every_kind(
    compose: Compose, written: Callable[..., None], task: str, methods: str
) -> None:
    written("SQuAD", "train", [question(n) for n in range(8)])
    written("SQuAD", "validation", [question(n) for n in range(3)])
    tagged = [{"tokens": WORDS[: 2 + n % 3], "ner_tags": [0, 1, 2, 3][: 2 + n % 3]} for n in range(8)]
    for split in ("train", "validation"):
        written("PAN-X.en", split, tagged)
    written("PAN-X.de", "test", tagged)
    narrow = ["task.languages=[de]"] if task == "panx" else []
    size = ["protocol.batch_size=4", "protocol.micro_batch_size=2"]
    record = run(Run(compose(*OURS, f"task={task}", f"method={methods}", *narrow, *size)))
    plain = run(Run(compose(*OURS, f"task={task}", *narrow, *size)))
    assert record.status == "finished"
    losses = [one.curve[-1].loss for one in (record, plain)]
    assert losses[0] != losses[1]


@pytest.mark.parametrize("packed", ["true", "false"])
def test_translations_are_found_whatever_the_head_reads(
    compose: Compose, written: Callable[..., None], packed: str
) -> None:
    text = {
        "premise": "the is",
        "hypothesis": "not",
        "sentence1": "the is",
        "sentence2": "not",
        "language": "en",
    }
    written("en", "train", [text | {"label": n % 3} for n in range(6)])
    written("XNLI", "validation", [text | {"gold_label": "neutral"}])
    written("XNLI", "test", [text | {"gold_label": "neutral", "language": "de"}])
    sentences = ["the is", "not and the", "and", "the the not is"]
    written(
        "tatoeba.deu", "validation", [{"source_sentence": s, "target_sentence": f"{s} "} for s in sentences]
    )
    ours = [
        *OURS,
        "task=tatoeba",
        "task.train.repo=null",
        "task.languages=[de]",
        "task.retrieval.compared=[0,2]",
    ]
    record = run(Run(compose(*ours, f"packed={packed}")))
    assert record.scores["tatoeba/de"]["accuracy"] == 1.0
    assert set(record.scores["tatoeba"]) == {"accuracy", "accuracy@0", "accuracy@1", "accuracy@2"}


def test_bucc_without_its_sentences_is_refused(compose: Compose, hub: Path) -> None:
    config = compose(
        "model=minilm", "task=bucc2018", "task.languages=[zh]", "task.train.repo=local/train_subsets"
    )
    config.task.train.config = "mnli"
    config.task.evaluate = {"bucc2018": replace(config.task.evaluate["bucc2018"], split="validation")}
    with pytest.raises(
        BenchmarkError, match=r"bucc18.zh of google/xtreme has the right pairs and not the sentences"
    ):
        load(config)


# --- Every method on every kind -----------------------------------------------------------------------------

METHODS = sorted(path.stem for path in (ROOT / "conf" / "method").glob("*.yaml"))


@pytest.fixture(scope="module")
def small() -> Callable[[Compose, str], tuple[dict[str, Any], tasks.Task]]:
    """``small(compose, task)``: a configuration with the settings of every method, and eight training examples."""
    known: dict[str, tuple[dict[str, Any], tasks.Task]] = {}

    def loaded(compose: Compose, name: str) -> tuple[dict[str, Any], tasks.Task]:
        if name not in known:
            chosen = [
                "model=embedded_multilingual",
                f"task={name}",
                f"method=[{','.join(METHODS)}]",
                "data.count=8",
                "protocol.batch_size=4",
                "protocol.epochs=1",
            ]
            config = compose(*chosen)
            known[name] = config, replace(load(config), evaluation={})
        return known[name]

    return loaded


KINDS = ("inference", "entities", "questions")
# A method of every class on every kind; files that only set other values of a class are on one kind each, in turn.
LEARNT = [(kind, name) for kind in KINDS for name in FILES.values()]
LEARNT += [(KINDS[number % 3], name) for number, name in enumerate(sorted({*METHODS} - {*FILES.values()}))]


@pytest.mark.parametrize(("name", "method"), LEARNT)
def test_every_method_learns_every_kind(
    compose: Compose, small: Callable[..., Any], name: str, method: str
) -> None:
    config, task = small(compose, name)
    cache = Path(config.cache)
    model = pretrained.load(config.model, task.units, 1, cache, task.kind.head)
    special_tokens.note(model, pretrained.tokenizer(config.model, cache))
    before = {key: value.clone() for key, value in model.state_dict().items()}
    chosen = methods.build({method: config.method[method]})
    try:
        chosen[method].check(config.protocol, config.task)
    except BenchmarkError as error:
        pytest.skip(f"it has no such kind: {error}")
    methods.prepare(chosen, model, 1)
    outcome = finetune(model, task, list(chosen.values()), config.protocol, 1, torch.device("cpu"))
    assert len(outcome.losses) == 2
    assert np.isfinite(outcome.losses).all()
    assert outcome.diverged is None
    after = model.state_dict()
    assert all(value.isfinite().all() for value in after.values())
    assert any(key not in after or not torch.equal(after[key], value) for key, value in before.items())


@pytest.mark.parametrize("task", ["mnli_transfer", "snli_transfer"])
def test_hypes_sets_are_scored_in_two_classes_as_well(compose: Compose, task: str) -> None:
    """Appendix C.2 maps contradiction to neutral; as on SciTail, an answer of it counts as neutral."""
    sets = compose(f"task={task}").task.evaluate
    for name in ("matched", "mismatched", "snli", "sick"):
        three, two = sets[name], sets[f"{name}_two"]
        same = ("repo", "config", "split", "text")
        assert [getattr(two, key) for key in same] == [getattr(three, key) for key in same]
        assert two.label_map == {"0": "entailment", "1": "neutral", "2": "neutral"}
        assert two.fold == sets["scitail"].fold == {"contradiction": "neutral"}
