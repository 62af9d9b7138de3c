"""A method in somebody else's folder works without touching ours: composed, listed, run and checked."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmark.methods.__main__ import listing
from benchmark.testing import CHECKS, settings_of

METHOD = '''"""Shrink: a smaller head, and a little noise in it after every update."""

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from benchmark.methods import Method

@dataclass
class Shrink(Method):
    neutral: ClassVar[dict[str, Any] | None] = {"share": 0.0, "noise": 0.0}

    share: float = 0.5
    noise: float = 1e-3

    def attach(self, model, setting):
        model.classifier.weight.data.mul_(1 - self.share)
        self.rng = setting.stream()

    def after(self, update):
        for name, weight in zip(update.names, update.weights):
            if name.startswith("classifier") and self.noise:
                weight.add_(self.noise * torch.randn(weight.shape, generator=self.rng))
'''


@pytest.fixture
def theirs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The configuration folder of somebody who has a method of their own beside it."""
    (tmp_path / "theirs.py").write_text(METHOD)
    folder = tmp_path / "conf"
    (folder / "method").mkdir(parents=True)
    (folder / "method" / "shrink.yaml").write_text(
        "# @package method.shrink\n_target_: theirs.Shrink\nshare: 0.25\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    sys.modules.pop("theirs", None)
    yield folder
    sys.modules.pop("theirs", None)


def test_a_method_of_somebody_elses_is_found_and_run(
    theirs: Path, cli: Callable[..., tuple[int, str, str]]
) -> None:
    search = f"hydra.searchpath=[file://{theirs}]"
    status, output, errors = cli(search, "method=[shrink,rdrop]", "data.count=32", "protocol.epochs=1")
    assert (status, errors) == (0, "")
    assert "shrink" in output


@pytest.mark.parametrize("status", [0, 5])
def test_an_exit_in_a_hook_is_an_error(
    status: int, theirs: Path, cli: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    hook = f"    def loss(self, step):\n        raise SystemExit({status})\n"
    (tmp_path / "theirs.py").write_text(METHOD + hook)
    found, _, errors = cli(f"hydra.searchpath=[file://{theirs}]", "method=[shrink]", "data.count=32")
    assert (found, errors.count("\n")) == (2, 1)
    assert errors.startswith(f"error: theirs.Shrink.loss: exits (SystemExit: {status}), ")


def test_it_is_listed(theirs: Path) -> None:
    [entry] = listing(theirs / "method")
    assert (entry.name, entry.method.__name__, entry.values) == ("shrink", "Shrink", "share=0.25")


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_it_passes_the_checks_that_ours_pass(theirs: Path, check: Callable[[dict[str, Any]], None]) -> None:
    check(settings_of(theirs / "method" / "shrink.yaml"))
