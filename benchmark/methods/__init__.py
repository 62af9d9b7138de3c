"""The methods under test, one file each; `conf/method/` names them and gives their papers' values."""

from __future__ import annotations

from typing import Any

from hydra.utils import get_class
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from benchmark.errors import BenchmarkError, one_line
from benchmark.methods.base import Method, Setting

__all__ = ["Method", "Setting", "build"]


def build(chosen: dict[str, Any]) -> dict[str, Method]:
    """The methods of a plain configuration by name, in the one order in which they are applied.

    The order in which a user lists methods carries no meaning, so it must not change the result.

    Raises: BenchmarkError for hyper-parameters a method does not take, or not with that value.
    """
    return {name: _build_one(name, dict(settings)) for name, settings in sorted(chosen.items())}


def _build_one(name: str, settings: dict[str, Any]) -> Method:
    target = settings.pop("_target_")
    try:
        kind = get_class(target)
    except Exception as error:  # whatever importing somebody's file may raise
        raise BenchmarkError(f"method.{name}._target_={target}: {str(error).splitlines()[0]}") from error
    if not issubclass(kind, Method):
        raise BenchmarkError(f"method.{name}._target_={target}: not a benchmark.methods.Method")
    try:
        # The dataclass is the schema: OmegaConf checks names and types against its fields.
        return OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(kind), settings))  # type: ignore
    except (OmegaConfBaseException, BenchmarkError) as error:
        raise BenchmarkError(f"method.{name}: {one_line(error)}") from error
