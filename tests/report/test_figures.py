"""Figures as the papers draw them, from hand-made records."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from omegaconf import OmegaConf

from benchmark import report
from benchmark.config.compose import ROOT
from benchmark.grids import grid
from benchmark.report import figures
from benchmark.report.build import build
from benchmark.report.figures import style
from benchmark.report.figures.displays import histogram
from benchmark.report.figures.points import points
from benchmark.report.numbers.quantities import PROBES
from benchmark.report.numbers.quantities import points as values
from helpers.grids import load, of_two_seeds
from helpers.probed import LAYERS, PROBED


@pytest.fixture
def made(record_of) -> Callable[..., tuple[grid.Grid, dict[str, Any]]]:
    def found(name: str, *changes: str) -> tuple[grid.Grid, dict[str, Any]]:
        planned = load(name, *changes) if changes else part_of(name)
        names = ("accuracy", "f1", "matthews_correlation", "pearson", "spearman")
        records = {}
        for cell in planned.runs:
            score = 0.7 + cell.config.seed / 100 + 0.02 * bool(cell.config.method)
            sets = {part: dict.fromkeys(names, score) for part in cell.config.task.evaluate}
            records[cell.run_id] = record_of(cell.config, sets)
        return planned, records

    return found


def part_of(name: str) -> grid.Grid:
    """The first two tasks of a table on the first of its models, with two seeds: drawing more is slow."""
    planned = of_two_seeds(name)
    model = planned.runs[0].config.model.name
    tasks = list(dict.fromkeys(run.config.task.name for run in planned.runs))[:2]
    runs = [run for run in planned.runs if run.config.model.name == model and run.config.task.name in tasks]
    axes = planned.axes | {"model": [model], "task": tasks}
    return replace(planned, runs=runs, axes=axes)


def drawn(planned: grid.Grid, records: dict[str, Any], stored: dict[str, Any] = PROBED) -> Any:
    return figures.draw(planned, build(planned, records), records, lambda _: stored)


SCORED = [
    "hype/figure2", "lnsr/figure2", "lnsr/figure3", "lnsr/figure4", "lnsr/figure5",
    "noisytune/figure2", "noisytune/figure3", "noisytune/figure4", "noisytune/figure6", "noisytune/footnote2", "pats/limitations",
]  # fmt: skip
PROBES_DRAWN = [
    "hype/figure3", "hype/figure4", "lnsr/figure1", "noisytune/figure5", "noisytune/footnote3", "pats/figure2",
]  # fmt: skip
BOTH = ["pats/figure3", "pats/footnote2"]


@pytest.mark.parametrize("name", SCORED + PROBES_DRAWN + BOTH)
def test_every_figure_of_the_papers_is_drawn(name, made):
    found = drawn(*made(name))
    assert found.svg["figure"].startswith("<svg")
    assert not found.notes


@pytest.mark.parametrize("name", PROBES_DRAWN)
def test_a_figure_of_what_no_record_has_is_said_to_be_missing(name, made):
    found = drawn(*made(name), {})
    assert "figure" not in found.svg
    assert "no record has its quantities (probe/" in found.notes[0]


@pytest.mark.parametrize("name", BOTH)
def test_a_panel_of_what_no_record_has_is_said_to_be_missing(name, made):
    found = drawn(*made(name), {})
    assert "figure" in found.svg
    assert found.notes == ["The figure lacks probe/sensitivity/std: no record has it."]


def test_every_figure_of_the_sweeps_is_tested_here():
    tables = {name: OmegaConf.load(ROOT / "sweeps" / f"{name}.yaml").table for name in grid.tables()}
    kinds = {name: OmegaConf.select(table, "layout.kind", default="table") for name, table in tables.items()}
    assert {name for name, kind in kinds.items() if kind != "table"} == {*SCORED, *PROBES_DRAWN, *BOTH}


def test_lines_stand_at_their_numbers_and_the_average_is_among_them(made):
    planned, records = made("noisytune/figure6", "seed=1,2", "task=rte,wnli")
    found = points(planned, build(planned, records), records, lambda _: {})
    assert set(found["series"]) == {"RTE", "WNLI", "Avg."}
    assert sorted(set(found["x"])) == [0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3]
    plain = found[(found["series"] == "Avg.") & (found["x"] == 0)]
    assert plain["y"].tolist() == pytest.approx([71, 72])


def test_bars_of_methods_are_averages(made):
    planned, records = made("hype/figure2", "seed=1")
    found = points(planned, build(planned, records), records, lambda _: {})
    assert set(found["panel"]) == {"BERT-large", "RoBERTa-large"}
    assert len(found) == 2 * 12


def test_the_same_points_give_the_same_file(made):
    planned, records = made("lnsr/figure2", "seed=1,2", "task=rte")
    assert drawn(planned, records).svg == drawn(planned, records).svg


def test_a_heat_map_has_a_row_per_series(made):
    planned, records = made("lnsr/figure1", "seed=1", "model=bert_large_uncased")
    found = points(planned, build(planned, records), records, lambda _: PROBED)
    assert figures.panels(found, "heat", "layer").startswith("<svg")


def test_noise_is_named_by_the_layer_it_is_added_to(made):
    planned, records = made("lnsr/figure1", "seed=1", "model=bert_large_uncased")
    found = points(planned, build(planned, records), records, lambda _: PROBED)
    assert list(dict.fromkeys(found["series"])) == [f"noise at layer {number}" for number in (1, 2, 3, 4)]
    assert set(found["panel"]) == {"seed 1"}


def test_many_bars_lie_and_have_room_for_their_names(made):
    planned, records = made("noisytune/figure5", "seed=1,2")

    def height(kinds: int) -> float:
        names = np.array([f"attention.kind{number}.weight" for number in range(kinds)])
        change = np.linspace(0.1, 0.2, kinds)
        stored = {"probe/norm_change/kinds": names, "probe/norm_change/change": change}
        return float(re.search(r'height="([\d.]+)pt"', drawn(planned, records, stored).svg["figure"])[1])

    assert height(30) > 30 * 0.25 * 72 > 2 * height(6)


def test_a_histogram_shows_where_the_weights_are():
    shares = pd.DataFrame({"x": [1e-14, 1e-7, 1e-6, 1e-5], "y": [5e-4, 0.3, 0.5, 0.1995]})
    _, (axes,) = style.panels(1)
    histogram(axes, shares.assign(series="plain", seed=1), ["plain"])
    low, high = axes.get_xlim()
    assert 1e-8 < low < 1e-7 < 1e-5 < high < 1e-4


@pytest.mark.parametrize("display", ["lines", "bars", "box"])
def test_names_that_begin_with_an_underscore_are_in_the_legend(display: str) -> None:
    names = ["_mine", "_nolegend_", "__", "plain"]
    frame = pd.DataFrame(
        [("quantity", "panel", name, x, y) for name in names for x in "ab" for y in (0.1, 0.2)],
        columns=["quantity", "panel", "series", "x", "y"],
    )
    drawing = figures.panels(frame, display, "task")
    assert all(f">{name}</text>" in drawing for name in names)


def test_no_two_series_look_alike():
    looks = [tuple(sorted(style.look(number).items())) for number in range(28)]
    assert len(set(looks)) == 28


def test_what_probes_found_is_read_by_its_name(record_of, compose):
    config = compose("task=opinion")
    record = record_of(config, {"validation": {"accuracy": 0.5}})
    read = {name: values(f"probe/{name}", record, config, PROBED) for name in PROBES}
    assert read["norm_change"] == [({"parameter": "query"}, 0.01), ({"parameter": "key"}, -0.02)]
    assert read["linear_probe"][0] == ({"probed": "rte", "layer": 0}, pytest.approx(20))
    assert len(read["noise_attenuation"]) == 10
    assert [share for _, share in read["sensitivity"]] == [0.2, 0.3]
    assert values("probe/sensitivity/std", record, config, PROBED) == [({}, 0.5)]
    assert values("probe/token_similarity/similarity", record, config, PROBED) == [({}, LAYERS.mean())]
    assert values("probe/sensitivity/nothing", record, config, PROBED) == []
    assert values("probe/anything", record, config, PROBED) == []


def test_figures_are_in_the_page_and_beside_it(made, tmp_path, capsys):
    planned, records = made("noisytune/figure4", "seed=1,2")
    report.write(planned, records, tmp_path)
    page = (tmp_path / "table.html").read_text()
    assert page.count("<figure>") == 3  # the forest is the first
    for name in ("figure", "differences"):
        assert (tmp_path / f"{name}.svg").read_text().strip() in page
