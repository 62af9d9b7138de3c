"""The folders of reference values: each is driven by a test, or skipped with its name."""

from __future__ import annotations

import pytest

from helpers import vectors
from helpers.vectors import Entry


@pytest.mark.parametrize("case", vectors.other_folders() or [None], ids=str)
def test_a_folder_of_no_method_is_skipped_with_its_name(case: Entry | None) -> None:
    if case:
        case.load()
