"""Verdicts on simulated tables: seldom wrong, on a small number of them; the page has larger ones."""

from __future__ import annotations

import re

import pytest

from benchmark.config.table import MOST
from benchmark.places import ROOT
from benchmark.report.simulations import MARGIN, NOISE, RULES, Rule, main, rates, tables

FEW = 150  # of which 5 % are wrong in 7.5 on average, and in more than 17 once in a thousand times
PAGE = ROOT / "results" / "reference" / "statistics.md"


@pytest.mark.parametrize("noise", NOISE)
def test_verdicts_on_no_difference_are_seldom_wrong(noise):
    for rule in (Rule("one", "score", 1, 5), Rule("four", "score", 4, 10), Rule("most", "score", 4, 5, MOST)):
        assert sum(rates(tables(rule, noise, FEW), rule.at_least)) <= 17 / FEW


def test_a_difference_is_found_and_less_so_in_every_of_many_cells():
    found = [rates(tables(Rule("", "score", cells, 10), "normal", FEW, gain=1.5))[0] for cells in (1, 8)]
    assert found[0] > 0.7
    assert found[1] < found[0]
    assert rates(tables(Rule("", "score", 1, 10), "normal", FEW, gain=-1.5))[1] > 0.7


def test_the_same_seed_gives_the_same_tables():
    first, again, other = (list(tables(RULES[0], "normal", 3, seed=seed)) for seed in (1, 1, 2))
    assert [one[0].toward for one in first] == [one[0].toward for one in again]
    assert [one[0].toward for one in first] != [one[0].toward for one in other]


def test_the_page_on_file_has_every_line_and_no_wrong_rule(capsys):
    assert main(["--tables", "1"]) == 0
    lines = [line.split("|")[1:3] for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]
    on_file = [line for line in PAGE.read_text().splitlines() if line.startswith("| ")]
    assert [line.split("|")[1:3] for line in on_file] == lines
    count = int(re.search(r"--tables (\d+)", PAGE.read_text()).group(1))
    wrong = [
        float(line.split("|")[5].strip(" %"))
        for line in on_file
        if line.count("|") == 6 and "%" in line.split("|")[5]
    ]
    assert len(wrong) == 33
    most = 5 + 3 * 100 * (0.05 * 0.95 / count) ** 0.5
    assert max(wrong) <= most
    at_margin = [
        float(line.split("|")[3].strip(" %")) for line in on_file if line.split("|")[2].strip() == f"{MARGIN}"
    ]
    assert len(at_margin) == 3
    assert max(at_margin) <= most
