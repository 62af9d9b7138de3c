"""LaTeX of reports, compiled: it is no wider and no higher than a page, whatever its names and its length."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pytest

from benchmark.grids import grid
from benchmark.report import build, latex, static
from benchmark.report.build import Report
from benchmark.report.sections import Section
from helpers.hand_made import HOSTILE

INSTALL = "apt-get install texlive-latex-base texlive-latex-recommended"
DOCUMENT = "\\documentclass{article}\n\\usepackage{array,booktabs}\n\\begin{document}\n%s\\end{document}\n"
LONG = "hype_n layers=[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24]"
NAMES = ["plain fine-tuning", "noisytune_gaussian_matched_global", "no_dropout+rdrop_fork_roberta", LONG]
A_FEW_POINTS = 4


def compiled(text: str, folder: Path) -> list[str]:
    """What LaTeX finds wrong in ``text``; skips without LaTeX."""
    if not shutil.which("pdflatex"):
        pytest.skip(f"no LaTeX: {INSTALL}")
    (folder / "table.tex").write_text(DOCUMENT % text)
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "table.tex"]
    subprocess.run(command, cwd=folder, capture_output=True, check=False, timeout=120)
    log = (folder / "table.log").read_text(errors="replace")
    wide = [f"{by} pt too wide" for by in re.findall(r"Overfull \\hbox \(([\d.]+)pt", log)]
    wrong = re.findall(r"^! .*|Float too large.*|Missing character.*", log, re.MULTILINE)
    return [line for line in [*wide, *wrong] if not (line in wide and float(line.split()[0]) < A_FEW_POINTS)]


def hand_made(cells: int, models: int) -> Report:
    """A report with long names, ``cells`` columns, and an arm per name and model."""
    header = [f"A column, {number} (exact_match)" for number in range(cells)]
    rows = [
        [f"model {model} task.setting=translate_train_all", name, *["-65.05 [-10.51, +11.20]"] * cells]
        for model in range(models)
        for name in NAMES
    ]
    said = "-0.128 points per unit of method.noisytune_gaussian_matched.intensity_of_all_the_noise; " * 3
    return Report(f"All of it: {HOSTILE}", header, [Section("Score", rows)], [said], pd.DataFrame())


@pytest.mark.parametrize(
    ("cells", "models"),
    [
        pytest.param(3, 1, id="long names"),
        pytest.param(2, 40, id="many rows"),
        pytest.param(70, 3, id="more tables than LaTeX has places for"),
    ],
)
def test_a_report_of_any_size_fits_on_pages(tmp_path, cells, models):
    assert compiled(latex.latex(hand_made(cells, models)), tmp_path) == []


def test_a_table_with_runs_and_a_table_of_settings_fit_on_pages(tmp_path, records):
    planned = grid.load("demo/noisytune", ["task=opinion", "seed=1,2,3"])
    measured = build.build(planned, records(planned, {1: 80, 2: 82}, {1: 81, 2: 79}))
    settings = static.build(grid.load("hype/table11"))
    text = latex.latex(measured) + latex.latex(settings)
    assert "$-1.00$" in text
    assert compiled(text, tmp_path) == []
