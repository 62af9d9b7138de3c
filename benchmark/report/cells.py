"""Cells of a report as text: a score, a difference, the evidence of the seeds."""

from __future__ import annotations

import pandas as pd

from benchmark.report.published import AVERAGE

NOTHING = "–"
BEST = "*"
WIDE = 1.96  # standard errors from the middle of a 95 % interval to its ends
OUTCOMES = {
    "finished": "finished",
    "collapsed": "of them collapsed",
    "diverged": "diverged",
    "failed": "failed",
    "missing": "not run",
}


def score(cell: pd.Series, declared: int) -> str:
    """A mean, its deviation over seeds, and their number; without a score, how the runs ended."""
    if not cell["score_n"]:
        for status in ("missing", "failed", "diverged"):
            if cell[f"runs_{status}"]:
                return status
        whole = (
            cell["runs_finished"] and cell["task"] != AVERAGE
        )  # a column of the row, and not one of others
        return "hidden" if whole else NOTHING
    spread = f" ± {cell['score_std']:.2f}" if cell["score_n"] > 1 else ""
    mark = BEST if cell["best"] else ""
    chosen = f" at {cell['chosen']}" if cell["chosen"] else ""
    stands_in = ", stands in" if cell.get("stands_in", False) else ""
    return f"{cell['score_mean']:.2f}{mark}{spread} ({_count(int(cell['score_n']), declared)}{stands_in}){chosen}"


def outcomes(cell: pd.Series, declared: int) -> str:
    """The number of runs of a cell by their end, in words."""
    counted = [(int(cell[f"runs_{status}"]), word) for status, word in OUTCOMES.items()]
    return ", ".join(f"{count} {word}" for count, word in counted if count)


def difference(cell: pd.Series, declared: int) -> str:
    """A paired difference and its interval."""
    if not cell["difference_n"]:
        return NOTHING
    n, interval = int(cell["difference_n"]), ""
    if n > 1:
        ends = (cell["difference_low"], cell["difference_high"])
        interval = " [no spread]" if any(map(pd.isna, ends)) else " [{:+.2f}, {:+.2f}]".format(*ends)
    return f"{cell['difference_mean']:+.2f}{interval}" + (f" ({_count(n, declared)})" if n < declared else "")


def _count(n: int, declared: int) -> str:
    """The number of seeds behind a mean, with the declared number if they are fewer."""
    return f"{n} of {declared}" if n < declared else f"{n}"


def p_value(cell: pd.Series, declared: int) -> str:
    """The corrected p-value of a difference."""
    return small(cell["difference_p"])


def detectable(cell: pd.Series, declared: int) -> str:
    """The smallest true difference that this number of seeds can find."""
    return _points(cell["difference_detectable"])


def left_open(cell: pd.Series, declared: int) -> str:
    """The half width of the interval over the evaluation set's examples."""
    error = _points(WIDE * cell["difference_sampling"])
    return error if error == NOTHING else f"±{error}"


def _points(number: float) -> str:
    return NOTHING if pd.isna(number) else f"{number:.2f}"


def fair(cell: pd.Series, declared: int) -> str:
    """The score, the difference and the chosen setting by the leak-free rule."""
    n = int(cell["fair_n"])
    spread = f" ± {cell['fair_std']:.2f}" if n > 1 else ""
    apart = f"; {cell['fair_difference_mean']:+.2f}" if cell["fair_difference_n"] > 0 else ""
    chosen = f" at {cell['fair_chosen']}" if cell["fair_chosen"] else ""
    return (
        f"{cell['fair_mean']:.2f}{spread}{f' ({_count(n, declared)})' if n < declared else ''}{apart}{chosen}"
    )


def small(p: float) -> str:
    """A p-value with two digits."""
    if pd.isna(p):
        return NOTHING
    return f"{p:.1e}" if p < 0.001 else f"{p:.2g}"
