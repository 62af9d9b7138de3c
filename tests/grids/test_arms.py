"""Arms of sweeps that a paper took from released code: they are run, and the printed row is of them."""

from __future__ import annotations

import pytest

from benchmark.grids.selectors import matches
from benchmark.report import published
from helpers.grids import combinations, load

RELEASED = [
    ("pats/table1", {"sage_released"}, {"sage"}),
    ("lnsr/table1", {"mixout_released"}, {"mixout"}),
    ("lnsr/figure2", {"mixout_released"}, {"mixout"}),
    ("hype/table5", {"rdrop_fork_bert"}, {"rdrop"}),
    ("hype/table5", {"r3f_released"}, {"r3f"}),
    ("hype/table16", {"rdrop_fork_bert"}, {"rdrop"}),
    ("hype/table16", {"rdrop_fork_roberta"}, {"rdrop"}),
    ("hype/table16", {"hype_n", "rdrop_fork_bert"}, {"hype_n", "rdrop"}),
    ("hype/table16", {"r3f_released"}, {"r3f"}),
    ("hype/table16", {"hype_n", "r3f_released"}, {"hype_n", "r3f"}),
    *((f"hype/table{number}", {"hype_u_released"}, {"hype_u"}) for number in (1, 2, 3, 5, 7, 8, 12)),
]


def shown(value: str | set[str]) -> str:
    return value if isinstance(value, str) else "+".join(sorted(value))


def runs_of(name: str, methods: set[str]) -> list:
    return [run.config for run in combinations(load(name)) if set(run.config.method) == methods]


@pytest.mark.parametrize(("name", "released", "equation"), RELEASED, ids=shown)
def test_the_released_code_and_the_equation_are_both_run(name, released, equation):
    assert runs_of(name, released)
    assert runs_of(name, equation)


@pytest.mark.parametrize(
    ("name", "released", "equation"), [one for one in RELEASED if "hype_u_released" not in one[1]], ids=shown
)
def test_the_printed_row_is_of_the_released_code(name, released, equation):
    rows = [row["runs"] for row in published.load(name)["rows"] if "runs" in row]
    if not rows:
        return  # of a figure
    assert any(matches(runs, config) for runs in rows for config in runs_of(name, released))
    assert not any(matches(runs, config) for runs in rows for config in runs_of(name, equation))


@pytest.mark.parametrize("number", [1, 2, 3, 5, 7, 12])
def test_the_printed_row_of_uniform_noise_is_of_either_form(number):
    name = f"hype/table{number}"
    [*rows] = [row["runs"] for row in published.load(name)["rows"]]
    for methods in ({"hype_u"}, {"hype_u_released"}):
        assert any(matches(runs, config) for runs in rows for config in runs_of(name, methods))


def test_the_released_sage_has_the_released_optimizer_and_the_equation_the_protocols():
    assert {config.protocol.optimizer for config in runs_of("pats/table1", {"sage_released"})} == {
        "adamax_mtdnn"
    }
    assert {config.protocol.optimizer for config in runs_of("pats/table1", {"sage"})} == {"adamax"}


@pytest.mark.parametrize("name", ["hype/table16", "hype/figure2"])
def test_hypes_noise_takes_the_place_of_r3fs(name):
    for r3f in ("r3f", "r3f_released"):
        assert {config.method[r3f]["sigma"] for config in runs_of(name, {"hype_n", r3f})} == {0.0}
        assert {config.method[r3f]["sigma"] for config in runs_of(name, {r3f})} == {1e-5}


def test_methods_that_pull_back_do_so_to_either_weights():
    for method, key in (("recadam", "anchor"), ("mixout", "target")):
        configs = runs_of("noisytune/figure3", {method, "noisytune"})
        assert {config.method[method][key] for config in configs} == {"clean", "perturbed"}
        assert {config.method[method][key] for config in runs_of("noisytune/figure3", {method})} == {"clean"}


@pytest.mark.parametrize(
    "name",
    [
        "table1",
        "table2",
        "table3",
        "table5",
        "figure1",
        "figure2",
        "figure3",
        "figure4",
        "figure5",
        "pvalues",
    ],
)
def test_lnsr_is_run_on_both_checkpoints_that_its_paper_names(name):
    models = {run.config.model.name for run in load(f"lnsr/{name}").runs}
    assert models >= {"bert_large_uncased", "bert_large_uncased_wwm"}
