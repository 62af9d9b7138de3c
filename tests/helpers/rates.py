"""Learning rates beyond the range of a configuration: the quickest way to a run that diverges."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

from benchmark.config import ranges


@contextmanager
def any_rate() -> Iterator[None]:
    """Let a run have any learning rate during the block."""
    with mock.patch.dict(ranges.NUMBERS, {"learning_rate": (0, math.inf)}):
        yield
