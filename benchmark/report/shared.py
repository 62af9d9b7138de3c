"""A report made safe for files that others get, or open in a spreadsheet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import pandas as pd

from benchmark.printable import printable
from benchmark.privacy import portable_text
from benchmark.report.build import Report
from benchmark.report.judge import Verdict
from benchmark.report.sections import Section

FORMULA = "=+-@＝＋－＠"  # signs with which a spreadsheet's formula begins
QUOTE = "'"  # in front of a value, it makes a spreadsheet show text


def shareable(report: Report) -> Report:
    """``report`` without folders of this machine."""
    return replace(
        report,
        title=portable_text(report.title),
        columns=_portable(report.columns),
        sections=[_section(section) for section in report.sections],
        by_language=[_section(section) for section in report.by_language],
        notes=_portable(report.notes),
        verdicts=[_verdict(judged) for judged in report.verdicts],
        preface=_portable(report.preface),
    )


def sheet(frame: pd.DataFrame) -> pd.DataFrame:
    """``frame`` for a spreadsheet: no text in it is a formula."""
    return of_texts(frame, lambda text: _no_formula(printable(portable_text(text)))).rename(
        columns=_no_formula
    )


def drawn(frame: pd.DataFrame) -> pd.DataFrame:
    """``frame`` for a figure: names on one line, without control characters."""
    return of_texts(frame, lambda text: printable(portable_text(text)))


def of_texts(frame: pd.DataFrame, changed: Callable[[str], str]) -> pd.DataFrame:
    """``frame`` with every text in its cells changed; a repeated text is changed only once."""
    changed = cache(changed)

    def cell(value: Any) -> Any:
        return changed(value) if isinstance(value, str) else value

    texts = [name for name in frame if not pd.api.types.is_numeric_dtype(frame[name])]
    return frame.assign(**{name: frame[name].map(cell) for name in texts}) if texts else frame


def _no_formula(text: str) -> str:
    return (
        f"{QUOTE}{text}"
        if text.strip(" \t\r\n" + QUOTE)[:1] in tuple(FORMULA) and not _is_number(text)
        else text
    )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _verdict(judged: Verdict) -> Verdict:
    return replace(
        judged,
        says=portable_text(judged.says),
        why=portable_text(judged.why),
        controls=tuple(map(_verdict, judged.controls)),
    )


def _section(section: Section) -> Section:
    return replace(section, title=portable_text(section.title), rows=[_portable(row) for row in section.rows])


def _portable(texts: Sequence[str]) -> list[str]:
    return [portable_text(text) for text in texts]
