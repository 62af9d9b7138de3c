"""Fine-tuning in one call, for tests that have a model at hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from transformers import PreTrainedModel

from benchmark.config.schema import ProtocolConfig
from benchmark.methods import Method
from benchmark.progress import Tell, silence
from benchmark.randomness import Seeds
from benchmark.tasks import Task
from benchmark.training.assemble import assembled
from benchmark.training.journal import Outcome
from benchmark.training.loop import fine_tune
from benchmark.training.onlooker import NOBODY, Onlooker
from benchmark.training.snapshot import NEVER, Keeping


def finetune(
    model: PreTrainedModel,
    task: Task,
    methods: Sequence[Method] | Mapping[str, Method],
    protocol: ProtocolConfig,
    seed: int,
    device: torch.device,
    snapshot: Keeping = NEVER,
    packed: bool = True,
    watch: Onlooker = NOBODY,
    replay: bool | None = None,
    tell: Tell = silence,
) -> Outcome:
    """Fine-tune ``model`` with ``methods``, which are already prepared; return the outcome."""
    named = methods if isinstance(methods, Mapping) else {str(n): m for n, m in enumerate(methods)}
    training = assembled(
        model, task, named, protocol, Seeds.all(seed), device, packed, replay, watched=watch is not NOBODY
    )
    return fine_tune(training, snapshot, watch, tell)
