"""The configuration of one run as Hydra composes it from `conf/`, and as the plain containers that the rest reads."""

from __future__ import annotations

from typing import Any

from omegaconf import DictConfig, OmegaConf

from benchmark.config import resolvers
from benchmark.config.schema import Run
from benchmark.errors import BenchmarkError
from benchmark.places import ROOT


def register() -> None:
    """Make the schema and the resolvers of our configuration known to Hydra."""
    from hydra.core.config_store import ConfigStore

    resolvers.register(ROOT)
    ConfigStore.instance().store(name="schema", node=Run)


def plain(config: DictConfig) -> dict[str, Any]:
    """The configuration as plain resolved containers.

    Raises: BenchmarkError for a mandatory value that is missing.
    """
    missing = sorted(OmegaConf.missing_keys(config))
    if missing:
        raise BenchmarkError(f"no value for {', '.join(missing)}: set it, e.g. {missing[0]}=…")
    resolved = OmegaConf.to_container(config, resolve=True)
    assert isinstance(resolved, dict)
    resolved.pop("hydra", None)
    OmegaConf.merge(OmegaConf.structured(Run), resolved)  # Hydra's `+KEY=VALUE` gets past the schema
    return {str(key): value for key, value in resolved.items()}
