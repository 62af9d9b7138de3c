"""Checks of a command line before Hydra acts on it: code named in files, and keys set by a W&B sweep."""

from __future__ import annotations

import logging
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NoReturn

from hydra import compose, initialize_config_dir
from hydra._internal.utils import get_args_parser
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import OmegaConf

from benchmark.config.schema import RunConfig
from benchmark.config.searchpath import check_unambiguous
from benchmark.config.targets import OURS, TRUSTED, VARIABLE
from benchmark.errors import BenchmarkError, unknown
from benchmark.places import ROOT

SEARCHPATH = "hydra.searchpath="
SEARCHPATH_OPTIONS = ("--config-dir", "-cd")
CODE = ("_target_", "()", "class")  # keys of Hydra's own settings that name code; the last two are of logging
HYDRAS = frozenset({"hydra", "hydra_plugins", logging.__name__})
SWEPT = tuple(RunConfig.__dataclass_fields__)


def parsed(arguments: Sequence[str]) -> Namespace:
    """The options and ``overrides`` of a command line; Hydra refuses options with a stack trace.

    Raises: BenchmarkError for options that do not go together, or that read a pickled file.
    """
    parser = get_args_parser()
    parser.error = _refuse  # type: ignore[method-assign]
    given = parser.parse_args(list(arguments))
    if given.experimental_rerun is not None:
        raise BenchmarkError("--experimental-rerun: not here; the command of a record makes its run again")
    if given.resolve and not (given.cfg or given.help):
        raise BenchmarkError("--resolve: only together with --cfg or --help")
    modes = {
        "--run": given.run,
        "--multirun": given.multirun,
        "--cfg": given.cfg,
        "--info": given.info,
        "--shell-completion": given.shell_completion,
    }
    chosen = [option for option, value in modes.items() if value]
    if len(chosen) > 1:
        raise BenchmarkError(f"{' '.join(chosen)}: give one of them")
    return given


def _refuse(message: str) -> NoReturn:
    raise BenchmarkError(f"{message}; options such as -m come before or after all KEY=VALUE")


def check_files(arguments: Sequence[str]) -> None:
    """Check the settings of Hydra itself in files of a search path: launcher, callbacks, logging.

    The project's own files need no check. Raises: BenchmarkError for code that is not trusted, or for two files
    of one name.
    """
    overrides = list(overrides_of(arguments))
    search = [override for override in overrides if override.startswith(SEARCHPATH)]
    if not search:
        return
    check_unambiguous(search)
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        for choices in _singly(OverridesParser.create().parse_overrides(overrides)):
            settings = compose("config", choices, return_hydra_config=True).hydra
            _check_code("hydra", OmegaConf.to_container(settings, resolve=False))


def check_sweep(arguments: Sequence[str], environment: Mapping[str, str]) -> None:
    """Check that the agent of a W&B sweep sets keys of runs alone: a sweep comes from a server.

    Raises: BenchmarkError for an option, a key of Hydra, or a key that names code.
    """
    if "WANDB_SWEEP_ID" not in environment:
        return
    for argument in arguments:
        key, _, value = argument.partition("=")
        group, *inner = key.lstrip("+").split(".")
        if group not in SWEPT:
            raise unknown("key of a W&B sweep", key, SWEPT)
        if "builder" in inner or "_target_" in argument or (inner == [] and "builder" in value):
            raise BenchmarkError(
                f"{argument}: a W&B sweep may not name code; choose a file of conf/ that does"
            )


def overrides_of(arguments: Sequence[str]) -> Iterator[str]:
    """The overrides of a command line, with a folder of `--config-dir` as a search path."""
    rest = iter(arguments)
    for argument in rest:
        option, _, value = argument.partition("=")
        if option in SEARCHPATH_OPTIONS:
            yield f"{SEARCHPATH}['file://{value or next(rest, '')}']"
        elif not argument.startswith("-") and ("=" in argument or argument.startswith("~")):
            yield argument


def _singly(parsed: Sequence[Override]) -> Iterator[list[str]]:
    """The overrides of single runs that together contain every choice of a multirun once."""
    loader = GlobalHydra.instance().config_loader()
    fixed = [override.input_line or "" for override in parsed if not override.is_sweep_override()]
    swept = [
        [f"{override.get_key_element()}={value}" for value in override.sweep_string_iterator()]
        for override in parsed
        if override.is_sweep_override() and loader.get_group_options(override.key_or_group.split("@")[0])
    ]
    yield fixed + [choices[0] for choices in swept]
    for number, choices in enumerate(swept):
        others = [values[0] for values in swept[:number] + swept[number + 1 :]]
        for choice in choices[1:]:
            yield [*fixed, *others, choice]


def _check_code(place: str, settings: Any) -> None:
    """Raises: BenchmarkError for a trusted key in ``settings`` that names foreign code."""
    if isinstance(settings, list):
        settings = dict(enumerate(settings))
    if not isinstance(settings, dict):
        return
    for key, value in settings.items():
        if key in CODE and isinstance(value, str) and value.partition(".")[0] not in HYDRAS | TRUSTED:
            raise BenchmarkError(
                f"{place}.{key}={value}: not run, because its package is not trusted (trusted: "
                f"{', '.join(sorted(TRUSTED))}; {VARIABLE}=… before the command adds yours to {OURS})"
            )
        _check_code(f"{place}.{key}", value)
