"""What tests of kinds of claim share."""

from __future__ import annotations

from typing import Any

import pytest

from benchmark.report.judge import Verdict
from helpers.claims import verdicts_of


@pytest.fixture
def judged(record_of) -> Any:
    """``judged(planned, score, …)``: the verdicts on hand-made records."""

    def verdicts(planned: Any, score: Any, **more: Any) -> list[Verdict]:
        return verdicts_of(planned, record_of, score, **more)

    return verdicts
