"""Claims that their own runs can never decide are refused before anything runs."""

from __future__ import annotations

from typing import Any

import pytest

from benchmark.errors import BenchmarkError
from helpers.claims import table

NOISY: dict[str, Any] = {"method": ["noisytune"]}
RISES = {"over": "data.share", "direction": "rises"}


@pytest.mark.parametrize(
    ("claim", "line"),
    [
        (
            {"runs": NOISY | {"data.share": 0.1}, "trend": RISES},
            "one value of data.share, 0.1; .* valid: 0.1, 1.0",
        ),
        (
            {"runs": NOISY | {"data.share": 0.1}, "equivalent": {"over": "data.share", "margin": 1}},
            "one value",
        ),
        (
            {"better": NOISY, "than": {"method": []}, "at_least": 3},
            "at_least: 3 comparisons, and there are 2 at most",
        ),
        ({"better": NOISY, "than": {"method": []}, "where": True}, "where: True; valid: every column"),
        ({"better": NOISY, "than": {"method": []}, "where": []}, "where: .*; valid: every column"),
        ({"runs": NOISY, "than": {"method": []}, "p_value": {}}, "p_value needs printed and seeds"),
        ({"runs": NOISY, "than": {"method": []}, "size": {"margin": 1}}, "size needs printed"),
        ({"runs": NOISY, "trend": {}}, "trend needs over and direction"),
        ({"runs": {"method": []}, "association": {"to": "loss", "direction": "falls"}}, "3 arms or more"),
    ],
)
def test_a_claim_that_its_own_runs_can_never_decide_is_refused(claim, line):
    with pytest.raises(BenchmarkError, match=line):
        table([claim], shares=("0.1", "1.0"))
