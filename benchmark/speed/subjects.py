"""Subjects of a measurement: models, tasks cut to whole batches, and the common recipe."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForSequenceClassification, BertConfig, PreTrainedModel
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from benchmark import tasks
from benchmark.config.compose import run_config
from benchmark.config.schema import ProtocolConfig
from benchmark.models import pretrained, special_tokens
from benchmark.speed.conditions import Conditions
from benchmark.tasks import Task
from benchmark.training.course import batches

# The settings of transformers' run_glue.py, for all sides.
BATCH, LENGTH, RATE, SEED = 32, 128, 2e-5, 1
PROTOCOL = ProtocolConfig(
    name="run_glue", optimizer="adamw_torch", learning_rate=RATE, warmup=0.0, epochs=1, batch_size=BATCH
)

# Models with random weights, which need no download: (model of conf/model for the tokenizer, shape). Both
# tokenizers have a vocabulary no larger than a BertConfig's.
RANDOM = {
    "base_random": ("minilm", BertConfig()),
    "minilm_random": ("embedded", BertConfig(hidden_size=384, num_hidden_layers=6, intermediate_size=1536)),
    "tiny_random": ("embedded", BertConfig(hidden_size=8, num_attention_heads=2, intermediate_size=12)),
}


def load(
    model_name: str, task_name: str, updates: int, device: torch.device, evaluated: bool = False
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase, Task]:
    """A model on ``device``, its tokenizer, and a task cut to at most ``updates`` batches.

    ``model_name`` is a file of conf/model or a key of `RANDOM`. The batches are full. The task keeps its
    evaluation sets only if it is to be ``evaluated``.
    """
    source, shape = RANDOM.get(model_name, (model_name, None))
    chosen = [f"model={source}", f"task={task_name}"]
    config = run_config(*chosen, f"protocol.max_length={LENGTH}", f"seed={SEED}")
    cache = Path(config.cache)
    tokenizer = pretrained.tokenizer(config.model, cache)
    task = tasks.load(config, tokenizer)
    full = max(1, len(task.training) // BATCH)
    data = replace(config.data, count=min(updates, full) * BATCH)
    subset = tasks.draw_subset(task.training.targets, data, SEED, task.kind.stratified)
    evaluation = task.evaluation if evaluated else {}
    task = replace(task, training=task.training.taken(subset), subset=subset, evaluation=evaluation)
    if shape is None:
        model = pretrained.load(config.model, task.units, SEED, cache)
    else:
        model = drawn(shape, task.units)
    special_tokens.note(model, tokenizer)
    return model.to(device), tokenizer, task  # type: ignore[arg-type]


def drawn(shape: BertConfig, outputs: int) -> PreTrainedModel:
    """A classifier of ``shape`` with random weights from a fixed seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        shape.num_labels = outputs
        return AutoModelForSequenceClassification.from_config(shape, attn_implementation="sdpa")


def timed_batches(task: Task, warm: int, updates: int) -> list[list[int]]:
    """Example indices of the ``updates`` batches after the ``warm`` ones."""
    return list(batches(len(task.training), BATCH, warm + updates, SEED))[warm:]


def method_of(name: str, here: Conditions, *overrides: str) -> dict[str, Any]:
    """The configuration of a file of conf/method, by method name, under the conditions ``here``."""
    precision = f"protocol.precision={here.precision}"
    return run_config(*overrides, precision, f"method=[{name}]").method
