"""Stand-in for a GPU: tensors of a separate device, computed by the CPU.

Like a GPU, it refuses operations on tensors of both devices. It notes operations for which the host would
have to wait.

PyTorch registers it as the accelerator of the whole process. Backward passes on a real GPU then fail, so a
process that sees a GPU cannot use the stand-in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import pytest
import torch
from torch.nn import functional
from torch.utils._python_dispatch import (
    TorchDispatchMode,
    _disable_current_modes,
    return_and_correct_aliasing,
)
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

from benchmark import randomness
from benchmark.models import attention, masks
from benchmark.models.lined_up_layout import LinedUpLayout
from benchmark.training import evaluation, graphs

if torch.cuda.is_available():
    pytest.skip(
        "the stand-in for a GPU is for processes that see none: CUDA_VISIBLE_DEVICES= python -m pytest",
        allow_module_level=True,
    )
_setup_privateuseone_for_python_backend("elsewhere")
DEVICE = torch.device("elsewhere:0")
HOST = torch.device("cpu")
aten = torch.ops.aten
COPIES = (aten._to_copy.default, aten.copy_.default)
# Operations whose result, or its shape, the host must know before it goes on.
LOOKS = (aten._local_scalar_dense, aten.nonzero, aten.masked_select, aten._unique2, aten.equal)
LATE = 100  # operations of a capture before one fails
PICKS = (aten.index, aten.index_put, aten.index_put_)  # by a mask: the host must know its content


class There(torch.Tensor):
    """A tensor on the device; ``here`` holds its numbers on the CPU."""

    here: torch.Tensor

    @staticmethod
    def __new__(cls, here: torch.Tensor) -> There:
        shape, start = here.shape, here.storage_offset()
        made = torch.Tensor._make_wrapper_subclass(
            cls, shape, strides=here.stride(), storage_offset=start, dtype=here.dtype, device=DEVICE
        )
        made.here = here
        return made

    def __repr__(self) -> str:
        return f"There({self.here!r})"

    def __reduce_ex__(self, protocol: Any) -> Any:
        return self.here.__reduce_ex__(protocol)  # saved as a CPU tensor

    __torch_function__ = torch._C._disabled_torch_function_impl

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        raise AssertionError(f"{func}: the accelerator is not there")


class Lane:
    """Stand-in for a CUDA stream, on which operations are captured."""

    device_index = 0

    def __init__(self, device: torch.device) -> None:
        pass


class Stream(torch.Generator):
    """Stand-in for a random stream of the device: it refuses to draw if it waits for the end of a capture."""

    capturing = False

    def graphsafe_set_state(self, other: Stream) -> None:
        self.set_state(other.get_state())
        self.capturing = other.capturing


class Accelerator(TorchDispatchMode):
    """Dispatch mode that provides the device; ``waits`` lists operations that would block the host.

    The next captures end with ``errors``, after `LATE` operations; None is no error. ``lane`` is the current
    stream, and ``pools`` are those that the allocator keeps for a capture.
    """

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[str] = []
        self.capturing: Graph | None = None
        self.errors: list[Exception | None] = []
        self.lane: Lane | None = None
        self.pools: list[object] = []
        self.stuck: list[Stream] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        tensors = tensors_in([*args, *kwargs.values()])
        there = [tensor for tensor in tensors if isinstance(tensor, There)]
        here = [tensor for tensor in tensors if not isinstance(tensor, There) and tensor.dim()]
        assert func in COPIES or not (there and here), f"{func} has tensors of both devices"
        goes_there = isinstance(args[0], There) if func is aten.copy_.default else bool(there)
        if kwargs.get("device") is not None:
            goes_there = torch.device(kwargs["device"]).type == DEVICE.type
            kwargs = kwargs | {"device": HOST}
        self._note(func, args, kwargs, bool(there), bool(here), goes_there)
        numbers = changed(lambda x: x.here if isinstance(x, There) else x, args)
        named = {key: value.here if isinstance(value, There) else value for key, value in kwargs.items()}
        if self.capturing is not None:
            self.capturing.keep(func, numbers, named)
            if self.capturing.error is not None and len(self.capturing.done) > LATE:
                raise self.capturing.error
        else:
            self._check(kwargs.get("generator"))
        found = func(*numbers, **named)
        if self.capturing is not None:
            by_host = not goes_there and tensors_in(found)
            assert not by_host, f"{func} is computed by the host while a graph is captured"
            self.capturing.done.append((func, numbers, named, found))
        if not goes_there:
            # A copy between devices is always a new tensor; on the CPU it may be the same one.
            return found.clone() if there and func is aten._to_copy.default else found
        wrapped = changed(There, found)
        return return_and_correct_aliasing(func, args, kwargs, wrapped)

    def _check(self, drawn: torch.Generator | None) -> None:
        """Refuse what torch refuses after a capture that failed."""
        assert self.lane is None, "computed on the stream of a capture"
        if drawn is not None and any(one.capturing and same(one, drawn) for one in self.stuck):
            raise RuntimeError("Offset increment outside graph capture encountered unexpectedly.")

    @contextmanager
    def on(self, lane: Lane | None) -> Iterator[None]:
        """`torch.cuda.stream`."""
        before, self.lane = self.lane, lane
        try:
            yield
        finally:
            self.lane = before

    @contextmanager
    def captured(self, graph: Graph, pool: object, stream: Lane) -> Iterator[None]:
        """`torch.cuda.graph`, which leaves a mess if the capture fails."""
        graph.begin(self.errors.pop(0) if self.errors else None)
        before, self.lane, self.capturing = self.lane, stream, graph
        self.pools.append(pool)
        try:
            with mock.patch.object(torch, "manual_seed", side_effect=AssertionError("seeded in a graph")):
                yield
        except RuntimeError:
            self.stuck += [one for one in graph.streams if isinstance(one, Stream)]
            raise RuntimeError("operation failed due to a previous error during capture") from None
        else:
            graph.freed()
            self.lane = before
            self.pools.remove(pool)
        finally:
            self.capturing = None
            graph.end()

    def end_pool(self, device: int, pool: object) -> None:
        """`torch._C._cuda_endAllocateToPool`."""
        if pool not in self.pools:
            raise RuntimeError("not currently recording to mempool_id")

    def release_pool(self, device: int, pool: object) -> None:
        """`torch._C._cuda_releasePool`."""
        self.pools.remove(pool)

    def _note(self, func: Any, args: Any, kwargs: Any, there: bool, here: bool, goes_there: bool) -> None:
        masked = func.overloadpacket in PICKS and any(
            at is not None and at.dtype is torch.bool for at in args[1]
        )
        looks = there and (func.overloadpacket in LOOKS or masked or (func in COPIES and not goes_there))
        blocking = not (kwargs.get("non_blocking") or (func is aten.copy_.default and args[2:] == (True,)))
        if looks or (func in COPIES and goes_there and here and blocking):
            self.waits.append(str(func))
            assert self.capturing is None, f"{func} waits for the device while a graph is captured"


class Graph:
    """Stand-in for a CUDA graph: a replay repeats the captured operations in the same memory.

    A real graph computes nothing during capture. So memory and random streams are restored at its end.
    """

    def __init__(self) -> None:
        self.done: list[tuple[Any, Any, Any, Any]] = []
        self.streams: list[torch.Generator] = [torch.default_generator]
        self.changed: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

    def register_generator_state(self, generator: torch.Generator) -> None:
        self.streams.append(generator)

    def begin(self, error: Exception | None) -> None:
        self.error = error
        self.states = [generator.get_state() for generator in self.streams]
        for one in self.streams:
            if isinstance(one, Stream):
                one.capturing = True

    def freed(self) -> None:
        """Let the random streams be drawn from outside again."""
        for one in self.streams:
            if isinstance(one, Stream):
                one.capturing = False

    def keep(self, func: Any, args: Any, kwargs: Any) -> None:
        """Save memory that ``func`` changes; refuse a random stream that is not registered."""
        drawn = kwargs.get("generator")
        assert drawn is None or any(same(drawn, known) for known in self.streams), (
            f"{func} draws from elsewhere"
        )
        if func._schema.is_mutable:
            for tensor in tensors_in([*args, *kwargs.values()]):
                whole = torch.empty(0, dtype=torch.uint8).set_(tensor.untyped_storage())
                self.changed.setdefault(whole.data_ptr(), (whole, whole.clone()))

    def end(self) -> None:
        with _disable_current_modes():  # no operation of the device
            for whole, before in self.changed.values():
                whole.copy_(before)
        for generator, state in zip(self.streams, self.states, strict=True):
            generator.set_state(state)
        self.changed.clear()

    def replay(self) -> None:
        with torch.no_grad(), _disable_current_modes():  # replayed operations are not dispatched
            for func, args, kwargs, found in self.done:
                again = func(*args, **kwargs)
                for before, now in zip(tensors_in(found), tensors_in(again), strict=True):
                    if before.data_ptr() != now.data_ptr():
                        before.copy_(now.reshape(before.shape))  # squeezed in place, later in the capture


def same(one: torch.Generator, other: torch.Generator) -> bool:
    """True if both generators are in the same state."""
    return torch.equal(one.get_state(), other.get_state())


def tensors_in(nested: Any) -> list[torch.Tensor]:
    """The tensors in nested lists and tuples."""
    if isinstance(nested, (list, tuple)):
        return [tensor for one in nested for tensor in tensors_in(one)]
    return [nested] if isinstance(nested, torch.Tensor) else []


def changed(change: Callable[[torch.Tensor], torch.Tensor], nested: Any) -> Any:
    """Apply ``change`` to every tensor in nested lists and tuples."""
    if isinstance(nested, (list, tuple)):
        return type(nested)(changed(change, one) for one in nested)
    return change(nested) if isinstance(nested, torch.Tensor) else nested


@contextmanager
def accelerator() -> Iterator[Accelerator]:
    """Provide the device during the block, with CUDA graphs.

    CPU code replaces its random generators and its attention kernel for sequences of unlike length.
    """
    device = Accelerator()

    def stream(_: torch.device) -> torch.Generator:
        return Stream()

    def draw_from(generator: torch.Generator) -> torch.Generator:
        before = torch.Generator()
        before.set_state(torch.default_generator.get_state())

        def now() -> None:
            torch.default_generator.set_state(generator.get_state())

        now()
        if device.capturing is not None:
            device.capturing.done.append((now, (), {}, None))
        return before

    with (
        mock.patch.multiple(
            torch.cuda,
            CUDAGraph=Graph,
            graph=device.captured,
            graph_pool_handle=object,
            Stream=Lane,
            stream=device.on,
            synchronize=lambda _: None,
        ),
        mock.patch.multiple(
            torch._C,
            create=True,
            _cuda_endAllocateToPool=device.end_pool,
            _cuda_releasePool=device.release_pool,
        ),
        mock.patch.object(attention, "by_kernel", in_one),
        mock.patch.object(evaluation, "EVALUATION_TOKENS", 512),  # `in_one` takes their square
        mock.patch.object(randomness, "generator", stream),
        mock.patch.object(graphs, "generator", stream),
        mock.patch.object(masks, "draw_from", draw_from),
        device,
    ):
        yield device


def in_one(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, layout: LinedUpLayout, rate: float, scale: float
) -> torch.Tensor:
    """`benchmark.models.attention.by_kernel` in operations whose shapes depend only on the size.

    Shapes: ``q``, ``k``, ``v`` and the result (1, tokens, heads, width). The kernels refuse a longest sequence of
    more tokens than there are.
    """
    if layout.longest > q.shape[1]:
        raise RuntimeError(f"Invalid max_seqlen: {layout.longest} of {q.shape[1]} tokens")
    q, k, v = (states.squeeze(0).transpose(0, 1) for states in (q, k, v))
    owner = torch.searchsorted(layout.offsets, torch.arange(q.shape[1], device=q.device), right=True)
    apart = owner[:, None] != owner
    weights = (scale * q @ k.transpose(1, 2)).masked_fill(apart, -torch.inf).softmax(-1)
    return (functional.dropout(weights, rate) @ v).transpose(0, 1).unsqueeze(0)
