"""Assembly of a fine-tuning: model, task, methods, optimiser and learner, before the first update."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import PreTrainedModel

from benchmark.config.schema import ProtocolConfig
from benchmark.methods.base import Method, overrides
from benchmark.models import attention, linear, masks, packing
from benchmark.models.architecture import Encoder, encoder_of
from benchmark.models.packing import Packing
from benchmark.randomness import Seeds
from benchmark.step.groups import parameter_groups
from benchmark.step.optimizer import Optimizer
from benchmark.tasks import Task
from benchmark.training import best_weights, graphs
from benchmark.training.course import Course
from benchmark.training.graphs import GraphedLearner
from benchmark.training.learner import Learner

BETWEEN_STAGES = ("direction", "before", "moved")  # for these hooks the optimiser's step runs in stages


@dataclass
class Training:
    """Everything that a fine-tuning needs: model, task, methods, course, optimiser and learner.

    ``packing`` avoids computing padding; None: padding is computed. ``attention`` names the kernel.
    ``chosen_by`` is the set on which the best evaluation is found, whose weights are kept; None: none are
    kept.
    """

    model: PreTrainedModel
    encoder: Encoder
    task: Task
    methods: Mapping[str, Method]
    course: Course
    optimizer: Optimizer
    learner: Learner | GraphedLearner
    device: torch.device
    packing: Packing | None
    attention: str
    chosen_by: str | None = None

    @property
    def precision(self) -> str:
        """The precision of the run: float32, tf32 or bfloat16."""
        return self.course.protocol.precision


def assembled(
    model: PreTrainedModel,
    task: Task,
    methods: Mapping[str, Method],
    protocol: ProtocolConfig,
    seeds: Seeds,
    device: torch.device,
    packed: bool = True,
    replay: bool | None = None,
    watched: bool = False,
    cache: Path | None = None,
) -> Training:
    """Assemble the fine-tuning of ``model``, already on ``device`` and prepared by ``methods``.

    With ``packed`` no padding is computed, if the model and the methods allow it. ``replay`` decides about
    CUDA graphs on a GPU. None: updates are captured and replayed if possible. False: never. True: the run is
    refused if it is not possible. ``watched``: an onlooker such as probes is attached. ``cache`` keeps the
    results of checks that models compute the same without padding. Raises: BenchmarkError if ``replay`` is
    True and updates cannot be captured, for updates without end, or if ``protocol.selection`` names a set
    without gold labels.
    """
    course = Course(len(task.training), protocol, seeds)
    course.check_ends()
    chosen_by = best_weights.chosen_by(protocol.selection, task)
    encoder = encoder_of(model)
    masks.install(model)
    linear.install(model)
    acting = list(methods.values())
    hooks = without_padding(encoder, acting, cache) if packed else None
    optimizer = Optimizer(
        parameter_groups(
            model,
            protocol.weight_decay,
            lambda name: math.prod(m.rate_factor(name) for m in acting),
            lambda name: tuple(sorted({first for m in acting for first in m.restarts(name, course.total)})),
        ),
        protocol.optimizer,
        (protocol.betas[0], protocol.betas[1]),
        protocol.epsilon,
        course.rate,
        acting,
        course.total,
        staged=any(overrides(m, hook) for m in acting for hook in BETWEEN_STAGES if not m.idle),
    )
    computing = Learner(model, encoder, task, acting, optimizer, course, device, hooks)
    learner: Learner | GraphedLearner = computing
    if device.type != "cpu":
        padded = "" if hooks is not None else why_padded(model, methods, packed)
        obstacle = graphs.obstacle(methods, task, padded, protocol, watched)
        graphs.check(replay, obstacle)
        if hooks is not None and not task.pad_left:
            reason = "it was asked for" if replay is False else obstacle
            learner = GraphedLearner(computing, reason, insist=bool(replay))
    model.train()
    kernel = attention.name(device, protocol.precision, hooks is not None)
    return Training(
        model, encoder, task, methods, course, optimizer, learner, device, hooks, kernel, chosen_by
    )


def without_padding(encoder: Encoder, methods: list[Method], cache: Path | None = None) -> Packing | None:
    """Install packing in the model; None if its kind or one of ``methods`` needs padding."""
    needed = any(method.needs_padding for method in methods)
    hooks = None if needed else packing.install(encoder, cache)
    if hooks is not None:
        hooks.first_only &= not any(method.needs_last_states for method in methods)
    return hooks


def why_padded(model: PreTrainedModel, methods: Mapping[str, Method], packed: bool) -> str:
    """The reason for computing the padding of a run."""
    if not packed:
        return "packed=false: padding is computed"
    reads = next((name for name, method in methods.items() if method.needs_padding), None)
    if reads is not None:
        return f"method.{reads}: it reads padded positions, which are therefore computed"
    return f"{type(model).__name__} is computed with its padding"
