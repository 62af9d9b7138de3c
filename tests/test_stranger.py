"""A method in somebody else's folder works without touching ours."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

METHOD = """
from dataclasses import dataclass
from benchmark.methods import Method

@dataclass
class Shrink(Method):
    share: float = 0.5

    def attach(self, model, setting):
        model.classifier.weight.data.mul_(1 - self.share)
"""


def test_a_method_of_somebody_elses_is_found_and_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli: Callable[..., tuple[int, str, str]]
) -> None:
    (tmp_path / "theirs.py").write_text(METHOD)
    (tmp_path / "conf" / "method").mkdir(parents=True)
    (tmp_path / "conf" / "method" / "shrink.yaml").write_text(
        "# @package method.shrink\n_target_: theirs.Shrink\nshare: 0.25\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    search = f"hydra.searchpath=[file://{tmp_path / 'conf'}]"
    status, output, errors = cli(search, "method=[shrink]", "data.count=32", "protocol.epochs=1")
    assert (status, errors) == (0, "")
    assert "[shrink]" in output
