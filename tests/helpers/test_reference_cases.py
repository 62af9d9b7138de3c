"""Reference cases are driven by what they declare, and nothing that is missing passes in silence."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers import metric_vectors, reference_report, vectors
from helpers.declared import Declared
from helpers.vectors import Case

Fail = pytest.fail.Exception
Skip = pytest.skip.Exception


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """``folder(case, **arrays)``: a folder of reference values with one case of HyPe."""

    def made(case: dict[str, Any], **arrays: Any) -> Path:
        (tmp_path / "hype").mkdir()
        listed = {"case": "any_name", "hyper": {}} | case
        (tmp_path / "hype" / "cases.json").write_text(json.dumps([listed]))
        np.savez(tmp_path / "hype" / "any_name.npz", **arrays)
        monkeypatch.setenv("METHOD_VECTORS", str(tmp_path))
        return tmp_path

    return made


def run(test: Callable[[Case], None]) -> None:
    """Run ``test`` for every case of the folder, as pytest does."""

    def one(case: Case) -> None:
        test(case)

    driven: Any = vectors.drives("hype")(one)
    [mark] = driven.pytestmark
    for entry in mark.args[1]:
        driven(case=entry)


def compare(case: Case) -> None:
    case.close(np.array([1.0]), "one")


def test_a_case_is_driven_whatever_its_name(folder: Callable[..., Path]) -> None:
    folder({}, one=np.array([1.0]))
    run(compare)


def test_a_folder_that_is_not_there_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for place in (tmp_path / "nowhere", tmp_path):  # missing, and one without the methods' folders
        monkeypatch.setenv("METHOD_VECTORS", str(place))
        with pytest.raises(Fail, match=r"METHOD_VECTORS: there is no .*/hype/cases.json"):
            run(compare)
        monkeypatch.setenv("METRIC_VECTORS", str(place))
        metric_vectors.contents.cache_clear()
        driven: Any = metric_vectors.drives("accuracy")(compare)
        metric_vectors.contents.cache_clear()
        [entry] = driven.pytestmark[0].args[1]
        with pytest.raises(Fail, match=r"METRIC_VECTORS: no file of .* is of accuracy"):
            driven(case=entry)


def test_nothing_beside_the_repository_is_skipped_with_a_message(monkeypatch: pytest.MonkeyPatch) -> None:
    absent = vectors.Folder("METHOD_VECTORS", Path("nowhere/methods"))
    monkeypatch.delenv("METHOD_VECTORS", raising=False)
    monkeypatch.setattr(vectors, "METHODS", absent)
    with pytest.raises(Skip, match=r"neither METHOD_VECTORS nor ../shared/vectors/methods is there"):
        run(compare)


def test_a_missing_file_and_one_that_is_not_listed_fail(folder: Callable[..., Path]) -> None:
    place = folder({}, one=np.array([1.0]))
    (place / "hype" / "any_name.npz").rename(place / "hype" / "another.npz")
    with pytest.raises(AssertionError, match=r"hype/any_name: there is no .*any_name.npz"):
        run(compare)
    np.savez(place / "hype" / "any_name.npz", one=np.array([1.0]))
    with pytest.raises(Fail, match=r"another.npz has no entry in cases.json"):
        run(compare)


def test_a_missing_array_fails(folder: Callable[..., Path]) -> None:
    folder({"arrays": {"two": ["float64", [1]]}}, one=np.array([1.0]))
    with pytest.raises(AssertionError, match="the array two is missing"):
        run(compare)


def test_an_array_that_nobody_declared_missing_fails(folder: Callable[..., Path]) -> None:
    folder({}, two=np.array([1.0]))
    with pytest.raises(AssertionError, match="the array one is missing"):
        run(compare)


def test_a_hyper_parameter_that_nothing_reads_fails(folder: Callable[..., Path]) -> None:
    folder({"hyper": {"sigma": 1.0, "groups": [{"idx": [0], "pull": 2}]}}, one=np.array([1.0]))

    def reads_some(case: Case) -> None:
        compare(case)
        assert [group["idx"] for group in case.hyper["groups"]] == [[0]]
        assert case.hyper.get("width", 3) == 3

    with pytest.raises(
        AssertionError, match=r"nothing reads the hyper-parameters \['groups.pull', 'sigma'\]"
    ):
        run(reads_some)


def test_a_case_without_a_comparison_fails(folder: Callable[..., Path]) -> None:
    folder({}, one=np.array([1.0]))
    with pytest.raises(AssertionError, match="no comparison was made"):
        run(lambda case: None)


def test_an_option_that_is_not_offered_is_skipped_with_its_name(folder: Callable[..., Path]) -> None:
    folder({"hyper": {"norm": "linf"}}, one=np.array([1.0]))
    with pytest.raises(Skip, match="hype/any_name: norm='linf' is not offered, only 'l2'"):
        run(lambda case: case.only("norm", "l2"))


def test_tolerances_are_those_of_the_case() -> None:
    def rtol(stated: Any, what: str = "", dtype: Any = np.float64) -> float:
        return Case("hype/any_name", Declared({}), {}, tolerance=stated).rtol(what, dtype)

    assert rtol(None) == 1e-7
    assert rtol(None, dtype=np.float32) == 1e-5
    assert rtol(1e-4) == 1e-4
    assert rtol("logits are float64; compare at 1e-5 relative") == 1e-5
    apart = "cast to float32: compare noise at 1e-3, loss at 1e-4"
    assert (rtol(apart, "noise"), rtol(apart, "loss"), rtol(apart, "logits")) == (1e-3, 1e-4, 1e-7)


@pytest.mark.parametrize(("stated", "passes"), [(None, False), ("1e-3", True)])
def test_a_comparison_is_as_close_as_the_case_promises(
    stated: str | None, passes: bool, folder: Callable[..., Path]
) -> None:
    folder({"tolerance": stated}, one=np.array([1.0005]))
    if passes:
        run(compare)
    else:
        with pytest.raises(AssertionError, match="hype/any_name: one"):
            run(compare)


def test_a_field_of_a_metric_that_nothing_reads_fails() -> None:
    case = metric_vectors.Case(
        "accuracy/a", Declared({"id": "a", "expected": {"accuracy": 50.0}, "beta": 2}), 0.1
    )
    case.close({"accuracy": 50.0}, case["expected"])
    with pytest.raises(AssertionError, match=r"nothing reads the fields \['beta'\]"):
        case.finish()
    empty = metric_vectors.Case("accuracy/b", Declared({"expected": {}}), 0.1)
    empty.close({}, empty["expected"])
    with pytest.raises(AssertionError, match="no comparison was made"):
        empty.finish()


def test_the_end_of_a_session_counts_the_cases() -> None:
    class Report:
        def __init__(self, case: str, reason: str = "") -> None:
            self.user_properties = [(reference_report.PROPERTY, case)]
            self.longrepr = ("file", 1, f"Skipped: {reason}")

    class Reporter:
        stats = {  # noqa: RUF012
            "passed": [Report("a"), Report("a"), Report("b")],
            "failed": [Report("b")],
            "skipped": [Report("a", "elsewhere"), Report("c", "hype/c: norm='linf' is not offered")],
        }
        lines: list[str] = []  # noqa: RUF012

        def write_sep(self, _: str, line: str) -> None:
            self.lines.append(line)

        write_line = lines.append

    reference_report.pytest_terminal_summary(Reporter())
    assert Reporter.lines == [
        "3 reference cases: 2 driven (1 failed), 1 skipped",
        "skipped: hype/c: norm='linf' is not offered",
    ]
