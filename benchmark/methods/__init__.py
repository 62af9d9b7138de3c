"""The methods under test, one file each; `conf/method/` names them and gives their papers' values."""

from __future__ import annotations

from itertools import permutations
from typing import Any

from hydra.utils import get_class
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from transformers import PreTrainedModel

from benchmark.architecture import encoder_of
from benchmark.errors import BenchmarkError, one_line
from benchmark.methods.base import Method, Setting, overrides

__all__ = ["Method", "Setting", "build", "class_of", "prepare"]


def build(chosen: dict[str, Any]) -> dict[str, Method]:
    """The methods of a plain configuration by name, in the one order in which they are applied.

    The order in which a user lists methods carries no meaning, so it must not change the result.

    Raises: BenchmarkError for hyper-parameters a method does not take, or not with that value, and for
    methods that cannot act together.
    """
    methods = {name: _build_one(name, dict(settings)) for name, settings in sorted(chosen.items())}
    for (name, method), (other, beside) in permutations(methods.items(), 2):
        if reason := _variants(method, beside) or _two_task_losses(method, beside) or method.conflict(beside):
            pair = " and ".join(sorted((f"method.{name}", f"method.{other}")))
            raise BenchmarkError(f"{pair} cannot act together: {reason}")
    return methods


def _variants(method: Method, beside: Method) -> str | None:
    if isinstance(beside, type(method)):
        return f"two variants of {type(method).__name__}, of which a run has one"
    return None


def _two_task_losses(method: Method, beside: Method) -> str | None:
    if overrides(method, "task_loss") and overrides(beside, "task_loss"):
        return "both take the place of the task loss"
    return None


def prepare(methods: dict[str, Method], model: PreTrainedModel, seed: int) -> None:
    """Make ``model`` ready: every moment before the optimiser, each for all methods in turn."""
    encoder = encoder_of(model)
    for moment in ("initialise", "remember", "perturb", "attach"):
        for name, method in methods.items():
            getattr(method, moment)(model, Setting(name, seed, encoder))


def class_of(name: str, target: str) -> type[Method]:
    """The class that a method's file names. Raises: BenchmarkError if it is not there, or no method."""
    try:
        kind = get_class(target)
    except Exception as error:  # whatever importing somebody's file may raise
        raise BenchmarkError(f"method.{name}._target_={target}: {str(error).splitlines()[0]}") from error
    if not issubclass(kind, Method):
        raise BenchmarkError(f"method.{name}._target_={target}: not a benchmark.methods.Method")
    return kind


def _build_one(name: str, settings: dict[str, Any]) -> Method:
    kind = class_of(name, settings.pop("_target_"))
    try:
        # The dataclass is the schema: OmegaConf checks names and types against its fields.
        return OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(kind), settings))  # type: ignore
    except (OmegaConfBaseException, BenchmarkError) as error:
        raise BenchmarkError(f"method.{name}: {one_line(error)}") from error
