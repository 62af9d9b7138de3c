"""`search=paper|budget:N|none`: the published ranges as searched axes of all arms."""

from __future__ import annotations

from collections import Counter

import pytest

from benchmark.errors import BenchmarkError
from benchmark.grids import grid
from benchmark.grids.grid import Grid
from benchmark.grids.multirun import planned
from benchmark.grids.recipe import changed, own_name
from helpers.grids import load

TABLE2 = ("noisytune/table2", "method=[],[noisytune]")
SMALL = (*TABLE2, "model=roberta_base", "task=rte", "seed=1,2")
RATES, EPOCHS, BATCHES = {7e-6, 1e-5, 2e-5, 3e-5}, {3, 5, 7, 10, 15, 20}, {8, 16, 32}
Settings = tuple[float, float | None, int]


def settings(planned: Grid) -> dict[str, set[Settings]]:
    """The protocols' settings that every arm has, by its methods."""
    found: dict[str, set[Settings]] = {}
    for run in planned.runs:
        protocol = run.config.protocol
        setting = (protocol.learning_rate, protocol.epochs, protocol.batch_size)
        found.setdefault("+".join(run.config.method), set()).add(setting)
    return found


def test_noisytunes_table_2_is_72_times_as_large():
    assert len(load(*TABLE2, "search=paper").runs) == 72 * 360


def test_all_arms_have_all_combinations_of_the_published_ranges():
    whole = {(rate, epochs, batch) for rate in RATES for epochs in EPOCHS for batch in BATCHES}
    assert settings(load(*SMALL, "search=paper")) == {"": whole, "noisytune": whole}
    assert load(*SMALL, "search=paper").table["search"] == [
        "protocol.learning_rate",
        "protocol.epochs",
        "protocol.batch_size",
    ]


def test_the_runs_as_declared_are_among_those_of_the_search():
    assert {run.run_id for run in load(*SMALL).runs} < {
        run.run_id for run in load(*SMALL, "search=paper").runs
    }


def test_none_is_the_default():
    none = load(*SMALL, "search=none")
    assert (none.runs, none.changed, none.table) == (
        load(*SMALL).runs,
        load(*SMALL).changed,
        load(*SMALL).table,
    )


def test_a_value_that_the_paper_chose_for_all_its_runs_is_not_searched():
    assert {run.config.method["noisytune"]["intensity"] for run in load(*SMALL, "search=paper").runs if run.config.method} == {0.15}  # fmt: skip
    pats = load("pats/table1", "model=roberta_large", "task=cola", "seed=1", "search=paper")
    assert Counter("+".join(run.config.method) for run in pats.runs) == dict.fromkeys(
        ["", "sage", "sage_released", "noisytune", "pats", "pats_even"], 9
    )


def test_the_range_of_a_method_is_for_runs_that_have_it_and_may_depend_on_the_model():
    planned = load("hype/table5", "task=rte", "seed=1", "search=paper")
    counts = Counter(
        ",".join(run.config.method) for run in planned.runs if run.config.model.name == "bert_large_uncased"
    )
    assert (counts[""], counts["rdrop"], counts["r3f"]) == (4, 4 * 3, 4 * 3)
    deberta = load("hype/table4", "task=cola", "method=[]", "seed=1", "search=paper")
    assert Counter(run.config.model.name for run in deberta.runs) == {
        "deberta_base": 4, "deberta_large": 4, "deberta_v2_xlarge": 8, "deberta_v2_xxlarge": 8,
    }  # fmt: skip


def test_an_axis_that_the_table_compares_stays_a_row():
    planned = load("hype/table8", "task=rte", "seed=1", "search=paper")
    assert planned.table["search"] == ["protocol.learning_rate"]
    assert len(planned.runs) == 4 * len(load("hype/table8", "task=rte", "seed=1").runs)


def test_a_searched_axis_takes_the_values_that_a_user_names():
    narrowed = load(*SMALL, "search=paper", "protocol.learning_rate=1e-5", "protocol.epochs=10,40")
    whole = {(1e-5, epochs, batch) for epochs in (10, 40) for batch in BATCHES}
    assert settings(narrowed) == {"": whole, "noisytune": whole}
    assert "protocol.learning_rate" in narrowed.table["search"]


def test_a_budget_gives_every_arm_as_many_settings_of_all_that_is_searched():
    planned = load("hype/table1", "task=rte", "model=roberta_large", "seed=1,2", "search=budget:3")
    counts = Counter("+".join(run.config.method) for run in planned.runs)
    assert counts == dict.fromkeys(["", "hype_n", "hype_u", "no_dropout", "hype_u_released"], 3 * 2)
    sigmas = {run.config.method["hype_n"]["sigma"] for run in planned.runs if "hype_n" in run.config.method}
    assert sigmas <= {1e-4, 1e-5}


def test_a_budget_draws_the_same_settings_each_time_and_a_larger_one_adds_to_them():
    few, more = (settings(load(*SMALL, f"search=budget:{count}")) for count in (5, 9))
    assert few == settings(grid.load(SMALL[0], [*SMALL[1:], "search=budget:5"]))
    assert few[""] == few["noisytune"] < more[""]
    assert (len(few[""]), len(more[""])) == (5, 9)
    alone = load(*SMALL, "task=mnli", "method=[]", "search=budget:5")
    assert settings(alone) == {"": few[""]}


def test_a_sample_is_of_the_whole_range():
    values = list(zip(*settings(load(*SMALL, "search=budget:40"))[""], strict=True))
    assert [set(one) for one in values] == [RATES, EPOCHS, BATCHES]


def test_a_search_by_the_papers_ranges_is_no_other_recipe_than_the_papers():
    assert changed(load(*SMALL, "search=paper")) == {}
    assert changed(load(*SMALL, "search=paper", "protocol.learning_rate=1e-5")) == {}
    assert changed(load(*SMALL, "search=paper", "protocol.learning_rate=9e-6")) == {
        "protocol.learning_rate": ["9e-06"]
    }


def test_a_searched_table_has_a_folder_of_its_own():
    names = {own_name(load(*SMALL[:1], *search)) for search in ((), ("search=paper",), ("search=budget:2",))}
    assert len(names) == 3


def test_a_smoke_run_searches_the_demos_range():
    planned = load(*SMALL, "search=paper", small=True)
    assert {run.config.protocol.learning_rate for run in planned.runs} == {5e-4, 1e-3, 2e-3}


def test_a_table_without_runs_has_nothing_to_search():
    assert load("noisytune/table1", "search=paper").changed == {}


@pytest.mark.parametrize("value", ["papers", "budget", "budget:0", "budget:-1", "budget:2.5", "paper,none"])
def test_a_search_that_is_none_is_refused(value):
    with pytest.raises(BenchmarkError, match=r"search=.*: one of none, paper, budget:N, where N is"):
        grid.load("demo/noisytune", [f"search={value}"])


def test_more_settings_than_an_arm_has_are_refused():
    line = (
        r"search=budget:5: plain fine-tuning on roberta_large, rte has 4 settings in the ranges of protocol hype, "
        r"and every arm gets as many; at most budget:4"
    )
    with pytest.raises(BenchmarkError, match=line):
        grid.load("hype/table1", ["model=roberta_large", "task=rte", "search=budget:5"])


def test_a_protocol_without_ranges_is_refused():
    line = r"search=paper: there is nothing to search; values.search of the protocol \(dodge\) has no range"
    with pytest.raises(BenchmarkError, match=line):
        grid.load("noisytune/table2", ["protocol=dodge", "task=rte", "search=paper"])


def test_hydras_multirun_names_the_command_that_searches():
    with pytest.raises(
        BenchmarkError, match=r"by python -m benchmark\.reproduce demo/noisytune search=paper"
    ):
        planned(["+sweeps=demo/noisytune", "search=paper"])
