"""Which changes of a grid make other runs than the sweep declares."""

from __future__ import annotations

import pytest

from benchmark.grids.recipe import changed, own_name
from helpers.grids import load

FIGURE4 = ("noisytune/figure4", "data.share=0.1")  # a part of the grid


@pytest.mark.parametrize(
    "change",
    [
        "model=minilm",
        "task=rte",
        "data.share=0.15",
        "protocol=pats",
        "protocol.epochs=1",
        "protocol.learning_rate=1e-5",
        "protocol.selection=best",
        "protocol.report.mrpc=[f1]",
    ],
)
def test_models_data_protocols_and_methods_are_the_recipe(change):
    grid = load(*(FIGURE4[:1] if change.startswith("data.share") else FIGURE4), "seed=1", change)
    assert list(changed(grid)) == [change.partition("=")[0]]


@pytest.mark.parametrize("change", ["data=1k", "data.count=100"])
def test_a_part_of_the_data_is_the_recipe(change):
    assert list(changed(load("noisytune/table2", "seed=1", change))) == [change.partition("=")[0]]


@pytest.mark.parametrize(
    "change",
    [
        "seed=11,12",
        "seed=1",
        "store=elsewhere",
        "cache=elsewhere",
        "device=cpu",
        "threads=2",
        "packed=false",
        "protocol.micro_batch_size=8",
        "protocol.learning_rate=2e-5",  # as declared
        "protocol.epochs=10",
        "data=full",
        "method=[],[noisytune],[hype_n]",
        "model=bert_base_uncased",
    ],
)
def test_seeds_places_machines_and_values_as_declared_are_not(change):
    assert changed(load(*FIGURE4, change)) == {}


def test_hyper_parameters_of_methods_are_the_recipe():
    grid = load(*FIGURE4, "method=[noisytune]", "method.noisytune.intensity=0.3")
    assert changed(grid) == {"method.noisytune.intensity": ["0.3"]}
    assert changed(load(*FIGURE4, "method=[noisytune]", "method.noisytune.intensity=0.15")) == {}


def test_a_change_among_other_changes_is_named_alone():
    grid = load(*FIGURE4, "seed=1,2", "device=cpu", "protocol.epochs=1")
    assert changed(grid) == {"protocol.epochs": ["1"]}


def test_a_narrowed_grid_has_a_name_of_its_own_and_the_whole_one_in_another_place_has_not():
    whole, narrowed, other = (
        own_name(load(FIGURE4[0], *changes)) for changes in (["store=elsewhere"], ["seed=1"], ["seed=2"])
    )
    assert whole == "noisytune/figure4"
    assert narrowed.startswith("noisytune/figure4--seed-1-")
    assert len({whole, narrowed, other}) == 3
    long = own_name(
        load(FIGURE4[0], "data.share=0.1,0.2,0.3,0.4,0.5", "seed=1,2,3", "task=mrpc", "protocol.epochs=1")
    )
    assert len(long) < 80
    assert long.count("/") == 1
