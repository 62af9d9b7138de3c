"""Every method there is a file for keeps what `benchmark.testing` checks; and the checks can fail."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmark import testing
from benchmark.config import ROOT
from benchmark.testing import CHECKS, settings_of

FILES = sorted((ROOT / "conf" / "method").glob("*.yaml"))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_method_keeps_the_contract(path: Path, check: Any) -> None:
    check(settings_of(path))
