"""A method of one's own beside committed reference runs: its runs alone are made, and nothing else changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmark.errors import BenchmarkError
from benchmark.grids import grid
from benchmark.records.record import Record
from benchmark.records.store import Store
from benchmark.scorecard import __main__ as command
from benchmark.scorecard.references import Reference, arms, references
from benchmark.store import archive
from benchmark.store.merging import runs_of
from helpers.stores import called

SWEEP = """# @package _global_
defaults:
  - override /protocol: demo
hydra:
  mode: MULTIRUN
  sweeper:
    params: {model: embedded, task: "opinion,closeness", method: "[],[noisytune],[pats]", seed: "range(1,4)"}
table: {title: A campaign}
"""
TABLE = "campaigns/quick"


class Campaign:
    """Reference runs of a campaign, by hand, in an archive of a folder of references."""

    def __init__(self, folder: Path, record_of: Callable[..., Record]) -> None:
        (folder / "sweeps" / "campaigns").mkdir(parents=True)
        (folder / "sweeps" / "campaigns" / "quick.yaml").write_text(SWEEP)
        self.folder, self.record_of = folder, record_of
        self.search = f"hydra.searchpath=[file://{folder}]"
        self.words = [self.search, f"store={folder / 'mine'}"]
        self.planned = grid.load(TABLE, [self.search])

    def committed(self, without: Callable[[Any], bool] = lambda config: False, **changes: Any) -> Path:
        """The folder of references, with the records of all runs but some."""
        store = Store(self.folder / "theirs")
        store.open()
        for run in self.planned.runs:
            if not without(run.config):
                scores = {"validation": dict.fromkeys(run.config.task.metrics, 0.5)}
                record = self.record_of(
                    run.config, scores, examples={"train": 64, "validation": 4}, **changes
                )
                logits = np.zeros((1, 4, max(len(run.config.task.labels), 1)), np.float32)
                store.add(record, {"logits/validation": logits, "targets/validation": np.zeros(4)})
        place = self.folder / "references" / "quick"
        place.mkdir(parents=True)
        folders = {path.name: path for path in store.folder.iterdir() if (path / "record.json").exists()}
        archive.write(place / "records.tar.gz", folders, [TABLE])
        return place.parent


@pytest.fixture
def campaign(tmp_path: Path, record_of: Callable[..., Record]) -> Campaign:
    return Campaign(tmp_path, record_of)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that are run, without being run."""
    made: list[list[str]] = []
    monkeypatch.setattr(command.subprocess, "call", lambda words: made.append(words[2:]) or 0)
    return made


def test_only_the_methods_own_runs_are_left_to_do(
    campaign: Campaign, calls: list[list[str]], capsys: Any
) -> None:
    folder = campaign.committed()
    words = ["[hype_n]", *campaign.words, "--references", folder, "--output", campaign.folder / "tables"]
    status, _, said = called(command.main, capsys, *words)
    assert status == 0, said
    assert "[hype_n] beside 3 arms of 3 seeds, 6 runs to do" in said
    assert "\nreference runs: a processor, torch 2.0.0" in said
    [made] = calls
    assert made[:2] == ["benchmark.reproduce", TABLE]
    planned = grid.load(TABLE, made[2:-2])
    missing = [run for run in planned.runs if Store(campaign.folder / "mine").find(run.run_id) is None]
    assert {tuple(run.config.method) for run in missing} == {("hype_n",)}
    assert len(missing) == 6


def test_verify_runs_a_sample_first_and_stops_if_bits_differ(
    campaign: Campaign, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    made: list[str] = []
    sampled: list[int] = []

    def differs(words: list[str]) -> int:
        made.append(words[2])
        sampled.append(len(runs_of(Path(words[3]))))
        return 1

    monkeypatch.setattr(command.subprocess, "call", differs)
    words = ["hype_n", *campaign.words, "--references", campaign.committed(), "--verify"]
    assert called(command.main, capsys, *words)[0] == 1
    assert made == ["benchmark.verify"]
    assert sampled == [len(campaign.planned.runs)]


def test_arms_and_seeds_without_all_runs_are_left_out(campaign: Campaign) -> None:
    def lost(config: Any) -> bool:
        return (config.seed == 3 and not config.method) or (config.seed == 2 and "pats" in config.method)

    [reference] = references(campaign.committed(lost))
    store = Store(campaign.folder / "mine")
    assert reference.add_to(store) == []
    records = {run.run_id: store.find(run.run_id) for run in campaign.planned.runs}
    kept = arms(campaign.planned, {name: record for name, record in records.items() if record is not None})
    assert (kept.methods, kept.tasks, kept.seeds) == (("[]", "[noisytune]"), ("opinion", "closeness"), (1, 2))


def test_a_task_that_was_not_begun_is_left_out(
    campaign: Campaign, calls: list[list[str]], capsys: Any
) -> None:
    folder = campaign.committed(lambda config: config.task.name == "closeness")
    status, _, said = called(command.main, capsys, "[hype_n]", *campaign.words, "--references", folder)
    assert status == 0, said
    assert "[hype_n] beside 3 arms of 3 seeds, 3 runs to do (opinion)" in said
    assert "task=opinion" in calls[0]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["[nonsense]"], "nonsense"),
        (["[hype_n"], "error: method=[hype_n: "),
        (["[sam,asam]"], "method.asam and method.sam cannot act together"),
        (["[hype_n]", "--output", "/dev/null"], "--output=/dev/null: cannot be written to"),
        (["[hype_n]", "device=gpu"], "device=gpu: not available here; valid: auto, cpu"),
        (["[]"], "plain fine-tuning is in every campaign"),
        ([""], "plain fine-tuning is in every campaign"),
        (["[hype_n]", "protocol.epochs=9"], "protocol.epochs=9: the reference runs were made without it"),
        (["[hype_n]", "task=cola"], "task=cola: the reference runs were made without it"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    campaign: Campaign, calls: list[list[str]], capsys: Any, words: list[str], said: str
) -> None:
    folder = campaign.committed()
    status, _, error = called(command.main, capsys, *words, *campaign.words, "--references", folder)
    assert (status, calls) == (2, [])
    assert said in error
    assert error.count("\n") == 1
    assert not (campaign.folder / "mine").exists()


def test_references_that_are_missing_or_damaged_are_refused(campaign: Campaign, capsys: Any) -> None:
    with pytest.raises(BenchmarkError, match="no reference runs in it"):
        references(campaign.folder / "nowhere")
    [path] = campaign.committed().rglob("*.tar.gz")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BenchmarkError, match=r"records\.tar\.gz"):
        Reference(TABLE, (path,)).add_to(Store(campaign.folder / "mine"))


def test_reference_runs_of_other_data_than_here_are_refused(
    campaign: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = campaign.committed()
    [reference] = references(folder)
    monkeypatch.setattr("benchmark.runs.hits.data_at_hand", lambda *_: {"data/train": "another"})
    whole = Record.origins
    monkeypatch.setattr(Record, "origins", lambda record: whole(record) | {"data/train": "theirs"})
    with pytest.raises(BenchmarkError, match=r"were made with other files \(data/train\) than here"):
        command.comparable(reference, "[hype_n]", campaign.words)


def test_without_a_whole_seed_of_plain_fine_tuning_nothing_is_compared(campaign: Campaign) -> None:
    planned = replace(campaign.planned, runs=[run for run in campaign.planned.runs if run.config.method])
    with pytest.raises(BenchmarkError, match=r"no seed of plain fine-tuning .* changed by hand"):
        arms(planned, {})


def test_campaigns_whose_methods_have_axes_of_their_own_are_no_scorecards() -> None:
    strength, tiny = Reference("campaigns/strength", ()), Reference("campaigns/tiny", ())
    assert command.of_methods([strength, tiny], []) == [tiny]
    with pytest.raises(BenchmarkError, match=r"campaigns/strength: no campaign here compares methods"):
        command.of_methods([strength], [])


def test_campaigns_are_chosen_by_name_and_those_apart_only_so() -> None:
    ner, tiny = Reference("campaigns/ner", ()), Reference("campaigns/tiny", ())
    assert command.chosen([ner, tiny], None) == [tiny]
    with pytest.raises(BenchmarkError, match=r"--campaigns: only ner have"):
        command.chosen([ner], None)
    assert command.chosen([ner, tiny], "tiny,ner") == [tiny, ner]
    with pytest.raises(BenchmarkError, match="did you mean 'tiny'"):
        command.chosen([ner, tiny], "tiny,tini")
