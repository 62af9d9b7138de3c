"""Reference values of methods and metrics: inputs and outputs of the authors' code, or of their equations.

They stand in ``../shared/vectors`` beside the repository, or in the folders that the environment variables
``METHOD_VECTORS`` and ``METRIC_VECTORS`` name. A case is driven by what it declares, never by its name:

    @vectors.drives("hype")
    def test_hype_equals_its_reference_values(case: Case) -> None: ...

runs once per case of the folder ``hype``. It fails if the folder, a file or an array is missing, if it leaves a
hyper-parameter unread or compares nothing. A case that asks for an option that is not offered is skipped with
that reason (`Case.skip`). Without reference values beside the repository everything here is skipped.
"""

from __future__ import annotations

import functools
import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
import torch

from benchmark.config.compose import ROOT
from helpers.declared import Declared

SHARED = ROOT.parent / "shared" / "vectors"
#: The folders of methods that some test drives.
FOLDERS = ("child_tuning", "freelb", "ft_noise", "hype", "l2sp", "lnsr", "loss_forms", "mixout", "noisytune",
           "optim", "pats", "r3f", "rdrop", "recadam", "sage", "smart")  # fmt: skip
EXACT = 1e-7  # relative, of float64; what cases promise that state no tolerance
SINGLE = 1e-5  # the same of float32


@dataclass(frozen=True)
class Folder:
    """The place of reference values: ``variable`` of the environment, or else ``default``."""

    variable: str
    default: Path

    @property
    def path(self) -> Path:
        return Path(os.environ.get(self.variable) or self.default)

    @property
    def absent(self) -> str:
        """Why tests are skipped, if nobody named a folder and there is none beside the repository."""
        if os.environ.get(self.variable) or self.default.is_dir():
            return ""
        return (
            f"no reference values: neither {self.variable} nor ../shared/vectors/{self.default.name} is there"
        )


METHODS = Folder("METHOD_VECTORS", SHARED / "methods")
METRICS = Folder("METRIC_VECTORS", SHARED / "xtreme_metrics")


@dataclass
class Case:
    """One case of a method: its hyper-parameters and its arrays."""

    label: str
    hyper: Declared
    arrays: dict[str, np.ndarray]
    provenance: str = ""
    tolerance: str | float | None = None
    compared: int = 0

    def __getitem__(self, key: str) -> np.ndarray:
        assert key in self.arrays, f"{self.label}: the array {key} is missing"
        return self.arrays[key]

    def __contains__(self, key: str) -> bool:
        return key in self.arrays

    def tensor(self, key: str) -> torch.Tensor:
        """The array as a fresh tensor."""
        return torch.from_numpy(np.array(self[key]))

    def keyed(self, prefix: str) -> dict[str, torch.Tensor]:
        """The arrays ``prefix:NAME`` by NAME, as fresh tensors."""
        return {key.split(":", 1)[1]: self.tensor(key) for key in self.arrays if key.startswith(f"{prefix}:")}

    def count(self, stem: str) -> int:
        """The number of arrays ``stem_0``, ``stem_1``, … Raises: AssertionError for a gap."""
        numbers = sorted(
            int(key[len(stem) + 1 :]) for key in self.arrays if re.fullmatch(rf"{stem}_\d+", key)
        )
        assert numbers == list(range(len(numbers))), f"{self.label}: of {stem}_* there are {numbers} alone"
        return len(numbers)

    def skip(self, reason: str) -> NoReturn:
        """Skip the case, as it asks for what is not offered."""
        pytest.skip(f"{self.label}: {reason}")

    def choose(self, key: str, offered: Mapping[Any, Any], default: Any = None) -> Any:
        """What stands for the hyper-parameter's value; skips the case if that is not offered."""
        value = self.hyper.get(key, default)
        for name, ours in offered.items():
            if value == name:
                return ours
        names = ", ".join(repr(name) for name in offered if name is not None)
        return self.skip(f"{key}={value!r} is not offered, only {names}")

    def only(self, key: str, *values: Any) -> None:
        """Skip the case unless the hyper-parameter is absent or one of ``values``."""
        self.choose(key, dict.fromkeys((None, *values)))

    def rtol(self, what: str = "", dtype: Any = None) -> float:
        """The relative tolerance that the case states.

        If it tells several apart ("noise at 1e-3, loss at 1e-4"), that of ``what``.
        """
        default = SINGLE if dtype == np.float32 else EXACT
        if self.tolerance is None or isinstance(self.tolerance, int | float):
            return default if self.tolerance is None else float(self.tolerance)
        number = r"(\d+(?:\.\d+)?e-?\d+|0\.\d+)"
        named = dict(re.findall(rf"(\w+) at {number}", self.tolerance))
        if what and named:
            return float(named.get(what, default))
        stated = re.search(number, self.tolerance)
        assert stated, f"{self.label}: no number in the tolerance {self.tolerance!r}"
        return float(stated.group(1))

    def close(
        self, got: Any, key: str, at: int | None = None, what: str = "", rtol: float = 0.0, atol: float = 0.0
    ) -> None:
        """Compare ``got`` with the array ``key`` (its entry ``at``) as closely as the case promises.

        ``rtol`` and ``atol`` are what the comparison needs at least, where numbers cancel.
        """
        wanted = self[key] if at is None else self[key][at]
        got = got.detach().numpy() if isinstance(got, torch.Tensor) else np.asarray(got)
        assert got.shape == wanted.shape, f"{self.label}: {key} is {wanted.shape}, not {got.shape}"
        promised = self.rtol(what, self[key].dtype)
        # Entries that are small beside the others carry the others' rounding.
        floor = (promised if promised > EXACT else 1e-12) * float(np.abs(wanted).max(initial=0.0))
        np.testing.assert_allclose(
            got,
            wanted,
            rtol=max(promised, rtol),
            atol=max(floor, atol),
            err_msg=f"{self.label}: {key} {at or ''}",
        )
        self.compared += 1

    def equal(self, got: Any, key: str) -> None:
        """Compare ``got``, an array of no rounding, with the array ``key``."""
        np.testing.assert_array_equal(np.asarray(got), self[key], err_msg=f"{self.label}: {key}")
        self.compared += 1

    def finish(self) -> None:
        """Raises: AssertionError if nothing was compared or a hyper-parameter not read."""
        assert self.compared, f"{self.label}: no comparison was made: its arrays are {sorted(self.arrays)}"
        unread = self.hyper.unread()
        assert not unread, f"{self.label}: nothing reads the hyper-parameters {unread}"


@dataclass(frozen=True)
class Entry:
    """A case as a test is given it, before it is loaded."""

    folder: Folder
    name: str
    load: Callable[[], Any]

    def __str__(self) -> str:
        return self.name


def complaint(folder: Folder, name: str, problem: str) -> Entry:
    """In place of cases: the test skips where no values are expected, and else fails with ``problem``."""

    def load() -> Any:
        if folder.absent:
            pytest.skip(folder.absent)
        pytest.fail(problem, pytrace=False)

    return Entry(folder, name, load)


def parametrized(entries: list[Entry], test: Callable[..., None]) -> Callable[..., None]:
    """``test`` once for every case, which is checked when the test has ended."""

    @functools.wraps(test)
    def driven(case: Entry, **fixtures: Any) -> None:
        loaded = case.load()
        test(case=loaded, **fixtures)
        loaded.finish()

    return pytest.mark.parametrize("case", entries, ids=str)(driven)


def drives(name: str, when: Callable[[dict[str, Any]], bool] = lambda hyper: True) -> Callable[..., Any]:
    """Run a test for every case of a method's folder whose hyper-parameters are as ``when`` asks."""
    return functools.partial(parametrized, method_cases(METHODS, name, when))


def method_cases(folder: Folder, name: str, when: Callable[[dict[str, Any]], bool]) -> list[Entry]:
    path = folder.path / name
    index = path / "cases.json"
    assert name in FOLDERS
    if folder.absent or not index.is_file():
        return [complaint(folder, name, f"{folder.variable}: there is no {index}")]
    listed = {case["case"]: case for case in json.loads(index.read_text())}
    entries = [
        Entry(folder, f"{name}/{label}", functools.partial(load, path, label, listed[label]))
        for label in listed
        if when(listed[label]["hyper"])
    ]
    unlisted = sorted({file.stem for file in path.glob("*.npz")} - set(listed))
    entries += [
        complaint(folder, f"{name}/{x}", f"{path / x}.npz has no entry in cases.json") for x in unlisted
    ]
    if listed and not entries:
        reason = f"{name}: none of its cases is of the kind that this test drives"
        return [Entry(folder, name, lambda: pytest.skip(reason))]
    return entries or [complaint(folder, name, f"{index}: there is no case")]


def other_folders() -> list[Entry]:
    """Folders beside those that some test drives; each is skipped with its name."""

    def entry(name: str) -> Entry:
        return Entry(
            METHODS, name, lambda: pytest.skip(f"{name}: no method of that name has reference values")
        )

    found = sorted(path.parent.name for path in METHODS.path.glob("*/cases.json"))
    return [entry(name) for name in found if name not in FOLDERS]


def load(path: Path, name: str, index: dict[str, Any]) -> Case:
    """A case by its entry in cases.json. Raises: AssertionError if its file is not what that declares."""
    label, file = f"{path.name}/{name}", path / f"{name}.npz"
    assert file.is_file(), f"{label}: there is no {file}"
    with np.load(file, allow_pickle=False) as stored:
        arrays = dict(stored)
    for key, (dtype, shape) in index.get("arrays", {}).items():
        assert key in arrays, f"{label}: the array {key} is missing"
        found = [str(arrays[key].dtype), list(arrays[key].shape)]
        assert found == [dtype, shape], f"{label}: {key} is declared as {[dtype, shape]} and is {found}"
    return Case(
        label, Declared(index["hyper"]), arrays, index.get("provenance") or "", index.get("tolerance")
    )
