"""The sides of the comparison: each fine-tunes a copy of one model on the same batches in the same order."""

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
    """When each block of updates ended, once the device had done them."""

    def __init__(self, here: Conditions, amount: Amount) -> None:
        self.here, self.amount = here, amount
        self.began, self.stamps = here.now(), list[float]()

    def updated(self, done: int) -> None:
        """``done`` updates are made, 0 before the first."""
        if done >= self.amount.warm and (done - self.amount.warm) % self.amount.size == 0:
            self.stamps.append(self.here.now())

    def took(self, losses: torch.Tensor | np.ndarray, **once: float) -> Took:
        """What the side needed, once all updates are made."""
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
    """The fine-tuning of ``model`` on the batches that all sides take, with ``method`` (by name) or without."""
    methods = build(method or {})
    prepare(methods, model, SEED)
    once = -(-len(task.training) // BATCH) / updates  # so that the only evaluation is at the end, on no set
    protocol = replace(PROTOCOL, precision=here.precision, steps=updates, evaluations_per_epoch=once)  # type: ignore[arg-type]
    return assembled(model, task, methods, protocol, SEED, here.device, replay=here.replay)


def ours(
    model: PreTrainedModel,
    task: Task,
    amount: Amount,
    here: Conditions,
    method: dict[str, Any] | None = None,
) -> Took:
    """The project's own loop, with ``method`` (a configuration by name) or without."""
    watch = Stopwatch(here, amount)
    training = in_training(model, task, here, amount.total, method)
    capturing = timed(training.learner, "capture", here)
    assembling = here.now() - watch.began
    watch.updated(0)
    outcome = fine_tune(
        training, tell=lambda what, done, _: watch.updated(done) if what == "updates" else None
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
    """The seconds of every call from now on of the method ``name`` of ``owner``; none if it has no such method."""
    seconds: list[float] = []
    if call := getattr(owner, name, None):

        def measured(*arguments: Any) -> Any:
            began = here.now()
            found = call(*arguments)
            seconds.append(here.now() - began)
            return found

        setattr(owner, name, measured)
    return seconds


def trainer(
    tokenizer: PreTrainedTokenizerBase, padded_to: int | None, here: Conditions, compiled: bool = False
) -> Side:
    """`transformers.Trainer`, padding to the longest of a batch (None) or to a length, perhaps ``compiled``."""
    collate = DataCollatorWithPadding(tokenizer, "longest" if padded_to is None else "max_length", padded_to)

    def side(model: PreTrainedModel, task: Task, amount: Amount) -> Took:
        watch, losses = Stopwatch(here, amount), list[torch.Tensor]()
        # Not from Trainer's log, which would wait for a GPU at every update.
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
                tf32=None,  # as set for the process; set by Trainer as well, PyTorch refuses to tell what it is
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
    """A plain loop of PyTorch, padding to the longest of a batch: what Trainer costs beside it is Trainer's."""
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
    """The loss () of a padded batch, after the update that it leads to."""
    with autocast(here.precision, here.device):
        loss = model(**batch).loss
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), PROTOCOL.max_grad_norm)
    optimizer.step()
    optimizer.zero_grad()
    return loss.detach()


def in_order(task: Task, updates: int) -> list[dict[str, Any]]:
    """The training examples of ``updates`` in the order in which our own loop takes them."""
    examples, found = task.training, []
    for batch in batches(len(examples), BATCH, updates, SEED):
        for index in batch:
            one = {"input_ids": examples.ids[index].tolist(), "labels": examples.targets[index].item()}
            if examples.segments is not None:
                one["token_type_ids"] = examples.segments[index].tolist()
            found.append(one)
    return found


class Updates(TrainerCallback):
    """Tells a stopwatch of the updates of a Trainer."""

    def __init__(self, watch: Stopwatch) -> None:
        self.watch = watch

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        self.watch.updated(0)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.watch.updated(state.global_step)


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
