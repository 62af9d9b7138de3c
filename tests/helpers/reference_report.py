"""A line at the end of a test session: the reference cases that were driven, and the reasons of the others."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest

from helpers.vectors import Entry

PROPERTY = "reference case"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Name the case in each test's report, which also reaches a session that runs its tests in workers."""
    for item in items:
        entry = getattr(item, "callspec", None) and item.callspec.params.get("case")
        if isinstance(entry, Entry):
            item.user_properties.append((PROPERTY, f"{entry.folder.variable} {entry}"))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Count the cases; one that several tests drive counts once."""
    outcomes: dict[str, dict[str, str]] = defaultdict(dict)  # by case: reason by outcome
    for outcome in ("passed", "failed", "error", "skipped"):
        for report in terminalreporter.stats.get(outcome, []):
            for key, case in getattr(report, "user_properties", []):
                if key == PROPERTY:
                    reason = report.longrepr[2] if outcome == "skipped" else ""
                    outcomes[case][outcome] = reason.removeprefix("Skipped: ")
    if not outcomes:
        return
    skipped = {case: found["skipped"] for case, found in outcomes.items() if set(found) == {"skipped"}}
    failed = sum(bool({"failed", "error"} & set(found)) for found in outcomes.values())
    driven = len(outcomes) - len(skipped)
    line = f"{len(outcomes)} reference cases: {driven} driven ({failed} failed), {len(skipped)} skipped"
    terminalreporter.write_sep("=", line)
    for reason in sorted(set(skipped.values())):
        terminalreporter.write_line(f"skipped: {reason}")
