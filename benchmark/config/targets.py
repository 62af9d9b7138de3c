"""Objects from files of `conf/`: the ``_target_`` is a class whose fields are the schema."""

from __future__ import annotations

from typing import Any, TypeVar

from hydra.utils import get_class
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from benchmark.errors import BenchmarkError, one_line

Kind = TypeVar("Kind")


def class_of(key: str, target: str, base: type[Kind]) -> type[Kind]:
    """The class ``key._target_``. Raises: BenchmarkError if missing or no subclass of ``base``."""
    try:
        kind = get_class(target)
    except Exception as error:  # importing a user's file may raise anything
        raise BenchmarkError(f"{key}._target_={target}: {str(error).splitlines()[0]}") from error
    if not issubclass(kind, base):
        package = base.__module__.removesuffix(".base")
        raise BenchmarkError(f"{key}._target_={target}: not a {package}.{base.__name__}")
    return kind


def built(key: str, settings: dict[str, Any], base: type[Kind]) -> Kind:
    """The object that the dictionary ``settings`` describes.

    Raises: BenchmarkError for a missing or wrong ``_target_``, an unknown setting, or a wrong value.
    """
    if not isinstance(settings, dict) or "_target_" not in settings:
        group, _, name = key.partition(".")
        header = f"; does its file in conf/{group}/ begin with `# @package {group}.NAME`?" if name else ""
        raise BenchmarkError(f"{key}: expected a mapping with `_target_`{header}")
    kind = class_of(key, settings["_target_"], base)
    values = {name: value for name, value in settings.items() if name != "_target_"}
    try:
        # The dataclass is the schema: OmegaConf checks names and types against its fields.
        return OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(kind), values))  # type: ignore
    except (OmegaConfBaseException, BenchmarkError) as error:
        raise BenchmarkError(f"{key}: {one_line(error)}") from error
