"""The text of `python -m benchmark --help`: the choices of every group, and every key with its value now."""

from __future__ import annotations

import json
import shutil
import textwrap
from collections.abc import Collection, Iterator
from pathlib import Path

from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from benchmark.config.choices import SEVERAL
from benchmark.config.explained import GROUPS, KEYS
from benchmark.printable import in_columns

WIDEST, NARROWEST = 100, 60  # characters
LONGEST = 36  # characters of KEY=VALUE; above, its explanation goes to the next line
BEGINNING = """\
benchmark: fine-tune a pretrained language model with noise and regularisation methods

One run:   python -m benchmark model=minilm task=rte method=[noisytune] protocol=noisytune seed=3
A grid:    python -m benchmark -m task=opinion,comparison method=[],[noisytune] seed=range(1,6)
A table:   python -m benchmark +sweeps=demo/noisytune

Choose one of each group, as GROUP=NAME:
"""
END = """
A run that is already in the store is not run again. Other commands, each with a --help of its own:
  python -m benchmark.reproduce TABLE [KEY=VALUE …]   plan, run and report a table of sweeps/
  python -m benchmark.plan TABLE|all                  what that would run, and for how long
  python -m benchmark.methods                         every method: its paper, cost and values
  python -m benchmark --cfg job [KEY=VALUE …]         a run's configuration as YAML
conf/README.md says more. By Hydra (https://hydra.cc); --hydra-help lists its own options."""


def help_text(config: DictConfig, places: Collection[Path]) -> str:
    """Write the help for a composed ``config``, with choices from the folders ``places``."""
    width = max(NARROWEST, min(WIDEST, shutil.get_terminal_size((WIDEST, 0)).columns))
    lines = [BEGINNING]
    for group, words in GROUPS.items():
        names = sorted({path.stem for place in places for path in (place / group).glob("*.yaml")})
        lines += textwrap.wrap(f"{group}: {words}", width, subsequent_indent="  ")
        lines += [*in_columns(names, width), ""]
    lines += ["Change any value with KEY=VALUE. Now:", ""]
    part = ""
    for key in [*KEYS, *_of_chosen_parts(config)]:
        before, part = part, key.rpartition(".")[0]
        lines += [""] * (before != part)
        lines += _explained(f"{key}={_shown(config, key)}", KEYS.get(key, ""), width)
    return "\n".join([*lines, END])


def _explained(setting: str, words: str, width: int) -> Iterator[str]:
    """``setting`` with its explanation beside it, or below it if the setting is long."""
    column = " " * (LONGEST + 4)
    lines = textwrap.wrap(words, width - len(column))
    beside = lines.pop(0) if lines and len(setting) <= LONGEST else ""
    yield f"  {setting:<{LONGEST + 2}}{beside}".rstrip()
    yield from (column + line for line in lines)


def _of_chosen_parts(config: DictConfig) -> Iterator[str]:
    """The keys of the parts that are written as classes: chosen methods and probes, tracker, engine."""
    parts = [f"{group}.{name}" for group in SEVERAL for name in config[group]]
    for part in [*parts, "tracker", "engine"]:
        yield from (f"{part}.{key}" for key in OmegaConf.select(config, part) if key != "_target_")


def _shown(config: DictConfig, key: str) -> str:
    """The value at ``key`` as it is typed; a dictionary is too long."""
    try:
        value = OmegaConf.select(config, key)
    except OmegaConfBaseException:
        # The value refers to something that is missing, so show it as it is written
        part, _, name = key.rpartition(".")
        value = OmegaConf.to_container(OmegaConf.select(config, part), resolve=False)[name]  # type: ignore
    if isinstance(value, DictConfig):
        return "{…}" if value else "{}"
    if isinstance(value, ListConfig):
        return "[" + ", ".join(map(str, value)) + "]"
    return value if isinstance(value, str) else json.dumps(value)
