"""Tests that only a real GPU can pass; several processes can share them, so that all take a minute."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

FOLDER = Path(__file__).parent


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--share=0/4`: only the first of four shares of the tests."""
    parser.addoption("--share", default="0/1", help="I/N: of the tests on a GPU, share I of N (from 0 on)")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark the tests of this folder, leave those of other shares, and skip all without a GPU."""
    here = [item for item in items if FOLDER in item.path.parents]
    share, shares = map(int, config.getoption("--share", "0/1").split("/"))
    for number, item in enumerate(here):
        item.add_marker(pytest.mark.cuda)
        item.add_marker(pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"))
        if number % shares != share:
            items.remove(item)
