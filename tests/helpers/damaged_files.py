"""Damaged files of a run: in the place of its record, and of its arrays."""

from __future__ import annotations

import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np


def _other(folder: Path) -> Path:
    """The folder of another run of the store."""
    return next(
        path for path in sorted(folder.parent.iterdir()) if path != folder and (path / "record.json").exists()
    )


def _piped(folder: Path) -> None:
    (folder / "record.json").unlink()
    os.mkfifo(folder / "record.json")


def _linked(target: str, name: str = "record.json") -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / name).unlink()
        (folder / name).symlink_to(target)

    return change


def _replaced(folder: Path) -> None:
    shutil.rmtree(folder)
    shutil.copytree(_other(folder), folder)


def _a_file(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.write_text("somebody's notes")


def _no_record(folder: Path) -> None:
    (folder / "record.json").unlink()


def _a_folder(folder: Path) -> None:
    (folder / "record.json").unlink()
    (folder / "record.json").mkdir()


def _arrays_a_folder(folder: Path) -> None:
    (folder / "arrays.npz").unlink()
    (folder / "arrays.npz").mkdir()


FOLDER: dict[str, Callable[[Path], None]] = {
    "a pipe": _piped,
    "a link to /dev/zero": _linked("/dev/zero"),
    "a folder in its place": _a_folder,
    "a file in the folder's place": _a_file,
    "no record in the folder": _no_record,
    "the folder of another run": _replaced,
    "no arrays in the folder": lambda folder: (folder / "arrays.npz").unlink(),
    "arrays without content": lambda folder: (folder / "arrays.npz").write_bytes(b"") and None,
    "arrays that are a folder": _arrays_a_folder,
}


def _dangling(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.symlink_to("/nowhere/at/all")


UNKNOWN: dict[str, Callable[[Path], None]] = {
    "a folder that is a link to nothing": _dangling,
    "a record that is a link to nothing": _linked("/nowhere/at/all"),
    "a record that is a link to itself": _linked("record.json"),
    "arrays that are a link to nothing": _linked("/nowhere/at/all", "arrays.npz"),
}


def _arrays(**changes: Any) -> Callable[[Path], None]:
    """Other arrays by name (`/` as `__`); a value is an array, None, or a function of the present one."""

    def change(folder: Path) -> None:
        path = folder / "arrays.npz"
        with np.load(path) as stored:
            arrays = dict(stored)
        for name, value in changes.items():
            name = name.replace("__", "/")
            arrays[name] = value(arrays.get(name)) if callable(value) else value
        np.savez_compressed(path, **{name: array for name, array in arrays.items() if array is not None})

    return change


def _bytes(change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    def changed(folder: Path) -> None:
        path = folder / "arrays.npz"
        path.write_bytes(change(path.read_bytes()))

    return changed


def _claiming(folder: Path) -> None:
    header = "{'descr': '<f4', 'fortran_order': False, 'shape': (1099511627776,), }".ljust(117) + "\n"
    with zipfile.ZipFile(folder / "arrays.npz", "w") as archive:
        archive.writestr(
            "losses.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode()
        )


ARRAYS: dict[str, Callable[[Path], None]] = {
    "cut": _bytes(lambda content: content[: len(content) // 2]),
    "one byte": _bytes(lambda content: content[:200] + bytes([content[200] ^ 1]) + content[201:]),
    "pickled": lambda folder: np.savez(folder / "arrays.npz", losses=np.array([{}], dtype=object)),
    "claiming 4 TB": _claiming,
    "of another run": lambda folder: (
        shutil.copy(_other(folder) / "arrays.npz", folder / "arrays.npz") and None
    ),
    "logits negated": _arrays(logits__validation=lambda logits: -logits),
    "logits that are no numbers": _arrays(logits__validation=lambda logits: logits * np.nan),
    "logits flat": _arrays(logits__validation=lambda logits: logits * 0),
    "logits of text": _arrays(logits__validation=lambda logits: logits.astype(str)),
    "logits of one evaluation": _arrays(logits__validation=lambda logits: logits[-1:]),
    "targets all 9": _arrays(targets__validation=lambda targets: targets * 0 + 9),
    "logits without targets": _arrays(targets__validation=None),
    "half the examples": _arrays(targets__validation=lambda targets: targets[: len(targets) // 2]),
    "losses in two dimensions": _arrays(losses=lambda losses: losses[None]),
    "a stranger": _arrays(bomb=np.zeros(10)),
    "a path": lambda folder: _arrays(**{"../../../escape": np.zeros(1)})(folder),
}
