"""The configuration of one run: composed by Hydra from `conf/`, then a typed object."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager

from omegaconf import DictConfig, OmegaConf

from benchmark.config import resolvers, written
from benchmark.config.members import check_members
from benchmark.config.schema import RunConfig
from benchmark.errors import BenchmarkError
from benchmark.places import ROOT


@functools.cache
def register() -> None:
    """Register the schema and the resolvers of our configuration with Hydra."""
    from hydra.core.config_store import ConfigStore

    resolvers.register(ROOT)
    written.register()
    ConfigStore.instance().store(name="schema", node=RunConfig)


@contextmanager
def composing() -> Iterator[None]:
    """Let Hydra compose from `conf/` during the block, with our schema and resolvers."""
    from hydra import initialize_config_dir

    register()
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        yield


def run_config(*overrides: str) -> RunConfig:
    """The configuration of one run, composed as a whole.

    Raises: BenchmarkError naming the mandatory keys without a value. Other refusals are Hydra's own.
    """
    from hydra import compose

    with composing():
        return typed(compose("config", list(overrides)))


def typed(config: DictConfig) -> RunConfig:
    """The object of a composed configuration, with every interpolation resolved.

    Raises: BenchmarkError naming the mandatory keys without a value, or a list within a list of texts.
    """
    missing = sorted(OmegaConf.missing_keys(config))
    if missing:
        raise BenchmarkError(f"no value for {', '.join(missing)}: set it, e.g. {missing[0]}=…")
    resolved = OmegaConf.to_container(config, resolve=True)
    assert isinstance(resolved, dict)
    resolved.pop("hydra", None)
    # Hydra's `+KEY=VALUE` gets past the schema, so merge with it once more.
    config_object = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(RunConfig), resolved))
    check_members(config_object, RunConfig)
    return config_object  # type: ignore
