"""The capture of a CUDA graph; torch is put right if it fails.

torch (2.11 to 2.13) stops halfway through the end of a failed capture: the stream of the capture stays the
current one, random streams that the graph knows refuse to draw, and the memory is not given back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, ClassVar
from weakref import WeakSet

import torch

from benchmark import randomness


class NotCapturedError(Exception):
    """A capture that failed for ``reason``; ``full`` if the GPU had no memory left for it."""

    def __init__(self, reason: BaseException) -> None:
        line = str(reason).partition("\n")[0] or type(reason).__name__
        self.reason, self.full = reason, "out of memory" in line
        super().__init__("CUDA out of memory: graphs take memory of their own" if self.full else line)


class _Process:
    """The state of this process, and the graphs that it holds."""

    damaged = False
    graphs: ClassVar[WeakSet[Any]] = WeakSet()


def damaged() -> bool:
    """True if a capture failed in this process: it should make no other run."""
    return _Process.damaged


def held() -> bool:
    """True if this process holds graphs, whose memory nothing else can use."""
    return bool(_Process.graphs)


@contextmanager
def captured(graph: Any, pool: Any, lane: Any, streams: Sequence[torch.Generator]) -> Iterator[None]:
    """Capture the operations of the block in ``graph``, which may draw from ``streams``.

    It is captured on the stream ``lane``, in memory of ``pool``. Raises: NotCapturedError if that fails; the
    operations can then be computed.
    """
    try:
        for stream in streams:
            graph.register_generator_state(stream)
        # The outer block puts back the current stream, which torch's own forgets after a failure
        with torch.cuda.stream(lane), torch.cuda.graph(graph, pool=pool, stream=lane):
            yield
        _Process.graphs.add(graph)
    except RuntimeError as error:
        _Process.damaged = True
        _put_right(pool, lane, streams)
        # If the end of the capture raised too, its error says only that there was another
        raise NotCapturedError(error.__context__ or error) from error


def _put_right(pool: Any, lane: Any, streams: Sequence[torch.Generator]) -> None:
    torch.cuda.synchronize(lane.device_index)  # raises if the GPU itself is lost
    with suppress(RuntimeError):  # the first one raises if torch came as far as this
        torch._C._cuda_endAllocateToPool(lane.device_index, pool)
        torch._C._cuda_releasePool(lane.device_index, pool)
    for stream in streams:
        fresh = randomness.generator(stream.device)
        fresh.set_state(stream.get_state())
        stream.graphsafe_set_state(fresh)  # the same draws, from a state that no graph knows
