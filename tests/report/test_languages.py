"""Scores by language, over groups and over all tasks: NoisyTune's Table 3 from hand-made records."""

from __future__ import annotations

import functools
import re
from statistics import fmean
from typing import Any

import pandas as pd
import pytest

from benchmark import report
from benchmark.config.schema import METRICS, RunConfig
from benchmark.config.splits import evaluation_splits, language_groups
from benchmark.errors import BenchmarkError
from benchmark.grids import grid
from benchmark.report import figures, render
from benchmark.report.build import Report, build
from benchmark.training.evaluation import over_languages

TABLE = "noisytune/table3"
NARROW = ("model=xlm_roberta_base", "method=[],[noisytune]", "task.setting=zero_shot", "seed=1,2")
load = functools.cache(lambda *changes: grid.load(TABLE, changes))


def score_of(number: int, config: RunConfig, metric: str) -> float:
    """Every language has a score of its own, a method adds 1 point, seeds are 2 points apart."""
    gain = 0.01 * bool(config.method)
    return 0.3 + 0.01 * number + 0.02 * config.seed + gain - 0.1 * (metric == "exact_match")


@pytest.fixture(scope="module")
def made(record_of):
    def records(planned: grid.Grid, leave_out: str = "none") -> dict[str, Any]:
        found = {}
        for cell in planned.runs:
            task, sets = cell.config.task, {}
            for number, (name, split) in enumerate(evaluation_splits(task).items()):
                if name != leave_out:
                    metrics = [key for one in split.metrics or task.metrics for key in METRICS[one]]
                    sets[name] = {key: score_of(number, cell.config, key) for key in metrics}
                    if split.kind in ("retrieval", "mining"):
                        sets[name] |= {f"{metrics[0]}@1": sets[name][metrics[0]], "dev@1": 1.0}
            found[cell.run_id] = record_of(
                cell.config, over_languages(sets, language_groups(cell.config.task))
            )
        return found

    return records


@pytest.fixture(scope="module")
def whole(made) -> Report:
    return build(load(*NARROW), made(load(*NARROW)))


def test_a_column_is_shown_by_language_with_the_difference_to_plain_fine_tuning(whole: Report) -> None:
    numbers = whole.languages
    ner = numbers[(numbers["column"] == "ner") & (numbers["methods"] == "noisytune")]
    assert list(ner["language"])[:3] == ["af", "ar", "bg"]
    assert len(ner) == 40
    assert ner["score_mean"].iloc[1] == pytest.approx(100 * (0.3 + 0.01 + 0.03 + 0.01))  # after af
    assert ner["difference_mean"].tolist() == pytest.approx([1.0] * 40)
    assert set(ner["score_n"]) == {2}
    section = next(one for one in whole.by_language if one.title.startswith("NER (panx f1) — "))
    assert section.header == ("Language",)
    assert section.columns == ["plain fine-tuning", "noisytune"]
    assert section.rows[1] == ["ar", "34.00", "35.00 (+1.00)"]


def test_the_mean_over_languages_is_the_column(whole: Report) -> None:
    means = whole.languages.groupby(["column", "methods"])["score_mean"].mean()
    columns = whole.numbers.set_index(["task", "methods"])["score_mean"]
    assert len(means) == 28
    for at, mean in means.items():
        assert columns[at] == pytest.approx(mean)


def test_a_language_that_a_run_lacks_is_left_out(made) -> None:
    table = build(load(*NARROW), made(load(*NARROW), leave_out="panx/bn"))
    ner = table.languages[table.languages["column"] == "ner"]
    assert "bn" not in set(ner["language"])
    assert len(set(ner["language"])) == 39


def test_both_averages_stand_beside_each_other_and_beside_the_printed_ones(whole: Report) -> None:
    found = whole.averages.set_index(["task", "methods"])
    assert found["published"]["Avg.", ""] == pytest.approx(69.954, abs=5e-4)
    assert found["published"]["XTREME (nine tasks)", ""] == pytest.approx(68.378, abs=5e-4)
    assert found["published"]["XTREME (nine tasks)", "noisytune"] == pytest.approx(68.872, abs=5e-4)
    at = {name: found["score_mean"][name, ""] for name in found.index.get_level_values(0)}
    groups = ("Sentence pair", "Structured prediction", "Sentence retrieval", "Question answering")
    assert at["Avg."] == pytest.approx(fmean(at[one] for one in groups))
    columns = whole.numbers[whole.numbers["methods"] == ""].set_index("task")["score_mean"]
    single = [columns[one] for one in ("xnli", "pawsx", "pos", "ner", "bucc", "tatoeba")]
    nine = fmean([*single, *(at[one] for one in ("XQuAD", "MLQA", "TyDiQA"))])
    assert at["XTREME (nine tasks)"] == pytest.approx(nine)
    section = next(one for one in whole.sections if one.title.startswith("Groups and averages"))
    assert section.columns is not None
    assert section.rows[0][2 + section.columns.index("XTREME (nine tasks)")].endswith(
        "(2) [68.38] [1]"
    )  # and a footnote


def test_an_average_over_columns_that_are_not_there_is_left_out(made) -> None:
    planned = load(*NARROW, "task=udpos,panx")
    names = set(build(planned, made(planned)).averages["task"])
    assert names == {"Structured prediction"}


def test_heat_maps_have_a_panel_per_column_and_numbers_in_their_cells(whole: Report, made) -> None:
    planned = load(*NARROW)
    svg = figures.draw(planned, whole, made(planned), lambda _: {}).svg["languages"]
    drawn = re.findall(r"<text[^>]*>(.*?)</text>", svg)
    assert drawn.count("score (%)") == 14
    assert drawn.count("NER (panx f1)") == 1
    assert drawn.count("noisytune") == 14
    assert {"34", "35"} <= set(drawn)  # NER, forty languages
    assert {"34.0", "35.0"} <= set(drawn)  # XNLI, fifteen


def test_every_form_has_the_languages_and_the_files_as_well(whole: Report, made, tmp_path, capsys) -> None:
    planned = load(*NARROW)
    report.write(planned, made(planned), tmp_path)
    assert {"languages.csv", "averages.csv", "languages.svg"} <= {path.name for path in tmp_path.iterdir()}
    assert len(pd.read_csv(tmp_path / "languages.csv")) == 2 * len(whole.languages) / 2
    for name in ("table.md", "table.html", "table.tex"):
        assert "NER (panx f1) — " in (tmp_path / name).read_text(), name
    tex = (tmp_path / "table.tex").read_text()
    assert tex.count(r"\begin{table}") == tex.count(r"\label{tab:") >= 13
    assert "Language" not in capsys.readouterr().out
    assert "| ar" in render.markdown(whole)


def test_tables_without_languages_have_no_such_part(made) -> None:
    planned = grid.load("noisytune/table2", ["task=rte", "seed=1", "model=roberta_base"])
    table = build(planned, {})
    assert (table.by_language, len(table.languages), len(table.averages)) == ([], 0, 0)


def test_an_average_over_a_column_that_does_not_exist_is_refused() -> None:
    from omegaconf import OmegaConf

    from benchmark.config.table import Table
    from benchmark.grids import declaration

    table = OmegaConf.to_container(
        OmegaConf.structured(Table(title="T", averages={"both": ["rte", ["cole"]]}))
    )
    with pytest.raises(BenchmarkError, match=r"unknown column 'cole' in sweeps/t, average 'both'.*'cola'"):
        declaration.check("t", table, [{"task": ["rte", "cola"]}])
