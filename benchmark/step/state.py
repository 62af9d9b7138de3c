"""What changes on an object while a run goes on, as plain containers that can be saved and put back.

Kept are numbers, words, tensors and random streams, and lists, tuples and dicts of them; whatever else an
object holds (maps of the model, hooks, sets of names) is made again when the run is assembled. What is
put back is what weights-only loading can read: nothing in it is ever executed.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any, ClassVar

import torch

PLAIN = (type(None), bool, int, float, str)
STREAM = "random stream"  # marks a generator among the dicts; no dict of tensors has such a key


class Stateful:
    """Something whose attributes are its state: those that are no fields of its configuration."""

    #: Attributes that are the same whenever the run is assembled, and so need not be saved.
    constant: ClassVar[tuple[str, ...]] = ()

    def state(self) -> dict[str, Any]:
        """Its state now; tensors are not copied."""
        left_out = set(self.constant)
        if is_dataclass(self):
            left_out |= {field.name for field in fields(self)}
        kept = {}
        for name, value in vars(self).items():
            try:
                if name not in left_out:
                    kept[name] = _plain(value)
            except _NoStateError:
                continue
        return kept

    def restore(self, state: dict[str, Any]) -> None:
        """Put ``state`` back, in place where there is something already."""
        for name, value in state.items():
            setattr(self, name, _put_back(getattr(self, name, None), value))


class _NoStateError(Exception):
    """A value that is made again when the run is assembled."""


def _plain(value: Any) -> Any:
    if isinstance(value, PLAIN):
        return value
    if isinstance(value, Stateful):
        return value.state()
    if isinstance(value, torch.Generator):
        return {STREAM: str(value.device), "state": value.get_state()}
    if isinstance(value, torch.Tensor):
        value = value.detach()
        # A view would be saved with the whole of what it looks at.
        return value if value.untyped_storage().nbytes() == value.nbytes else value.clone()
    if type(value) is dict and all(isinstance(key, PLAIN) for key in value):
        return {key: _plain(inner) for key, inner in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_plain(inner) for inner in value)
    raise _NoStateError


def _put_back(now: Any, saved: Any) -> Any:
    """What an attribute that is ``now`` becomes."""
    if isinstance(now, Stateful):
        now.restore(saved)
        return now
    if isinstance(saved, torch.Tensor):
        if isinstance(now, torch.Tensor) and now.shape == saved.shape and now.dtype == saved.dtype:
            with torch.no_grad():
                return now.copy_(saved)
        return saved
    if isinstance(saved, dict) and STREAM in saved:
        generator = now if isinstance(now, torch.Generator) else torch.Generator(saved[STREAM])
        return generator.set_state(saved["state"])
    if isinstance(saved, dict):
        now = now if isinstance(now, dict) else {}
        inner = {key: _put_back(now.get(key), value) for key, value in saved.items()}
        now.clear()
        now.update(inner)
        return now
    if isinstance(saved, list | tuple):
        before = list(now) if isinstance(now, list | tuple) else []
        before += [None] * (len(saved) - len(before))
        return type(saved)(_put_back(old, value) for old, value in zip(before, saved, strict=False))
    return saved
