"""What a sweep file says beside its grid is read strictly."""

from __future__ import annotations

import pytest
from omegaconf import OmegaConf

from benchmark.config.table import Table
from benchmark.errors import one_line
from benchmark.grids import grid
from benchmark.grids.declaration import check
from benchmark.grids.selectors import matches
from benchmark.report import published
from benchmark.report.numbers.frame import columns_of
from helpers.grids import combinations, load

GRID = [
    {"model": ["bert_base_uncased"], "task": ["rte", "cola"], "method": ["[]", "[noisytune]"], "seed": ["1"]},
    {
        "model": ["bert_base_uncased"],
        "task": ["rte"],
        "method": ["[hype_n]"],
        "method.hype_n.sigma": ["0.0001", "1e-5"],
    },
]
BETTER = {"says": "it is better", "better": {"method": ["noisytune"]}, "than": {"method": []}}


def declared(**parts):
    table = OmegaConf.merge(OmegaConf.structured(Table), {"title": "T"}, parts)
    check("paper/table1", OmegaConf.to_container(table), GRID)


def refused(**parts) -> str:
    with pytest.raises(Exception) as caught:  # noqa: PT011 (the claim is what becomes of it)
        declared(**parts)
    return one_line(caught.value) or repr(caught.value)


@pytest.mark.parametrize(
    "claim",
    [
        {},
        {"where": "average"},
        {"where": 2},
        {"at_least": 2},
        {"at_least": "most", "where": ["rte"]},
        {"of": "failed"},
        {"of": "collapsed"},
        {"where": ["rte"]},
        {"of": "std"},
        {"of": "probe/anything"},
        {"gain_over": {"method": []}},
        {"than": {"method": [[], ["hype_n"]]}},
        {"better": {"method": ["hype_n"], "method.hype_n.sigma": [1e-4, 1e-5]}},
        {"better": {"task": ["rte"]}, "than": {"task": "cola"}},
    ],
)
def test_a_claim_about_what_the_grid_has_is_taken(claim):
    declared(claims=[BETTER | claim])


@pytest.mark.parametrize(
    ("claim", "line"),
    [
        (
            {"better": {"method": ["noisytun"]}},
            "sweeps/paper/table1, claim 1, better; did you mean 'noisytune'?",
        ),
        ({"better": {"method": ["noisytun"]}}, "unknown method 'noisytun'"),
        ({"than": {"method": ["noisytune", "hype_n"]}}, "unknown method '[hype_n,noisytune]'"),
        ({"than": {"method": "noisytune"}}, "method: noisytune is no list"),
        ({"than": {"model": "bert_base_cased"}}, "unknown model 'bert_base_cased'"),
        ({"than": {"task": ["rte", "coal"]}}, "did you mean 'cola'?"),
        ({"than": {"method.hype_n.sigma": 1e-3}}, "unknown method.hype_n.sigma '0.001'"),
        ({"than": {"protocol.epochs": 3}}, "unknown axis 'protocol.epochs'"),
        ({"lower": {"method": []}}, "give either `better` or `lower`"),
        ({"better": {}}, "give either `better` or `lower`"),
        ({"where": "everywhere"}, "unknown place 'everywhere'"),
        ({"where": 3}, "where: 3 columns, and the table has 2"),
        ({"where": ["mrpc"]}, "unknown column 'mrpc'"),
        ({"of": "scroe"}, "unknown quantity 'scroe' in sweeps/paper/table1, claim 1; did you mean 'score'?"),
        ({"at_least": 0}, "claim 1: at_least: 0; valid: a number of comparisons from 1 on, or 'most'"),
        ({"at_least": True}, "at_least: True; valid"),
        ({"at_least": "some"}, "at_least: 'some'; valid"),
        ({"at_least": 1, "where": 2}, "counts comparisons, and where: 2 columns; give one of them"),
        ({"of": "failed", "gain_over": {"method": []}}, "of: failed is a rate, and has no gain_over"),
        ({"beter": {"method": []}}, "unknown key 'beter'; did you mean 'better'?"),
    ],
)
def test_any_other_claim_is_refused_in_a_line(claim, line):
    assert line in refused(claims=[BETTER | claim])


@pytest.mark.parametrize(
    ("parts", "line"),
    [
        ({"layout": {"kind": "pie"}}, "unknown kind of layout 'pie'"),
        ({"layout": {"statistic": ["median"]}}, "unknown statistic 'median'"),
        ({"columns": {"x": {"tasks": ["mrpc"], "report": ["f1"]}}}, "unknown task 'mrpc'"),
        (
            {"published": "hype/table88"},
            "unknown publication 'hype/table88' in sweeps/paper/table1; did you mean",
        ),
        ({"clams": []}, "unknown key 'clams'"),
    ],
)
def test_so_is_anything_else_that_cannot_be(parts, line):
    assert line in refused(**parts)


def test_a_selector_stands_for_the_runs_that_have_all_of_it(compose):
    config = compose("task=rte", "method=[hype_n]", "method.hype_n.sigma=1e-4", "data.share=0.5")
    assert matches({}, config)
    assert matches({"method": ["hype_n"], "task": ["cola", "rte"], "data.share": 0.5}, config)
    assert matches({"method": [[], ["hype_n"]], "method.hype_n.sigma": [1e-4, 1e-5]}, config)
    assert not matches({"method": []}, config)
    assert not matches({"method": ["hype_n", "rdrop"]}, config)
    assert not matches({"method.hype_n.sigma": 1e-5}, config)
    assert not matches({"method.noisytune.intensity": 0.1}, config)


def test_a_list_can_be_one_value(compose):
    config = compose("method=[hype_n]", "method.hype_n.layers=[1,2]")
    assert matches({"method.hype_n.layers": [1, 2]}, config)
    assert matches({"method.hype_n.layers": [[1], [1, 2]]}, config)
    assert not matches({"method.hype_n.layers": [1]}, config)


@pytest.mark.parametrize("name", grid.tables())
def test_every_row_and_claim_of_a_table_has_runs_in_its_grid(name):
    planned = load(name)
    configs = [run.config for run in combinations(planned)]
    claims = [
        claim[side] for claim in planned.table["claims"] for side in ("better", "lower", "than", "gain_over")
    ]
    for selector in claims:
        assert any(matches(selector, config) for config in configs), selector
    for config in configs:
        assert columns_of(planned, config), config.task.name


@pytest.mark.parametrize("name", grid.tables())
def test_the_runs_of_a_table_are_asked_for_the_probes_that_it_shows(name):
    planned = load(name)
    layout = planned.table["layout"]
    shown = [layout["y"], *layout["panels"], *(claim["of"] for claim in planned.table["claims"])]
    wanted = {one.split("/")[1] for one in shown if one.startswith("probe/")}
    assert all(set(run.config.probe) == wanted for run in combinations(planned))


@pytest.mark.parametrize("name", grid.tables())
def test_every_printed_row_of_runs_is_of_runs_in_the_grid_and_no_run_has_two(name):
    planned = load(name)
    if planned.table["static"] or planned.table["published"] is None:
        return
    rows = [row["runs"] for row in published.load(planned.table["published"])["rows"] if "runs" in row]
    seen: set[int] = set()
    for run in combinations(planned):
        fitting = [number for number, runs in enumerate(rows) if matches(runs, run.config)]
        assert len(fitting) <= 1, run.overrides
        seen.update(fitting)
    assert seen == set(range(len(rows)))
