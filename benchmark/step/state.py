"""The changing state of an object in a run, as plain containers for saving.

Saved are numbers, words, tensors and random streams, and lists, tuples and dicts of them. All other
attributes (maps of the model, module hooks, sets of names) are made again when the run is assembled.
Weights-only loading can read the saved state: nothing in it is ever executed.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any, ClassVar

import torch

PLAIN = (type(None), bool, int, float, str)
STREAM = "random stream"  # marks a generator among the dicts; no dict of tensors has such a key


class Stateful:
    """An object with state: all attributes that are not fields of its configuration."""

    #: Attributes that are the same in every assembly of the run, so that they need not be saved.
    constant: ClassVar[tuple[str, ...]] = ()

    def state(self) -> dict[str, Any]:
        """Collect its state now; tensors are not copied."""
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
        """Put ``state`` back, in place if an attribute has a value already."""
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
        # A view would be saved with its whole storage.
        return value if value.untyped_storage().nbytes() == value.nbytes else value.clone()
    if type(value) is dict and all(isinstance(key, PLAIN) for key in value):
        return {key: _plain(inner) for key, inner in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_plain(inner) for inner in value)
    raise _NoStateError


def _put_back(now: Any, saved: Any) -> Any:
    """The new value of an attribute whose value is ``now``."""
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
