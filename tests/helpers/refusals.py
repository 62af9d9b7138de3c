"""What a wrong hyper-parameter of a method must be answered with."""

from __future__ import annotations

from typing import Any

import pytest

from benchmark.errors import BenchmarkError
from benchmark.methods import build


def check_refused(target: str, settings: dict[str, Any], message: str) -> None:
    """The method ``target`` (MODULE.CLASS) with ``settings`` is refused in one line with ``message`` and its place."""
    with pytest.raises(BenchmarkError, match=r"method\.mine") as refusal:
        build({"mine": {"_target_": f"benchmark.methods.{target}", **settings}})
    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)
