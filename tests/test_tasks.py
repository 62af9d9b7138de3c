"""Tasks: what is read, tokenised and cut, on generated and on real data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pytest
import torch
from pyarrow import parquet

from benchmark import models, tasks
from benchmark.config import ROOT
from benchmark.errors import BenchmarkError
from benchmark.tasks import draw_subset

Compose = Callable[..., dict[str, Any]]
GLUE = ["cola", "sst2", "mrpc", "qqp", "stsb", "mnli", "qnli", "rte", "wnli", "ax"]
WHOLE = {"count": None, "share": None, "subset_seed": None}
LABELS = torch.tensor([0] * 30 + [1] * 70)


def load(config: dict[str, Any]) -> tasks.Task:
    return tasks.load(config, models.tokenizer(config["model"], Path(config["cache"])))


def test_a_subset_is_a_function_of_the_seed_alone() -> None:
    cut = WHOLE | {"count": 20}
    assert (draw_subset(LABELS, cut, 1, True) == draw_subset(LABELS, cut, 1, True)).all()
    assert (draw_subset(LABELS, cut, 1, True) != draw_subset(LABELS, cut, 2, True)).any()


def test_a_fixed_subset_is_the_same_for_every_seed() -> None:
    cut = WHOLE | {"count": 20, "subset_seed": 7}
    assert (draw_subset(LABELS, cut, 1, True) == draw_subset(LABELS, cut, 2, True)).all()


@pytest.mark.parametrize("count", [10, 20, 50])
def test_a_subset_keeps_the_shares_of_the_classes(count: int) -> None:
    chosen = draw_subset(LABELS, WHOLE | {"count": count}, 3, True)
    assert len(set(chosen.tolist())) == count
    assert LABELS[chosen].float().mean().item() == pytest.approx(0.7, abs=1 / count)


def test_a_share_is_rounded_to_whole_examples() -> None:
    assert len(draw_subset(LABELS, WHOLE | {"share": 0.255}, 1, False)) == 26


def test_more_examples_than_there_are_is_refused() -> None:
    with pytest.raises(BenchmarkError, match=r"data.count=101: .* only 100"):
        draw_subset(LABELS, WHOLE | {"count": 101}, 1, True)


def test_the_embedded_tasks_are_one_of_each_kind(compose: Compose) -> None:
    kinds = {name: load(compose(f"task={name}")) for name in ("opinion", "comparison", "closeness")}
    assert {
        name: (task.outputs, len(compose(f"task={name}")["task"]["text"])) for name, task in kinds.items()
    } == {
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
    config = compose("task=opinion") | {"cache": str(tmp_path)}
    config["model"] = compose()["model"] | {"builder": None, "id": str(ROOT / ".cache/embedded/encoder-1")}
    before = load(config)
    path = next((tmp_path / "embedded").glob("tasks-*/opinion/train-*"))
    rows = parquet.read_table(path).to_pylist()
    rows[0]["label"] = 1 - rows[0]["label"]
    parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    after = load(config)
    assert before.training.targets[0] != after.training.targets[0]
    assert (before.training.targets[1:] == after.training.targets[1:]).all()


@pytest.mark.parametrize("name", GLUE)
def test_every_glue_task_is_configured(compose: Compose, name: str) -> None:
    task = compose(f"task={name}")["task"]
    assert task["repo"] == "nyu-mll/glue"
    assert len(task["labels"]) == {"stsb": 0, "mnli": 3, "ax": 3}.get(name, 2)
    assert set(task["evaluate"]) == {"mnli": {"matched", "mismatched"}, "ax": {"test"}}.get(
        name, {"validation"}
    )


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
    with pytest.raises(
        BenchmarkError, match=r"mnli/train-\*.parquet in nyu-mll/glue.*hf download nyu-mll/glue"
    ):
        load(compose("model=minilm", "task=mnli"))


def test_a_missing_checkpoint_is_named_with_how_to_get_it(compose: Compose) -> None:
    with pytest.raises(BenchmarkError, match=r"'roberta_base'.*hf download FacebookAI/roberta-base"):
        load(compose("model=roberta_base"))


def test_fewer_labels_than_the_data_have_is_refused(compose: Compose) -> None:
    with pytest.raises(BenchmarkError, match=r"task.labels=\['favourable'\] has 1 classes"):
        load(compose("task=opinion", "task.labels=[favourable]"))


def test_no_example_is_longer_than_the_model_has_positions(compose: Compose) -> None:
    task = load(compose("task=opinion", "protocol.max_length=4096"))
    assert task.stamp["max_length"] == 64


def test_the_configured_revisions_of_what_the_project_makes_are_current(compose: Compose) -> None:
    from benchmark.embedded import encoder
    from benchmark.embedded import tasks as embedded

    assert compose()["model"]["revision"] == encoder.REVISION
    assert {compose(f"task={name}")["task"]["revision"] for name in embedded.TASKS} == {embedded.REVISION}
