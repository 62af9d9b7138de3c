from __future__ import annotations

import hashlib
import importlib.metadata
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from benchmark.embedded.packaged import Package

Install = Callable[[Package, Sequence[bytes]], Package]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Install a package of a test's own, with the given contents; it is returned with their digests."""
    site = tmp_path / "site"
    installed = SimpleNamespace(locate_file=lambda name: site / name)
    monkeypatch.setattr(importlib.metadata, "distribution", lambda name: installed)

    def made(package: Package, contents: Sequence[bytes]) -> Package:
        for place, content in zip(package.digests, contents, strict=True):
            (site / place).parent.mkdir(parents=True, exist_ok=True)
            (site / place).write_bytes(content)
        digests = [hashlib.sha256(content).hexdigest() for content in contents]
        return replace(package, digests=dict(zip(package.digests, digests, strict=True)))

    return made
