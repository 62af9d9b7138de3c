"""Numbers of a report as separate files, which pandas reads without further work."""

from __future__ import annotations

import pandas as pd

from benchmark.report.build import Report
from benchmark.report.published import AVERAGE
from benchmark.report.sections import VANILLA_LABEL

NONE = "none"  # in place of texts that pandas would read as a missing number
UNIT = "percent"  # unit of scores; differences are in percentage points
MEAN = "mean of the columns"


def numbers(frame: pd.DataFrame, report: Report) -> pd.DataFrame:
    """``frame``, numbers of ``report``, with metrics and units, and without empty columns."""
    if "methods" not in frame or frame.empty:
        return frame
    column = "column" if "column" in frame else "task"
    metrics = report.frame.drop_duplicates("task").set_index("task")["metric"].to_dict()
    shown = frame.assign(methods=frame["methods"].replace("", VANILLA_LABEL))
    empty = [name for name in shown if (shown[name] == "").all()]
    shown = shown.drop(columns=empty).replace("", NONE)
    metric = [metrics.get(name, MEAN if name == AVERAGE else NONE) for name in shown[column]]
    shown.insert(shown.columns.get_loc(column) + 1, "metric", metric)
    shown.insert(shown.columns.get_loc("metric") + 1, "unit", UNIT)
    return shown
