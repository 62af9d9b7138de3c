"""`transformers`' models without the import of what only compiling, several machines or detectors need.

Importing one model imports `torch._dynamo`, `torch.distributed.tensor`, SymPy, `accelerate` and SciPy's optimisers as
well: more than all of torch, and no run here uses them. `transformers` does without three of them where they are not
installed, so it is told that they are not. Of PyTorch's compiler decorators are wanted, which do nothing to code that
is not compiled, and a check of a truth value: stand-ins have them while models are imported and made.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Callable, Iterable, Iterator
from types import ModuleType
from typing import TYPE_CHECKING, Any
from unittest import mock

if TYPE_CHECKING:
    import torch

SHARED = ("transformers.modeling_utils", "transformers.masking_utils", "transformers.generation.utils")
ABSENT = ("is_accelerate_available", "is_scipy_available", "is_torch_distributed_available")
TRACED = "torch._dynamo._trace_wrapped_higher_order_op"


def argument(given: Any, *_: Any, **__: Any) -> Any:
    """The first argument; without one, a function that returns its own."""
    return argument if given is None else given


def alike(one: Any, other: Any) -> bool:
    """True for equal sizes, or sequences of them."""
    return bool(one == other or (isinstance(one, list | tuple) and list(one) == list(other)))


COMPILER: dict[str, dict[str, Callable[..., Any]]] = {  # what they do to code that is not compiled
    "torch._dynamo": dict.fromkeys(("allow_in_graph", "assume_constant_result", "disable"), argument),
    TRACED: {"TransformGetItemToIndex": lambda: _imported(TRACED).TransformGetItemToIndex()},
    "torch.fx.experimental.symbolic_shapes": {
        **dict.fromkeys(("expect_true", "guard_or_false", "guard_or_true", "guard_size_oblivious"), argument),
        "sym_eq": alike,
        "is_nested_int": lambda size: False,  # sizes are plain numbers here
    },
}


class StandIn(ModuleType):
    """A module of some ``simple`` functions; if anything else is asked of it, the module itself is imported."""

    def __init__(self, name: str, simple: dict[str, Callable[..., Any]]) -> None:
        super().__init__(name)
        self.simple, self.__path__ = simple, list[str]()

    def __getattr__(self, name: str) -> Any:
        return self.simple.get(name) or getattr(_imported(self.__name__), name)


def import_models() -> None:
    """Import what all models of `transformers` share, for the whole process; nothing if it is there already."""
    if SHARED[0] in sys.modules:
        return
    import transformers.utils

    before = set(sys.modules)
    try:
        with contextlib.ExitStack() as stack:
            for name in ABSENT:
                for module in (transformers.utils, transformers.utils.import_utils):
                    stack.enter_context(mock.patch.object(module, name, return_value=False))
            stack.enter_context(without_compiler())
            for name in SHARED:
                importlib.import_module(name)
    except (ImportError, AttributeError):  # a release that wants more of what is not there: import it whole
        _forget(sys.modules.keys() - before)


def _forget(names: Iterable[str]) -> None:
    for name in sorted(names):
        if name.startswith("transformers."):
            parent, _, last = name.rpartition(".")
            del sys.modules[name]
            if parent in sys.modules:
                vars(sys.modules[parent]).pop(last, None)


@contextlib.contextmanager
def without_compiler() -> Iterator[None]:
    """Keep PyTorch's compiler from being imported for nothing during the block."""
    from torch.nn import init  # and all of torch, before a part of it has a stand-in

    draw = init.normal_

    def drawn(tensor: torch.Tensor, *arguments: Any, **options: Any) -> torch.Tensor:
        return tensor if tensor.is_meta else draw(tensor, *arguments, **options)

    if not COMPILER.keys() & sys.modules.keys():
        sys.modules |= {name: StandIn(name, simple) for name, simple in COMPILER.items()}
    try:
        with mock.patch.object(init, "normal_", drawn):  # of tensors without memory the compiler would draw
            yield
    finally:
        _drop()


def _imported(name: str) -> ModuleType:
    _drop()
    return importlib.import_module(name)


def _drop() -> None:
    for name in COMPILER:
        if isinstance(sys.modules.get(name), StandIn):
            del sys.modules[name]
