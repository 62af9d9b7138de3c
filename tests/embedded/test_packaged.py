"""Encoders in packages: the files of one version, or the package is named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmark.embedded.packaged import Package, contents
from benchmark.errors import BenchmarkError

PACKAGE = Package("no-such-package-of-ours", "0.1.1", {"a/weights": "", "a/config.json": ""})


def test_files_come_in_the_order_of_their_digests(install: Callable[..., Package]) -> None:
    package = install(PACKAGE, [b"weights", b"{}"])
    assert contents("mine", "extra", package) == [b"weights", b"{}"]


@pytest.mark.parametrize("name", ["a/weights", "a/config.json"])
def test_another_package_of_the_name_is_refused(
    install: Callable[..., Package], tmp_path: Path, name: str
) -> None:
    package = install(PACKAGE, [b"weights", b"{}"])
    (tmp_path / "site" / name).write_text("another")
    with pytest.raises(BenchmarkError, match=rf"{name} is not that of no-such-package-of-ours 0\.1\.1"):
        contents("mine", "extra", package)
    (tmp_path / "site" / name).unlink()
    with pytest.raises(BenchmarkError, match=name):
        contents("mine", "extra", package)


def test_without_the_package_the_extra_is_named() -> None:
    with pytest.raises(BenchmarkError, match=r"model=mine: .* pip install '\.\[extra\]'"):
        contents("mine", "extra", PACKAGE)
