"""Packages that an engine needs and that are not installed by default."""

from __future__ import annotations

from importlib.util import find_spec

from benchmark.errors import BenchmarkError


def need(engine: str, package: str) -> None:
    """Raises: BenchmarkError with the extra to install if ``package`` is not there."""
    if find_spec(package) is None:
        raise BenchmarkError(
            f"engine={engine}: the package {package} is not installed: pip install '.[{engine}]'"
        )
