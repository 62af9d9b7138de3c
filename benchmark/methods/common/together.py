"""The methods of one run: made together, their hooks called one after another."""

from __future__ import annotations

from itertools import permutations
from typing import Any

from transformers import PreTrainedModel

from benchmark.config.targets import built, check_acts
from benchmark.errors import BenchmarkError
from benchmark.methods.base import HOOKS, Context, Method, overrides
from benchmark.models.architecture import encoder_of


def build(chosen: dict[str, Any]) -> dict[str, Method]:
    """Make the methods of a configuration, by name, in alphabetical order.

    Methods act in this order. The order in which a user lists them carries no meaning and must not change
    the result.

    Raises: BenchmarkError for an unknown or invalid hyper-parameter, for a method without a hook, and for methods
    that cannot act together.
    """
    methods = {name: built(f"method.{name}", chosen[name], Method) for name in sorted(chosen)}
    for name, method in methods.items():
        check_acts(f"method.{name}", method, Method, HOOKS)
    for (name, method), (other, beside) in permutations(methods.items(), 2):
        if reason := _variants(method, beside) or _alone(method, beside) or method.conflict(beside):
            pair = " and ".join(sorted((f"method.{name}", f"method.{other}")))
            raise BenchmarkError(f"{pair} cannot act together: {reason}")
    return methods


def _variants(method: Method, beside: Method) -> str | None:
    if isinstance(beside, type(method)):
        return f"two variants of {type(method).__name__}, and a run can have only one of them"
    return None


def _alone(method: Method, beside: Method) -> str | None:
    hooks = {
        "task_loss": "replace the task loss",
        "climb": "move the weights before the gradient is taken",
        "evaluated": "replace the weights that are evaluated",
    }
    both = (does for hook, does in hooks.items() if overrides(method, hook) and overrides(beside, hook))
    return next((f"both {does}" for does in both), None)


def prepare(methods: dict[str, Method], model: PreTrainedModel, seed: int) -> None:
    """Call the hooks that come before the optimiser, each for all methods before the next.

    ``seed`` is that of their noise.
    """
    encoder = encoder_of(model)
    for hook in ("initialise", "remember", "perturb", "adapt", "attach"):
        for name, method in methods.items():
            getattr(method, hook)(model, Context(name, seed, encoder))
