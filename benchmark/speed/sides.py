"""The sides of the comparison: each fine-tunes a copy of one model on the same batches in the same order."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hydra import compose, initialize_config_dir
from transformers import DataCollatorWithPadding, PreTrainedModel, Trainer, TrainerCallback, TrainingArguments
from transformers.tokenization_utils_base import PreTrainedTokenizerBase
from transformers.trainer_callback import PrinterCallback

from benchmark import tasks
from benchmark.config.compose import ROOT, register, typed
from benchmark.config.schema import ProtocolConfig, RunConfig
from benchmark.methods import build, prepare
from benchmark.models import pretrained
from benchmark.speed.conditions import Conditions
from benchmark.tasks import Task
from benchmark.training.assemble import assembled
from benchmark.training.course import batches
from benchmark.training.loop import fine_tune

# The settings of transformers' run_glue.py, which both sides share.
BATCH, LENGTH, RATE, SEED = 32, 128, 2e-5, 1
PROTOCOL = ProtocolConfig(
    name="run_glue", optimizer="adamw_torch", learning_rate=RATE, warmup=0.0, epochs=1, batch_size=BATCH
)


@dataclass(frozen=True)
class Took:
    """What a side needed for its updates, whatever a method does once before them left out; their losses."""

    seconds: float
    losses: np.ndarray


Side = Callable[[PreTrainedModel, Task], Took]


def composed(overrides: list[str]) -> RunConfig:
    """The configuration of one run."""
    register()
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        return typed(compose("config", overrides))


def load(
    model_name: str, task_name: str, updates: int, device: torch.device
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase, Task]:
    """A model on ``device``, its tokenizer, and a task cut to ``updates`` full batches, or as many as it has."""
    chosen = [f"model={model_name}", f"task={task_name}"]
    config = composed([*chosen, f"protocol.max_length={LENGTH}", f"seed={SEED}"])
    cache = Path(config.cache)
    tokenizer = pretrained.tokenizer(config.model, cache)
    task = tasks.load(config, tokenizer)
    full = max(1, len(task.training) // BATCH)
    data = replace(config.data, count=min(updates, full) * BATCH)
    subset = tasks.draw_subset(task.training.targets, data, SEED, task.kind.stratified)
    task = replace(task, training=task.training.taken(subset), subset=subset, evaluation={})
    model = pretrained.load(config.model, task.outputs, SEED, cache)
    return model.to(device), tokenizer, task  # type: ignore[arg-type]


def ours(model: PreTrainedModel, task: Task, here: Conditions, method: dict[str, Any] | None = None) -> Took:
    """The project's own loop, with ``method`` (a configuration by name) or without."""
    methods = build(method or {})
    prepare(methods, model, SEED)
    protocol = replace(PROTOCOL, precision=here.precision)
    began = here.now()
    outcome = fine_tune(assembled(model, task, methods, protocol, SEED, here.device, replay=here.replay))
    took = here.now() - began
    return Took(took - outcome.seconds.survey - outcome.seconds.evaluate, outcome.losses)


def trainer(tokenizer: PreTrainedTokenizerBase, padded_to: int | None, here: Conditions) -> Side:
    """`transformers.Trainer`, padding to the longest of a batch (None) or to a length."""
    collate = DataCollatorWithPadding(tokenizer, "longest" if padded_to is None else "max_length", padded_to)

    def side(model: PreTrainedModel, task: Task) -> Took:
        clock, losses = Clock(here), list[torch.Tensor]()
        # Not from Trainer's log, which would wait for a GPU at every update.
        model.register_forward_hook(lambda _, __, output: losses.append(output["loss"].detach()))
        with tempfile.TemporaryDirectory() as folder, any_algorithm():
            arguments = TrainingArguments(
                output_dir=folder,
                per_device_train_batch_size=BATCH,
                learning_rate=RATE,
                num_train_epochs=1,
                train_sampling_strategy="sequential",
                logging_strategy="no",
                save_strategy="no",
                report_to="none",
                disable_tqdm=True,
                use_cpu=not here.on_gpu,
                bf16=here.precision == "bfloat16",
                tf32=None,  # as set for the process; set by Trainer as well, PyTorch refuses to tell what it is
            )
            training = Trainer(
                model, arguments, data_collator=collate, train_dataset=in_order(task), callbacks=[clock]
            )
            training.remove_callback(PrinterCallback)
            training.train()
        return Took(clock.seconds, torch.stack(losses).float().cpu().numpy())

    return side


def in_order(task: Task) -> list[dict[str, Any]]:
    """The training examples in the order in which our own loop takes them."""
    examples, found = task.training, []
    updates = -(-len(examples) // BATCH)
    for batch in batches(len(examples), BATCH, updates, SEED):
        for index in batch:
            one = {"input_ids": examples.ids[index].tolist(), "labels": examples.targets[index].item()}
            if examples.segments is not None:
                one["token_type_ids"] = examples.segments[index].tolist()
            found.append(one)
    return found


class Clock(TrainerCallback):
    """Times the updates of a Trainer, without its set-up."""

    def __init__(self, here: Conditions) -> None:
        self.here, self.seconds = here, 0.0

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        self.started = self.here.now()

    def on_train_end(self, *_: Any, **__: Any) -> None:
        self.seconds = self.here.now() - self.started


@contextlib.contextmanager
def any_algorithm() -> Iterator[None]:
    """PyTorch as it comes, without the deterministic algorithms that our runs ask for and Trainer does not."""
    asked, only_warned = (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
    )
    torch.use_deterministic_algorithms(False)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(asked, warn_only=only_warned)
