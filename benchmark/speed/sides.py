"""Sides of the comparison: each fine-tunes one model on equal batches in one order."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import nn
from transformers import (
    DataCollatorWithPadding,
    PreTrainedModel,
    Trainer,
    TrainerCallback,
    TrainingArguments,
    get_linear_schedule_with_warmup,
)
from transformers.tokenization_utils_base import PreTrainedTokenizerBase
from transformers.trainer_callback import PrinterCallback

from benchmark.methods import build, prepare
from benchmark.randomness import Seeds
from benchmark.speed.conditions import Conditions
from benchmark.speed.subjects import BATCH, PROTOCOL, RATE, SEED
from benchmark.speed.timing import Amount, Took
from benchmark.step.passes import autocast
from benchmark.tasks import Task
from benchmark.training.assemble import Training, assembled
from benchmark.training.course import batches
from benchmark.training.loop import fine_tune

Side = Callable[[PreTrainedModel, Task, Amount], Took]


class Stopwatch:
    """Times of the ends of blocks of updates, after waiting for the device."""

    def __init__(self, here: Conditions, amount: Amount) -> None:
        self.here, self.amount = here, amount
        self.began, self.stamps = here.now(), list[float]()

    def updated(self, done: int) -> None:
        """Note that ``done`` updates are made; 0 before the first."""
        if done >= self.amount.warm and (done - self.amount.warm) % self.amount.size == 0:
            self.stamps.append(self.here.now())

    def took(self, losses: torch.Tensor | np.ndarray, **once: float) -> Took:
        """The side's times and losses, after all updates."""
        if isinstance(losses, torch.Tensor):
            losses = losses.float().cpu().numpy()
        return Took(self.began, self.stamps, self.amount, losses, once)


def in_training(
    model: PreTrainedModel,
    task: Task,
    here: Conditions,
    updates: int,
    method: dict[str, Any] | None = None,
) -> Training:
    """Assemble our fine-tuning of ``model`` on the batches of all sides, perhaps with a method.

    ``method`` is a configuration by method name.
    """
    methods = build(method or {})
    prepare(methods, model, SEED)
    once = -(-len(task.training) // BATCH) / updates  # a single evaluation, at the end and on no set
    protocol = replace(PROTOCOL, precision=here.precision, steps=updates, evaluations_per_epoch=once)  # type: ignore[arg-type]
    return assembled(model, task, methods, protocol, Seeds.all(SEED), here.device, replay=here.replay)


def ours(
    model: PreTrainedModel,
    task: Task,
    amount: Amount,
    here: Conditions,
    method: dict[str, Any] | None = None,
) -> Took:
    """Run the project's own loop, perhaps with ``method``, a configuration by method name."""
    watch = Stopwatch(here, amount)
    training = in_training(model, task, here, amount.total, method)
    capturing = timed(training.learner, "capture", here)
    assembling = here.now() - watch.began
    watch.updated(0)
    outcome = fine_tune(
        training, tell=lambda phase, done, _: watch.updated(done) if phase == "updates" else None
    )
    return watch.took(
        outcome.losses,
        assemble=assembling,
        survey=outcome.seconds.survey,
        captures=len(capturing),
        capture=sum(capturing),
        replayed=outcome.replayed,
    )


def timed(owner: Any, name: str, here: Conditions) -> list[float]:
    """A list that receives the seconds of every later call of ``owner``'s ``name``.

    It stays empty if ``owner`` has no such attribute.
    """
    seconds: list[float] = []
    if call := getattr(owner, name, None):

        def measured(*arguments: Any) -> Any:
            began = here.now()
            result = call(*arguments)
            seconds.append(here.now() - began)
            return result

        setattr(owner, name, measured)
    return seconds


def trainer(
    tokenizer: PreTrainedTokenizerBase, padded_to: int | None, here: Conditions, compiled: bool = False
) -> Side:
    """The side of `transformers.Trainer`, perhaps ``compiled``.

    ``padded_to`` is a length in tokens; None: pad to the longest example of a batch.
    """
    collate = DataCollatorWithPadding(tokenizer, "longest" if padded_to is None else "max_length", padded_to)

    def side(model: PreTrainedModel, task: Task, amount: Amount) -> Took:
        watch, losses = Stopwatch(here, amount), list[torch.Tensor]()
        # Trainer's own log would wait for the GPU at every update; a hook does not.
        model.register_forward_hook(lambda _, __, output: losses.append(output["loss"].detach()))
        with tempfile.TemporaryDirectory() as folder, any_algorithm():
            arguments = TrainingArguments(
                output_dir=folder,
                per_device_train_batch_size=BATCH,
                learning_rate=RATE,
                max_steps=amount.total,
                train_sampling_strategy="sequential",
                logging_strategy="no",
                save_strategy="no",
                report_to="none",
                disable_tqdm=True,
                use_cpu=not here.on_gpu,
                bf16=here.precision == "bfloat16",
                tf32=None,  # set for the process; if Trainer sets it too, PyTorch refuses to read it
                torch_compile=compiled,
            )
            training = Trainer(
                model,
                arguments,
                data_collator=collate,
                train_dataset=in_order(task, amount.total),
                callbacks=[Updates(watch)],
            )
            training.remove_callback(PrinterCallback)
            training.train()
        return watch.took(torch.stack(losses))

    return side


def eager(tokenizer: PreTrainedTokenizerBase, here: Conditions) -> Side:
    """The side of a plain PyTorch loop, which pads to the longest of a batch.

    The difference between Trainer and this loop is Trainer's own cost.
    """
    collate: Any = DataCollatorWithPadding(tokenizer)

    def side(model: PreTrainedModel, task: Task, amount: Amount) -> Took:
        watch, losses = Stopwatch(here, amount), list[torch.Tensor]()
        optimizer = torch.optim.AdamW(model.parameters(), RATE, eps=PROTOCOL.epsilon, weight_decay=0.0)
        schedule = get_linear_schedule_with_warmup(optimizer, 0, amount.total)
        model.train()
        with any_algorithm():
            watch.updated(0)
            examples = in_order(task, amount.total)
            for done in range(1, amount.total + 1):
                batch = collate(examples[(done - 1) * BATCH : done * BATCH])
                losses.append(eager_update(model, batch.to(here.device), optimizer, here))
                schedule.step()
                watch.updated(done)
        return watch.took(torch.stack(losses))

    return side


def eager_update(
    model: PreTrainedModel, batch: Any, optimizer: torch.optim.Optimizer, here: Conditions
) -> torch.Tensor:
    """Make an update on a padded batch; return its loss ()."""
    with autocast(here.precision, here.device):
        loss = model(**batch).loss
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), PROTOCOL.max_grad_norm)
    optimizer.step()
    optimizer.zero_grad()
    return loss.detach()


def in_order(task: Task, updates: int) -> list[dict[str, Any]]:
    """The training examples of ``updates``, in the order of our own loop."""
    examples, rows = task.training, []
    for batch in batches(len(examples), BATCH, updates, SEED):
        for index in batch:
            row = {"input_ids": examples.ids[index].tolist(), "labels": examples.targets[index].item()}
            if examples.segments is not None:
                row["token_type_ids"] = examples.segments[index].tolist()
            rows.append(row)
    return rows


class Updates(TrainerCallback):
    """Trainer callback that reports updates to a stopwatch."""

    def __init__(self, watch: Stopwatch) -> None:
        self.watch = watch

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        self.watch.updated(0)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.watch.updated(state.global_step)


@contextlib.contextmanager
def any_algorithm() -> Iterator[None]:
    """Allow nondeterministic algorithms during the block, which is PyTorch's default and Trainer's."""
    asked, only_warned = (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
    )
    torch.use_deterministic_algorithms(False)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(asked, warn_only=only_warned)
