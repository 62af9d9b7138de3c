"""Evaluation of a model: outputs on every evaluation set, and their scores."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import partial
from statistics import fmean

import numpy as np
import torch
from transformers import PreTrainedModel

from benchmark.models.packing import Packing
from benchmark.progress import Tell, silence
from benchmark.step.passes import autocast
from benchmark.tasks import Examples, Task
from benchmark.training.course import sent

EVALUATION_TOKENS = 8192


class NotFiniteError(Exception):
    """An output of the model is not a number."""


def evaluate(
    model: PreTrainedModel,
    task: Task,
    precision: str,
    device: torch.device,
    names: Collection[str] | None = None,
    tell: Tell = silence,
    packing: Packing | None = None,
) -> tuple[dict[str, np.ndarray], dict[str, dict[str, float]]]:
    """Outputs on every evaluation set, and the metrics of sets with gold labels.

    ``names`` are the sets to evaluate; None: all. One set is in memory at a time, unless the task keeps it
    loaded. Raises: NotFiniteError if an output is not finite.
    """
    outputs, scores = {}, {}
    examples: Examples | None = None
    names = list(task.evaluation if names is None else names)
    for number, name in enumerate(names):
        tell("evaluation sets", number, len(names))
        examples = None  # free the previous set before the next is read
        examples = task.evaluation[name]
        task.about(name, examples)
        of = f", set {number + 1} of {len(names)}" if len(names) > 1 else ""
        counted = partial(tell, f"examples of {name} scored{of}")
        outputs[name] = answers_to(model, task, examples, precision, device, packing, counted)
        if examples.labelled:
            scores[name] = task.score(outputs[name], examples)
    return outputs, over_languages(scores, {name: task.groups[name] for name in names if name in task.groups})


def together(task: Task, scores: Mapping[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    """The ``scores`` of several evaluations, in the order of the sets, with means over languages."""
    return over_languages({name: scores[name] for name in task.evaluation if name in scores}, task.groups)


@torch.no_grad()
def answers_to(
    model: PreTrainedModel,
    task: Task,
    examples: Examples,
    precision: str,
    device: torch.device,
    packing: Packing | None = None,
    count: Callable[[int, int], None] = lambda done, total: None,
) -> np.ndarray:
    """Outputs of the model in evaluation mode, as the kind of task keeps them.

    ``count`` hears how many examples are done, of how many. Raises: NotFiniteError if an output is not finite.
    """
    model.eval()
    measure = task.measure(examples)
    kind = measure.kind
    # Batches of similar lengths need little padding. ``rows`` keeps the set's own order.
    rows = kind.room(len(examples))
    order = sorted(range(len(examples)), key=lambda i: len(examples.ids[i]))
    while order:
        count(len(examples) - len(order), len(examples))
        size = max(1, EVALUATION_TOKENS // len(examples.ids[order[-1]]))
        indices, order = order[-size:], order[:-size]
        inputs = sent(task.batch(examples, indices), device, packing)
        with autocast(precision, device):
            raw = kind.measured(model, inputs).float().cpu()
        if not raw.isfinite().all():
            raise NotFiniteError
        for index, row in zip(indices, kind.rows(raw, inputs), strict=True):
            rows[index] = row
    count(len(examples), len(examples))
    return kind.outputs(examples, rows, measure)


def losses_of(task: Task, answers: dict[str, np.ndarray]) -> dict[str, float]:
    """The mean loss by evaluation set, without ``last_only`` sets and sets without a loss."""
    losses = {}
    for name in (key for key in answers if key not in task.last_only):
        examples = task.evaluation[name]
        loss = task.measure(examples).kind.mean_loss(answers[name], examples)
        if loss is not None:
            losses[name] = loss
    return losses


def over_languages(
    scores: dict[str, dict[str, float]], groups: Mapping[str, str]
) -> dict[str, dict[str, float]]:
    """``scores`` with unweighted means over languages: ``SET`` goes before its ``SET/LANGUAGE`` entries.

    ``groups`` has the SET of every evaluated set of one language. There is no mean if one has no score.
    """
    shown: dict[str, dict[str, float]] = {}
    for name in scores:
        group = groups.get(name)
        if group is not None and group not in shown:
            languages = [other for other in groups if groups[other] == group]
            if all(other in scores for other in languages):
                parts = [scores[other] for other in languages]
                shown[group] = {metric: fmean(part[metric] for part in parts) for metric in parts[0]}
        shown[name] = scores[name]
    return shown
