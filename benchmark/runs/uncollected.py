"""Work that makes many objects that stay, without looks through them for garbage."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """Look for no cycles of garbage during the block.

    Later looks pass by all objects that are there at its end. Use it for imports and plans, never for work that
    may leave tensors behind: they would stay.
    """
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.freeze()
            gc.enable()
