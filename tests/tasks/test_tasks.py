"""Tasks: what is read, tokenised and cut, on generated and on real data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow
import pytest
import torch
from pyarrow import parquet

from benchmark import tasks
from benchmark.config.compose import ROOT
from benchmark.config.schema import DataConfig, RunConfig
from benchmark.errors import BenchmarkError
from benchmark.models import pretrained
from benchmark.tasks import draw_subset

Compose = Callable[..., RunConfig]
GLUE = ["cola", "sst2", "mrpc", "qqp", "stsb", "mnli", "qnli", "rte", "wnli", "ax"]
WHOLE = DataConfig(name="whole")
LABELS = torch.tensor([0] * 30 + [1] * 70)


def load(config: RunConfig) -> tasks.Task:
    return tasks.load(config, pretrained.tokenizer(config.model, Path(config.cache)))


def test_a_subset_is_a_function_of_the_seed_alone() -> None:
    cut = replace(WHOLE, count=20)
    assert (draw_subset(LABELS, cut, 1, True) == draw_subset(LABELS, cut, 1, True)).all()
    assert (draw_subset(LABELS, cut, 1, True) != draw_subset(LABELS, cut, 2, True)).any()


def test_a_fixed_subset_is_the_same_for_every_seed() -> None:
    cut = replace(WHOLE, count=20, subset_seed=7)
    assert (draw_subset(LABELS, cut, 1, True) == draw_subset(LABELS, cut, 2, True)).all()


@pytest.mark.parametrize("count", [10, 20, 50])
def test_a_subset_keeps_the_shares_of_the_classes(count: int) -> None:
    chosen = draw_subset(LABELS, replace(WHOLE, count=count), 3, True)
    assert len(set(chosen.tolist())) == count
    assert LABELS[chosen].float().mean().item() == pytest.approx(0.7, abs=1 / count)


def test_a_share_is_rounded_to_whole_examples() -> None:
    assert len(draw_subset(LABELS, replace(WHOLE, share=0.255), 1, False)) == 26


def test_more_examples_than_there_are_is_refused() -> None:
    with pytest.raises(BenchmarkError, match=r"data.count=101: .* only 100"):
        draw_subset(LABELS, replace(WHOLE, count=101), 1, True)


def test_the_embedded_tasks_are_one_of_each_kind(compose: Compose) -> None:
    kinds = {name: load(compose(f"task={name}")) for name in ("opinion", "comparison", "closeness")}
    assert {name: (task.units, len(compose(f"task={name}").task.text)) for name, task in kinds.items()} == {
        "opinion": (2, 1),
        "comparison": (2, 2),
        "closeness": (1, 2),
    }


def test_a_batch_is_padded_to_its_longest_example(compose: Compose) -> None:
    task = load(compose("task=closeness"))
    batch = task.batch(task.training, [0, 1, 2])
    lengths = batch["attention_mask"].sum(1)
    assert batch["input_ids"].shape[1] == lengths.max()
    assert lengths.tolist() == [len(task.training.ids[i]) for i in range(3)]
    assert set(batch["token_type_ids"].unique().tolist()) == {0, 1}


def test_a_changed_file_is_tokenised_again(compose: Compose, tmp_path: Path) -> None:
    config = replace(compose("task=opinion"), cache=str(tmp_path))
    config.model = replace(compose().model, builder=None, id=str(ROOT / ".cache/embedded/encoder-1"))
    before = load(config)
    path = next((tmp_path / "embedded").glob("tasks-*/opinion/train-*"))
    rows = parquet.read_table(path).to_pylist()
    rows[0]["label"] = 1 - rows[0]["label"]
    parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    after = load(config)
    assert before.training.targets[0] != after.training.targets[0]
    assert (before.training.targets[1:] == after.training.targets[1:]).all()


def test_a_checkpoint_of_another_task_gets_a_head_that_fits(compose: Compose, tmp_path: Path) -> None:
    cache = Path(compose().cache)
    pretrained.load(compose().model, 3, 1, cache).save_pretrained(tmp_path)
    tuned = replace(compose().model, builder=None, id=str(tmp_path), revision=None)
    first, again, other = (pretrained.load(tuned, 2, seed, cache).classifier.weight for seed in (5, 5, 6))
    assert first.shape[0] == 2
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("name", GLUE)
def test_every_glue_task_is_configured(compose: Compose, name: str) -> None:
    task = compose(f"task={name}").task
    assert task.repo == "nyu-mll/glue"
    assert len(task.labels) == {"stsb": 0, "mnli": 3, "ax": 3}.get(name, 2)
    assert set(task.evaluate) == {"mnli": {"matched", "mismatched"}, "ax": {"test"}}.get(name, {"validation"})


@pytest.mark.parametrize(
    ("name", "train", "dev"), [("rte", 2490, 277), ("stsb", 5749, 1500), ("cola", 8551, 1043)]
)
def test_real_tasks_have_their_published_sizes(
    compose: Compose, hub: Path, name: str, train: int, dev: int
) -> None:
    task = load(compose("model=minilm", f"task={name}", "protocol=noisytune"))
    assert (len(task.training), len(task.evaluation["validation"])) == (train, dev)
    assert task.stamp["revision"]


def test_real_labels_are_what_the_configuration_says(compose: Compose, hub: Path) -> None:
    task = load(compose("model=minilm", "task=stsb", "protocol=noisytune"))
    assert task.training.targets.dtype == torch.float32
    assert (task.training.targets.min().item(), task.training.targets.max().item()) == (0.0, 5.0)
    assert np.unique(load(compose("model=minilm", "task=rte")).training.targets).tolist() == [0, 1]


def test_a_missing_split_names_its_file_and_how_to_get_it(compose: Compose, hub: Path) -> None:
    with pytest.raises(BenchmarkError, match=r"mnli/train of nyu-mll/glue.*hf download nyu-mll/glue"):
        load(compose("model=minilm", "task=mnli"))


def test_a_missing_checkpoint_is_named_with_how_to_get_it(compose: Compose) -> None:
    with pytest.raises(BenchmarkError, match=r"'roberta_base'.*hf download FacebookAI/roberta-base"):
        load(compose("model=roberta_base"))


ENTAILMENT, NEUTRAL, CONTRADICTION = range(3)


@pytest.fixture
def transfer(compose: Compose, hub: Path) -> tasks.Task:
    """The set that MNLI is scored on, with files of the cache in place of those it does not have."""
    return load(
        compose(
            "model=minilm",
            "task=mnli_transfer",
            "task.repo=local/train_subsets",
            "task.evaluate.scitail.split=test",
            "task.evaluate.qqp.repo=local/quora_pairs",
            "task.evaluate.qqp.config=wang2017",
            "data.count=64",
        )
    )


def test_evaluation_sets_come_from_other_repositories(transfer: tasks.Task) -> None:
    sizes = {name: len(examples) for name, examples in transfer.evaluation.items()}
    assert sizes == {
        **dict.fromkeys(("matched", "matched_two"), 9815),
        **dict.fromkeys(("mismatched", "mismatched_two"), 9832),
        **dict.fromkeys(("snli", "snli_two"), 9842),
        **dict.fromkeys(("sick", "sick_two"), 495),
        "scitail": 2126,
        "qqp": 10000,
    }
    assert set(transfer.stamp["revisions"]) == {
        "local/train_subsets",
        "nyu-mll/glue",
        "stanfordnlp/snli",
        "RobZamp/sick",
        "allenai/scitail",
        "local/quora_pairs",
    }
    assert len(transfer.stamp["digests"]) == 7


def test_targets_of_other_repositories_are_the_tasks_labels(transfer: tasks.Task) -> None:
    found = {name: set(part.targets.tolist()) for name, part in transfer.evaluation.items()}
    assert found["snli"] == found["sick"] == {ENTAILMENT, NEUTRAL, CONTRADICTION}
    assert found["scitail"] == {ENTAILMENT, NEUTRAL}
    assert found["qqp"] == {ENTAILMENT, CONTRADICTION}
    assert transfer.evaluation["qqp"].targets.tolist().count(ENTAILMENT) == 5000


def test_answers_count_as_those_that_a_set_knows(transfer: tasks.Task) -> None:
    for name, other, known in (("scitail", CONTRADICTION, NEUTRAL), ("qqp", NEUTRAL, CONTRADICTION)):
        examples = transfer.evaluation[name]
        logits = np.zeros((len(examples), 3))
        logits[:, other] = 1
        share = (examples.targets == known).float().mean().item()
        assert transfer.score(logits, examples)["accuracy"] == pytest.approx(share)


@pytest.mark.parametrize(
    ("name", "sizes"),
    [
        ("sst2", {"validation": 872, "adversarial": 148}),
        ("rte", {"validation": 277, "adversarial": 81}),
    ],
)
def test_adversarial_sets_stand_beside_the_tasks_own(
    compose: Compose, hub: Path, name: str, sizes: dict[str, int]
) -> None:
    task = load(compose("model=minilm", f"task={name}_adversarial", "data.count=64"))
    assert {part: len(examples) for part, examples in task.evaluation.items()} == sizes


@pytest.mark.parametrize("name", ["snli", "scitail", "sick"])
def test_nli_tasks_name_files_and_columns_that_there_are(compose: Compose, hub: Path, name: str) -> None:
    there = {"snli": "validation", "scitail": "test", "sick": "train"}[name]
    task = load(compose("model=minilm", f"task={name}", f"task.train.split={there}", *STANDING_IN[name]))
    assert set(task.training.targets.tolist()) == set(range(len(task.labels)))


STANDING_IN = {"snli": [], "scitail": ["task.evaluate.validation.split=test"], "sick": []}


def test_rows_whose_target_is_not_mapped_are_dropped(compose: Compose) -> None:
    whole = load(compose("task=opinion"))
    config = compose("task=opinion")
    config.task.evaluate["validation"].label_map = {"1": "unfavourable"}
    mapped, targets = load(config).evaluation["validation"], whole.evaluation["validation"].targets
    assert 0 < len(mapped) == (targets == 1).sum().item() < len(targets)
    assert set(mapped.targets.tolist()) == {0}
    config.task.train.label_map = {"1": "unfavourable"}
    with pytest.raises(
        BenchmarkError, match="training examples of opinion/train have the target 'unfavourable'"
    ):
        load(config)


def test_a_map_that_fits_no_row_is_refused(compose: Compose) -> None:
    with pytest.raises(
        BenchmarkError, match=r"no row of opinion/train has one of the targets yes in 'label'"
    ):
        load(compose("task=opinion", "+task.train.label_map={yes: favourable}"))


def test_the_training_examples_of_a_run_can_be_scored(compose: Compose) -> None:
    task = load(compose("task=opinion", "task.score_training=true", "data.count=64"))
    assert list(task.evaluation) == ["validation", "train"]
    assert task.evaluation["train"] is task.training
    assert len(task.training) == 64


def test_fewer_labels_than_the_data_have_is_refused(compose: Compose) -> None:
    with pytest.raises(BenchmarkError, match=r"opinion/train, column 'label', row \d+ .*: 1 is out of range"):
        load(compose("task=opinion", "task.labels=[favourable]"))


def test_no_example_is_longer_than_the_model_has_positions(compose: Compose) -> None:
    task = load(compose("task=opinion", "protocol.max_length=4096"))
    assert task.stamp["max_length"] == 64


def test_the_configured_revisions_of_what_the_project_makes_are_current(compose: Compose) -> None:
    from benchmark.embedded import encoder
    from benchmark.embedded import tasks as embedded

    assert compose().model.revision == encoder.REVISION
    assert {compose(f"task={name}").task.revision for name in embedded.TASKS} == {embedded.REVISION}


def test_so_are_those_of_the_multilingual_ones(compose: Compose) -> None:
    from benchmark.embedded import multilingual_encoder, multilingual_tasks, xtreme

    names = ("inference", "paraphrase", "word_classes", "entities", "questions", "enquiries")
    said = {compose(f"task={name}").task.revision for name in names}
    assert said == {multilingual_tasks.REVISION}
    assert compose("model=embedded_multilingual").model.revision == multilingual_encoder.REVISION
    assert compose("model=xtreme_small").model.revision == xtreme.REVISION
