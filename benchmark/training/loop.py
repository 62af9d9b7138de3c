"""The training loop: a reader sees the whole of a run's fine-tuning here, in the order it happens."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel

from benchmark.methods.base import Method, overrides
from benchmark.models import linear, masks, packing
from benchmark.models.architecture import Encoder, encoder_of
from benchmark.progress import Tell, silence
from benchmark.randomness import derive
from benchmark.step.optimizer import Optimizer, grouped
from benchmark.step.passes import Step, learn
from benchmark.step.schedule import rate_at
from benchmark.tasks import Task
from benchmark.training.course import batches, evaluation_steps, micro_batches, to_device
from benchmark.training.evaluation import NotFiniteError, evaluate, losses_of
from benchmark.training.graphs import Replay
from benchmark.training.onlooker import Onlooker
from benchmark.training.snapshot import Progress, Snapshot

NAN_CHECK_EVERY = 20  # updates; looking at every loss would wait for the device at every step


@dataclass
class Outcome:
    """What a fine-tuning left behind.

    ``curve`` has one entry per evaluation, ``losses`` (updates,) the training loss of every update, and
    ``answers`` per evaluation set what its kind keeps of every evaluation (evaluations, …): of a
    classification logits (evaluations, examples, outputs) in float32. ``probed`` is what probes have found,
    by the name in the record's arrays. ``diverged`` says after how many updates the loss was found not
    finite; ``padded`` whether padding was computed, and ``played`` how many passes were played; ``resumed``
    how often it was interrupted and continued, and ``earlier`` how many of the seconds were spent before the
    last time. ``seconds`` are those of training, surveys included, of evaluations, of surveys alone, of a
    typical update, and of probes.
    """

    curve: list[dict[str, Any]] = field(default_factory=list)
    losses: np.ndarray = field(default_factory=lambda: np.empty(0, np.float32))
    answers: dict[str, np.ndarray] = field(default_factory=dict)
    probed: dict[str, np.ndarray] = field(default_factory=dict)
    diverged: int | None = None
    padded: bool = True
    played: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    resumed: int = 0
    earlier: float = 0.0


def finetune(
    model: PreTrainedModel,
    task: Task,
    methods: Sequence[Method],
    protocol: dict[str, Any],
    seed: int,
    device: torch.device,
    snapshot: Snapshot | None = None,
    packed: bool = True,
    watch: Onlooker | None = None,
    tell: Tell = silence,
    replay: bool = False,
) -> Outcome:
    """Fine-tune ``model`` in place, ``methods`` acting, and evaluate it as often as the protocol says.

    Continues from ``snapshot`` where there is one, and keeps it up to date. With ``packed`` no padding is
    computed, where the model's kind and the methods allow that; with ``replay`` passes are recorded once and
    played again, where they allow that as well. ``watch`` looks on and changes nothing, and ``tell`` is told
    how far it is.
    """
    started = time.perf_counter()
    updates_per_epoch = math.ceil(len(task.training) / protocol["batch_size"])
    total = protocol["steps"] or max(1, round(protocol["epochs"] * updates_per_epoch))
    evaluate_at = evaluation_steps(total, updates_per_epoch, protocol["evaluations_per_epoch"])
    encoder = encoder_of(model)
    masks.install(model)
    linear.install(model)
    hooks = without_padding(encoder, methods) if packed else None

    def step_on(
        inputs: dict[str, torch.Tensor], targets: torch.Tensor, number: int, part: int = 0, share: float = 1.0
    ) -> Step:
        at = number, total, seed, part, share
        return Step(model, encoder, task, inputs, targets, *at, protocol["precision"], hooks)

    def step_of(number: int, part: int, indices: list[int], share: float) -> Step:
        return step_on(*to_device(task, task.training, indices, device, hooks), number, part, share)

    model.train()
    saved = snapshot.load() if snapshot else None
    if saved is None:
        survey(methods, task, protocol, seed, step_of)
    surveying = time.perf_counter() - started
    optimizer = Optimizer(
        grouped(
            model, protocol["weight_decay"], lambda name: math.prod(m.rate_factor(name) for m in methods)
        ),
        protocol["optimizer"],
        (protocol["betas"][0], protocol["betas"][1]),
        protocol["epsilon"],
        methods,
        total,
        staged=any(
            overrides(method, moment)
            for method in methods
            for moment in ("direction", "before", "moved")
            if not method.idle
        ),
    )
    parameters = [p for group in optimizer.groups for p in group.parameters]
    progress = Progress()
    if watch:
        watch.attach(model, encoder, task, device, hooks)
        if saved is None:
            watch.begin()
    lasting = [*methods, watch] if watch else methods
    if snapshot and saved:
        progress = snapshot.put_back(saved, model, optimizer, lasting)
    saved = None  # as large as the model and its moments
    player = None
    if replay and hooks and not task.pad_left and not watch and all(m.passes_alike for m in methods):
        player = Replay(task, methods, parameters, protocol["batch_size"], device, step_on, progress.played)
    outcome = Outcome(
        progress.curve, padded=hooks is None, resumed=progress.resumed, earlier=progress.seconds
    )
    losses, kept, durations = progress.losses, progress.kept, list[float]()
    started -= progress.seconds
    order = enumerate(batches(len(task.training), protocol["batch_size"], total, seed))
    for number, batch in islice(order, progress.done, None):
        began = time.perf_counter()
        loss = torch.zeros((), device=device)
        for part, indices in enumerate(micro_batches(batch, protocol["micro_batch_size"])):
            learnt = player.learn(number, indices) if player else None
            if learnt is None:
                learnt = learn(step_of(number, part, indices, task.share(indices, batch)), methods)
            loss += learnt
        if protocol["max_grad_norm"]:
            torch.nn.utils.clip_grad_norm_(parameters, protocol["max_grad_norm"], foreach=True)
        optimizer.step(
            rate_at(number, total, protocol["learning_rate"], protocol["schedule"], protocol["warmup"])
        )
        losses.append(loss)
        durations.append(time.perf_counter() - began)

        done = number + 1
        tell("updates", done, total)
        if watch:
            watch.updated(done)
        if (done % NAN_CHECK_EVERY == 0 or done in evaluate_at) and not finite(losses):
            outcome.diverged = done
            break
        if done in evaluate_at:
            paused = time.perf_counter()
            try:
                answers, scores = evaluate(model, task, protocol["precision"], device, done == total, tell)
            except NotFiniteError:
                outcome.diverged = done
                break
            kept.append(answers)
            recent = torch.stack(losses[len(losses) - min(done, updates_per_epoch) :]).mean().item()
            outcome.curve.append(
                {
                    "step": done,
                    "epoch": done / updates_per_epoch,
                    "loss": recent,
                    "losses": losses_of(task, answers),
                    "scores": scores,
                }
            )
            model.train()
            progress.evaluating += time.perf_counter() - paused
        if snapshot and done < total and snapshot.due():
            progress.done, progress.seconds = done, time.perf_counter() - started
            progress.played = player.played if player else 0
            snapshot.save(progress, model, optimizer, lasting)
    outcome.played = player.played if player else 0
    outcome.losses = torch.stack(losses).float().cpu().numpy()
    names = kept[-1] if kept else {}
    outcome.answers = {name: np.stack([one[name] for one in kept if name in one]) for name in names}
    if watch and outcome.diverged is None:
        outcome.probed = watch.end()
    probing = watch.seconds if watch else 0.0
    training = time.perf_counter() - started - progress.evaluating - probing
    # A GPU works on after a call returns: there only the whole says how long an update takes.
    mean = (training - surveying) / len(losses)
    outcome.seconds = {
        "train": training,
        "evaluate": progress.evaluating,
        "survey": surveying,
        "per_update": mean if device.type == "cuda" else float(np.median(durations)),
        "probes": probing,
    }
    return outcome


def without_padding(encoder: Encoder, methods: Sequence[Method]) -> packing.Packing | None:
    """Let the model compute no padding, where its kind and ``methods`` allow that."""
    hooks = None if any(method.needs_padding for method in methods) else packing.install(encoder)
    if hooks is not None:
        hooks.first_only &= not any(method.needs_last_states for method in methods)
    return hooks


def survey(
    methods: Sequence[Method],
    task: Task,
    protocol: dict[str, Any],
    seed: int,
    step_of: Callable[[int, int, list[int], float], Step],
) -> None:
    """Let the methods that ask for it see the training data once, each in an order of its own."""
    size = protocol["batch_size"]
    updates = math.ceil(len(task.training) / size)
    for method in methods:
        if overrides(method, "survey"):
            order = batches(len(task.training), size, updates, derive(seed, "survey"))
            method.survey(
                step_of(-1 - number, part, indices, task.share(indices, batch))
                for number, batch in enumerate(order)
                for part, indices in enumerate(micro_batches(batch, protocol["micro_batch_size"]))
            )


def finite(losses: list[torch.Tensor]) -> bool:
    """Whether the losses since the last check are numbers; waits for the device."""
    return bool(torch.stack(losses[-NAN_CHECK_EVERY:]).isfinite().all())
