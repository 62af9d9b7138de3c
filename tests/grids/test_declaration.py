"""What a sweep file says beside its grid is read strictly."""

from __future__ import annotations

import pytest
import yaml
from omegaconf import OmegaConf

from benchmark.config.table import Table
from benchmark.errors import BenchmarkError, one_line
from benchmark.grids import grid
from benchmark.grids.declaration import check
from benchmark.grids.selectors import matches
from benchmark.places import ROOT
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
SHARES = {
    "model": ["bert_base_uncased"],
    "task": ["rte"],
    "method": ["[]", "[noisytune]"],
    "data.share": ["0.1", "0.2", "0.5", "null"],
    "seed": ["1"],
}
LATER = {"model": ["bert_base_uncased"], "task": ["rte"], "method": ["[pats]"], "seed": ["11", "12"]}
GRID += [SHARES, LATER]
TWO_SIDES: dict[str, dict[str, list[str]]] = {"better": {}, "than": {}}
SHOWN = {"kind": "lines", "x": "data.share", "x_without": 1.0}
RUNS = TWO_SIDES | {"runs": {"method": ["noisytune"]}}
HYPE = TWO_SIDES | {"runs": {"method": ["hype_n"]}}
EVERY = TWO_SIDES | {"runs": {"model": "bert_base_uncased"}}
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
        {"of": "probe/anything", "unit": "weights"},
        {"of": "probe/linear_probe", "depth": [0.5, 1]},
        {"of": "median"},
        {"of": "quantile/0.1"},
        {"of": "time"},
        {"id": "N1", "place": "3.2, Table 2"},
        {"where": "both"},
        {"gain_of": ["noisytune"], "than": {"method": ["hype_n"]}},
        RUNS | {"equivalent": {"margin": 0.5}, "than": {"method": []}},
        RUNS | {"equivalent": {"margin": 0.5}, "gain_over": {"method": []}},
        RUNS | {"equivalent": {"margin": 0.5, "over": "data.share"}},
        RUNS | {"not_worse": {"ratio": 1.05}, "than": {"method": []}, "of": "time"},
        RUNS | {"not_worse": {"margin": 0}, "than": {"method": []}},
        RUNS | {"size": {"printed": 7.45, "margin": 1}, "than": {"method": []}},
        RUNS | {"size": {"printed": 0.69, "ratio": 1.1}, "than": {"method": []}, "of": "memory"},
        RUNS | {"trend": {"over": "data.size", "direction": "falls", "scale": "log"}},
        HYPE | {"trend": {"over": "method.hype_n.sigma", "direction": "falls", "scale": "log"}},
        RUNS | {"trend": {"over": "task", "values": ["rte", "cola"], "at": [1, 2], "direction": "rises"}},
        RUNS | {"trend": {"over": "layer", "direction": "rises"}, "of": "probe/linear_probe"},
        RUNS | {"trend": {"over": "data.size", "direction": "rises"}, "of": "std"},
        RUNS | {"optimum": {"over": "data.share", "values": [0.2]}},
        EVERY | {"association": {"to": "probe/sensitivity/std", "direction": "falls"}},
        {"gain_over": {"method": []}},
        {"than": {"method": [[], ["hype_n"]]}},
        {"better": {"method": ["hype_n"], "method.hype_n.sigma": [1e-4, 1e-5]}},
        {"better": {"task": ["rte"]}, "than": {"task": "cola"}},
        {"better": {"task": [["rte"], ["cola"]]}, "than": {"task": ["rte", "cola"]}},
    ],
)
def test_a_claim_about_what_the_grid_has_is_taken(claim):
    declared(claims=[BETTER | claim], averages={"both": ["rte", "cola"]}, layout=SHOWN)


@pytest.mark.parametrize(
    ("claim", "line"),
    [
        (
            {"better": {"method": ["noisytun"]}},
            "sweeps/paper/table1, claim 1, better; did you mean 'noisytune'?",
        ),
        ({"better": {"method": ["noisytun"]}}, "unknown method 'noisytun'"),
        ({"than": {"method": ["noisytune", "hype_n"]}}, "unknown method '[hype_n,noisytune]'"),
        ({"than": {"method": "noisytune"}}, "method: noisytune is not a list"),
        ({"than": {"model": "bert_base_cased"}}, "unknown model 'bert_base_cased'"),
        ({"than": {"task": ["rte", "coal"]}}, "did you mean 'cola'?"),
        ({"than": {"task": [["rte"], ["coal"]]}}, "did you mean 'cola'?"),
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
    assert line in refused(claims=[BETTER | claim], averages={"both": ["rte", "cola"]}, layout=SHOWN)


@pytest.mark.parametrize(
    ("claim", "line"),
    [
        ({"than": {"method": ["noisytune"]}}, "better and than both name method=[noisytune]"),
        (
            {"better": {"method": [["noisytune"], ["pats"]]}, "than": {"method": ["pats"]}},
            "both name method=[pats]",
        ),
        ({"than": {"method": ["pats"]}}, "better has the seeds 1 and than 11,12: runs are paired by seed"),
        ({"than": {}}, "a claim of better needs `than`"),
        ({"runs": {"method": []}}, "a claim of better names `better` and `than`, without `runs`"),
        ({"where": "bothh"}, "did you mean 'both'?"),
        ({"of": "probe/anything"}, "probe/anything has no unit that is known; state it as `unit:`"),
        ({"of": "quantile/10"}, "unknown quantity 'quantile/10'"),
        ({"of": "score", "unit": "MB"}, "unit: MB, and score is in points"),
        ({"depth": [0.5, 1]}, "score has no layers for depth"),
        (
            {"of": "probe/linear_probe", "depth": [1, 0.5]},
            "depth: [1.0, 0.5]; valid: a smaller and a larger share",
        ),
        ({"of": "median", "gain_over": {"method": []}}, "of all runs of an arm, and has no gain_over"),
        ({"gain_of": ["noisytun"]}, "did you mean 'noisytune'?"),
        ({"gain_of": ["noisytune"], "gain_over": {"method": []}}, "give either gain_over or gain_of"),
        ({"trend": {"over": "data.share", "direction": "rises"}}, "got better, trend"),
        (
            TWO_SIDES | {"trend": {"over": "data.share", "direction": "rises"}},
            "a claim of trend names `runs`",
        ),
        (RUNS | {"trend": {"over": "data.shar", "direction": "rises"}}, "did you mean 'data.share'?"),
        (RUNS | {"trend": {"over": "model", "direction": "rises"}}, "model has one value, bert_base_uncased"),
        (
            RUNS | {"trend": {"over": "task", "direction": "rises"}},
            "task=rte is not a number; name the `values`",
        ),
        (RUNS | {"trend": {"over": "data.share", "direction": "up"}}, "unknown direction 'up'"),
        (RUNS | {"trend": {"over": "data.share", "direction": "rises", "scale": "ln"}}, "unknown scale 'ln'"),
        (
            RUNS | {"trend": {"over": "data.share", "values": [0.3], "direction": "rises"}},
            "unknown data.share '0.3'",
        ),
        (
            RUNS | {"trend": {"over": "data.share", "values": [0.1], "direction": "rises"}},
            "needs two different positions; got 0.1",
        ),
        (
            RUNS | {"trend": {"over": "task", "values": ["rte", "cola"], "at": [1], "direction": "rises"}},
            "at has 1 positions for 2 values of task",
        ),
        (
            RUNS
            | {
                "trend": {
                    "over": "task",
                    "values": ["rte", "cola"],
                    "at": [0, 1],
                    "direction": "rises",
                    "scale": "log",
                }
            },
            "task has the position 0, which has no logarithm",
        ),
        (RUNS | {"trend": {"over": "layer", "direction": "rises"}}, "score has no axis 'layer' within a run"),
        (RUNS | {"trend": {"over": "data.share", "direction": "rises"}, "of": "max"}, "has no test of trend"),
        (
            RUNS | {"trend": {"over": "data.size", "direction": "rises"}, "where": "average"},
            "goes over columns, so where: average has no place in it",
        ),
        (
            RUNS | {"trend": {"over": "data.size", "direction": "rises"}, "where": ["rte"]},
            "needs two columns; got rte",
        ),
        (RUNS | {"optimum": {"over": "data.share", "values": [0.3]}}, "unknown data.share '0.3'"),
        (RUNS | {"optimum": {"over": "data.share", "values": [0.1]}}, "needs smaller and larger values"),
        (RUNS | {"optimum": {"over": "data.share", "values": [0.1, 0.5]}}, "and none between"),
        (RUNS | {"optimum": {"over": "data.share", "values": [0.2], "best": "top"}}, "unknown best 'top'"),
        (RUNS | {"equivalent": {}, "than": {"method": []}}, "give either margin (in points) or ratio"),
        (RUNS | {"equivalent": {"margin": 1, "ratio": 2}, "than": {"method": []}}, "give either margin"),
        (RUNS | {"equivalent": {"margin": 0}, "than": {"method": []}}, "margin: 0; valid: a number above 0"),
        (
            RUNS | {"equivalent": {"ratio": 0.9}, "than": {"method": []}},
            "ratio: 0.9; valid: a number above 1",
        ),
        (RUNS | {"equivalent": {"margin": 1}}, "equivalent to what?"),
        (RUNS | {"equivalent": {"margin": 1, "over": "model"}}, "model has one value"),
        (RUNS | {"equivalent": {"margin": 1, "over": "task"}}, "tasks are not alike"),
        ({"gain_over": {"method": ["noisytune"]}}, "better and gain_over both name method=[noisytune]"),
        ({"gain_over": {"method": ["pats"]}}, "better has the seeds 1 and gain_over 11,12"),
        (
            RUNS | {"equivalent": {"margin": 1, "over": "task"}, "than": {"method": []}},
            "give either over: task or",
        ),
        (RUNS | {"equivalent": {"ratio": 2}, "gain_over": {"method": []}}, "a gain may be below 0"),
        (
            RUNS | {"equivalent": {"margin": 1}, "than": {"method": []}, "of": "std"},
            "has no test of equivalent",
        ),
        (RUNS | {"equivalent": {"margin": 1}, "than": {"method": ["noisytune"]}}, "runs and than both name"),
        (RUNS | {"not_worse": {"margin": 1}}, "a claim of not_worse needs `than`"),
        (
            RUNS | {"not_worse": {"margin": 1}, "than": {"method": []}, "of": "probe/linear_probe"},
            "has no better side; valid for not_worse: score, loss, time, training, memory",
        ),
        (RUNS | {"size": {"printed": 0, "ratio": 2}, "than": {"method": []}}, "printed: 0 is not a ratio"),
        (
            RUNS | {"size": {"printed": float("nan"), "margin": 2}, "than": {"method": []}},
            "printed: nan; valid: a number",
        ),
        (
            {"than": {"method": [], "seed": 1}},
            "than: seed: 1; runs are paired by seed, and a side has all of them; leave it out (valid: 1",
        ),
        (
            RUNS | {"association": {"to": "score", "direction": "rises"}, "than": {"method": []}},
            "a claim of association has no `than`",
        ),
        (RUNS | {"association": {"to": "score", "direction": "rises"}}, "score rises with itself"),
        (RUNS | {"association": {"to": "scroe", "direction": "rises"}}, "did you mean 'score'?"),
        (RUNS | {"association": {"to": "std", "direction": "rises"}}, "not single runs"),
        (
            RUNS | {"association": {"to": "loss", "direction": "rises", "over": "tasks"}},
            "unknown unit 'tasks'",
        ),
    ],
)
def test_a_claim_that_no_run_could_decide_is_refused_with_the_nearest_valid_choice(claim, line):
    assert line in refused(claims=[BETTER | claim], averages={"both": ["rte", "cola"]}, layout=SHOWN)


def test_a_claim_that_cannot_be_tested_names_its_reason_and_nothing_to_compare():
    claim = {"says": "it is universal", "untestable": "no grid has all models"}
    declared(claims=[claim])
    refusals = {
        "better, than": BETTER | claim,
        "runs, equivalent": RUNS | {"equivalent": {"margin": 1}} | claim,
        "gain_of": {"gain_of": ["noisytune"]} | claim,
    }
    for named, refusable in refusals.items():
        assert f"an untestable claim compares no runs; leave out {named}, or" in refused(claims=[refusable])


def test_two_claims_of_a_table_have_two_ids():
    with pytest.raises(BenchmarkError, match="claim 2: id: N1 is claim 1's; give another"):
        declared(claims=[BETTER | {"id": "N1"}, BETTER | {"id": "N1"}])


def test_runs_of_the_whole_set_need_a_place_on_the_axis():
    claim = RUNS | {"says": "it rises", "trend": {"over": "data.share", "direction": "rises"}}
    declared(claims=[claim], layout=SHOWN)
    assert "data.share=null is not a number" in refused(claims=[claim])
    assert "or give the layout's x_without" in refused(claims=[claim])


@pytest.mark.parametrize("paper", sorted({name.split("/")[0] for name in grid.tables()}))
def test_every_id_of_a_paper_stands_for_one_sentence(paper):
    texts = [yaml.safe_load(path.read_text()) for path in sorted((ROOT / "sweeps" / paper).glob("*.yaml"))]
    claims = [claim for text in texts for claim in text["table"].get("claims", ()) if claim.get("id")]
    ids = {claim["id"] for claim in claims}
    assert len(ids) == len({(claim["id"], claim["says"]) for claim in claims})


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
    assert matches({"task": [["cola", "rte"], ["wnli"]]}, config)
    assert not matches({"task": [["cola"], ["wnli"]]}, config)


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
        claim[side]
        for claim in planned.table["claims"]
        for side in ("better", "lower", "runs", "than", "gain_over")
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
