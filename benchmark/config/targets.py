"""Objects that a configuration names by a dotted path: classes (``_target_``) and builders.

Importing runs code, and a configuration may be somebody else's. So a path must lead into this package, or into
a package that the user has named in the environment: ``BENCHMARK_TRUSTED=my_package,another``. No file can
add a name to it. The ``_target_``'s class has the schema of its settings as fields.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from importlib import import_module
from inspect import isfunction, signature
from pathlib import Path
from traceback import walk_tb
from types import ModuleType
from typing import Any, TypeVar

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from benchmark.config.ranges import check_settings
from benchmark.config.written import fields_of, required
from benchmark.errors import BenchmarkError, hint, nearest, one_line

T = TypeVar("T")
SIMPLE = (bool, int, float, str)  # types of a default that can be shown as a line of code
OURS = __name__.partition(".")[0]
VARIABLE = "BENCHMARK_TRUSTED"
# Read once, at import, because a configuration can set variables later (`hydra.job.env_set`).
TRUSTED = frozenset({OURS} | {name.strip() for name in os.environ.get(VARIABLE, "").split(",")} - {""})
DOTTED = re.compile(r"[A-Za-z]\w*(\._?[A-Za-z]\w*)+")  # two parts or more, no __dunder__
BUILDERS = {  # builders of this package, by the kind of their product
    "model": ("encoder", "multilingual_encoder", "xtreme", "bert_tiny", "minilm_l3", "e5_small_4bit"),
    "task": ("tasks", "multilingual_tasks"),
}


@contextmanager
def no_exit() -> Iterator[None]:
    """Make an error of an exit in the block, which is code of the user's: the command would end without a word.

    Raises: BenchmarkError naming the code.
    """
    try:
        yield
    except SystemExit as error:
        frames = [frame for frame, _ in walk_tb(error.__traceback__)]
        names = [(str(frame.f_globals.get("__name__")), frame.f_code.co_qualname) for frame in frames]
        # The last may be Python's own `exit`.
        module, inner = ([name for name in names if name[0].partition(".")[0] in TRUSTED - {OURS}] or names)[
            -1
        ]
        place = module if inner == "<module>" else f"{module}.{inner}"
        raise BenchmarkError(
            f"{place}: exits (SystemExit: {error}), and a command ends with a message; raise an error in its place"
        ) from error


def class_of(key: str, target: object, base: type[T]) -> type[T]:
    """The class ``key._target_``. Raises: BenchmarkError if missing, not trusted or no subclass of ``base``."""
    kind = located(f"{key}._target_", target)
    if not (isinstance(kind, type) and issubclass(kind, base)):
        package = base.__module__.removesuffix(".base")
        raise BenchmarkError(f"{key}._target_={target}: not a {package}.{base.__name__}")
    return kind


@no_exit()
def built(key: str, settings: dict[str, Any], base: type[T]) -> T:
    """The object that the dictionary ``settings`` describes.

    Raises: BenchmarkError for a missing or wrong ``_target_``, an unknown setting, or a wrong value.
    """
    if not isinstance(settings, dict) or "_target_" not in settings:
        group, _, name = key.partition(".")
        advice = f"; does its file in conf/{group}/ begin with `# @package {group}.NAME`?" if name else ""
        if name and isinstance(settings, dict):  # settings without a file that names the class
            advice = f"; {group}=[{name}] chooses it, if conf/{group}/ has its file"
        raise BenchmarkError(f"{key}: expected a mapping with `_target_`{advice}")
    kind = class_of(key, settings["_target_"], base)
    values = {name: value for name, value in settings.items() if name != "_target_"}
    try:
        _check_fields(kind, base, values)
        # The dataclass is the schema: OmegaConf checks types against its fields.
        made: T = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(kind), values))  # type: ignore
        check_settings(vars(made))
    except (OmegaConfBaseException, BenchmarkError) as error:
        raise BenchmarkError(f"{key}: {one_line(error)}") from error
    return made


def _check_fields(kind: type, base: type, values: Mapping[str, Any]) -> None:
    """Refuse settings that are no fields of ``kind``, and a class without fields.

    Raises: BenchmarkError, with the line to write if the class is no dataclass, or has an attribute of that name.
    """
    if not is_dataclass(kind):
        raise BenchmarkError(
            f"{kind.__name__} is no dataclass; write @dataclass above `class {kind.__name__}`"
        )
    valid = [field.name for field in fields(kind)]
    truths = [name for name, inner in fields_of(kind).items() if required(inner) is bool]
    for name, value in values.items():
        if name in truths and isinstance(value, int) and value not in (0, 1):
            raise BenchmarkError(f"{name}={value}: a number is no truth value; valid: true, false")
        if name in valid:
            continue
        advice = nearest(name, valid)
        if name in vars(kind).get("__annotations__", {}) and "__dataclass_fields__" not in vars(kind):
            advice = f"; write @dataclass above `class {kind.__name__}`"
        elif not hasattr(base, name) and type(default := getattr(kind, name, None)) in SIMPLE:
            types = {type(default), type(value)}
            named = "float" if types == {int, float} else type(default).__name__
            advice = f"; write `{name}: {named} = {default!r}` in the class"
        raise BenchmarkError(f"{kind.__name__} has no field {name!r}{advice}")


def check_acts(key: str, made: object, base: type, hooks: Sequence[str]) -> None:
    """Refuse an object whose class overrides none of the ``hooks`` of ``base``: it would do nothing.

    Raises: BenchmarkError naming the function that was probably meant to be a hook, or one that cannot be called.
    """
    kind = type(made)
    _check_functions(key, made, base)
    if any(getattr(kind, hook) is not getattr(base, hook) for hook in hooks):
        return
    own = {name: part for of in kind.__mro__ if not issubclass(base, of) for name, part in vars(of).items()}
    named = [name for name, part in own.items() if callable(part) and not name.startswith("__")]
    meant = next((f": {name!r} is none{said}" for name in named if (said := hint(name, hooks))), "")
    raise BenchmarkError(f"{key}: {kind.__name__} overrides no hook{meant} (valid: {', '.join(hooks)})")


def _check_functions(key: str, made: object, base: type) -> None:
    """Refuse an object whose functions cannot be called as those of ``base``. Raises: BenchmarkError with the line to write."""
    kind = type(made)
    for name, meant in vars(base).items():
        own = f"{key}: {kind.__name__}.{name}"
        if isinstance(meant, property) and isfunction(getattr(kind, name)):
            raise BenchmarkError(f"{own}: write @property above `def {name}(self)`")
        if not isfunction(meant) or getattr(kind, name) is meant:
            continue
        wanted = list(signature(meant).parameters)
        try:
            signature(getattr(made, name)).bind(*wanted[1:])
        except (TypeError, ValueError):  # other parameters, or no function
            raise BenchmarkError(
                f"{own}: it is called with {', '.join(wanted[1:])}; write `def {name}({', '.join(wanted)})`"
            ) from None


def check_builder(key: str, path: object) -> None:
    """Check the name of a builder, without importing it.

    Raises: BenchmarkError for a path outside the trusted packages, or to code of this package that is not a
    builder.
    """
    check_path(key, path)
    if str(path).partition(".")[0] != OURS:
        return
    group = key.partition(".")[0]
    names = BUILDERS.get(group) or [name for of_group in BUILDERS.values() for name in of_group]
    valid = [f"{OURS}.embedded.{name}.build" for name in names]
    if path not in valid:
        raise BenchmarkError(
            f"{key}={path}: no builder of a {group} (valid: {', '.join(valid)}, or one of yours)"
        )


@no_exit()
def made_by(key: str, path: str, cache: Path) -> Path:
    """The folder that the builder at a dotted ``path`` makes in ``cache``, or finds there.

    Raises: BenchmarkError for a builder that is not trusted, does not exist or makes no folder.
    """
    check_builder(key, path)
    builder: Callable[[Path], Any] = located(key, path)
    if not callable(builder):
        raise BenchmarkError(f"{key}={path}: not a function that takes the cache's folder")
    folder = builder(cache)
    if not isinstance(folder, str | Path) or not Path(folder).is_dir():
        raise BenchmarkError(f"{key}={path}: it made no folder, but {folder!r}")
    return Path(folder)


def check_path(key: str, path: object) -> None:
    """Raises: BenchmarkError unless ``path`` is dotted and leads into a trusted package."""
    if not isinstance(path, str) or not DOTTED.fullmatch(path):
        raise BenchmarkError(
            f"{key}={path}: expected a dotted path to code, such as {OURS}.methods.rdrop.RDrop"
        )
    _check_trust(key, path, path)


@no_exit()
def located(key: str, path: object) -> Any:
    """The object at a dotted ``path``. Nothing outside the trusted packages is imported on the way.

    Raises: BenchmarkError for a path that is not trusted, or that leads nowhere.
    """
    check_path(key, path)
    top, *names = str(path).split(".")
    try:
        thing: Any = import_module(top)
        for name in names:
            if isinstance(thing, ModuleType):
                _check_trust(key, path, thing.__name__)  # an alias: `logging.os` is `os`
                if not hasattr(thing, name):
                    import_module(f"{thing.__name__}.{name}")
            thing = getattr(thing, name)
    except BenchmarkError:
        raise
    except Exception as error:  # importing a user's file may raise anything
        why = " ".join(str(error).split()) or type(error).__name__
        raise BenchmarkError(f"{key}={path}: cannot be imported ({why})") from error
    _check_trust(key, path, str(getattr(thing, "__module__", None) or getattr(thing, "__name__", "?")))
    return thing


def _check_trust(key: str, path: object, place: str) -> None:
    """Refuse an untrusted ``place``: the dotted path at which the object at ``path`` is defined."""
    package = place.partition(".")[0]
    if package not in TRUSTED:
        alias = "" if place == path else f" leads to {place}, which"
        yours = (
            "" if package in sys.stdlib_module_names else f"; if it is yours, put {VARIABLE}={package} first"
        )
        raise BenchmarkError(
            f"{key}={path}:{alias} is not imported, because the package {package} is not trusted (trusted: "
            f"{', '.join(sorted(TRUSTED))}){yours}"
        )
