"""`python -m benchmark.site`: pages from a store, what is kept, and stores that are not as they should be."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from benchmark.config.compose import ROOT
from benchmark.grids import grid
from benchmark.records.store import Store
from benchmark.site import __main__ as command
from benchmark.site import documents, method_facts, table_pages
from helpers.hand_made import HOSTILE
from helpers.records import ID

VOID = {"meta", "link", "br", "wbr", "img", "hr", "input"}


class Page(HTMLParser):
    """The tags, links and text of a page; every tag that opens must close."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.links: list[str] = []
        self.text = ""
        self.feed(path.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]
        assert not [name for name, _ in attrs if name.startswith("on")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_every_page_is_whole_small_and_leads_to_pages_that_are_there(built):
    pages = sorted(built.rglob("*.html"))
    assert len(pages) > 120
    for path in pages:
        page = Page(path)
        assert page.open == [], path
        assert [page.tags.count(tag) for tag in ("main", "h1")] == [1, 1], path
        assert path.stat().st_size < 2_000_000
        for link in page.links:
            place, _, _ = link.partition("#")
            assert "://" not in place or path.parent.name == "reference", (path, link)
            if place and ":" not in place and path.parent.name != "reference" and path.stem != "reading":
                assert (path.parent / place).is_file(), (path, link)


def test_a_table_has_its_state_numbers_claims_and_a_way_to_its_runs(built):
    whole, half, nothing, settings = (
        Page(built / "tables" / f"{name}.html")
        for name in ("demo-noisytune", "noisytune-figure2", "noisytune-figure5", "noisytune-table1")
    )
    assert "All 30 runs" in whole.text
    assert len([link for link in whole.links if "/runs/" in link]) == 30
    assert "189 runs are missing. Make them with python -m benchmark.reproduce noisytune/figure2" in half.text
    assert "as claimed" in half.text
    assert "svg" in half.tags
    assert "2 of 5 runs" in half.text
    assert "5 runs" in whole.text
    assert " of 5 runs" not in whole.text
    assert "No run of this table is in the store" in nothing.text
    assert "Settings and data" in settings.text


def test_the_ledger_has_every_claim_and_counts_lead_to_their_rows(built):
    page = Page(built / "claims.html")
    claims = [
        claim
        for name in ("noisytune/figure2", "noisytune/figure5")
        for claim in grid.load(name).table["claims"]
    ]
    assert all(claim["says"] in page.text for claim in claims)
    index = (built / "index.html").read_text()
    assert "claims.html#paper=noisytune&amp;verdict=not%20measured" in index


def test_a_method_is_described_by_its_own_files_without_importing_them():
    code = (
        "import sys; from benchmark.site import method_facts as m, making, table_pages; found = m.every(); "
        "print(len(found), 'torch' in sys.modules, 'transformers' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(len(list((ROOT / "conf/method").glob("*.yaml")))), "False", "False"]
    every = {fact.name: fact for fact in method_facts.every()}
    assert "Section 2: W <- W + U(-lambda/2, lambda/2) * std(W)" in " ".join(every["noisytune"].about)
    assert every["noisytune"].paper == "Wu et al., ACL 2022"
    assert all(fact.title and fact.does and fact.source for fact in every.values())
    assert any(line.startswith("    ") for line in every["mixout"].about)  # a formula keeps its form


def test_what_has_not_changed_is_not_made_again(small_store, make, tmp_path):
    store = Store(shutil.copytree(small_store.folder, tmp_path / "store"))
    first = make(store, tmp_path / "site")
    assert (first.tables, first.runs, first.kept) == (4, 157, 0)
    page = tmp_path / "site/tables/demo-noisytune.html"
    before = page.stat().st_mtime_ns
    again = make(store, tmp_path / "site")
    assert (again.tables, again.runs, again.kept) == (0, 0, 161)
    gone = grid.load("demo/noisytune").runs[0].run_id
    shutil.rmtree(store.folder / gone)
    less = make(store, tmp_path / "site")
    assert (less.tables, less.runs) == (1, 0)
    assert page.stat().st_mtime_ns > before
    assert not (tmp_path / f"site/runs/{gone}.html").exists()
    assert "29 of 30 runs" in Page(page).text
    (store.folder / grid.load("demo/noisytune").runs[1].run_id / "arrays.npz").unlink()
    assert make(store, tmp_path / "site").tables == 1  # a record without its outputs is not used


def test_hostile_text_is_shown_as_it_is(built):
    for path in (built / f"runs/{ID}.html", built / "runs.html"):
        page = Page(path)
        assert "img" not in page.tags
        assert '<img src=x onerror="window.pwned=1">' in page.text
        assert "{{ 7*7 }}" in page.text
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202e]", path.read_text())


def test_a_hostile_title_and_label_are_shown_as_they_are(small_store, make, tmp_path, monkeypatch):
    load = grid.load

    def hostile(name: str, *rest: object) -> grid.Grid:
        planned = load(name, *rest)
        runs = [
            replace(run, config=replace(run.config, model=replace(run.config.model, label=HOSTILE)))
            for run in planned.runs
        ]
        return replace(planned, runs=runs, table=planned.table | {"title": HOSTILE})

    monkeypatch.setattr(table_pages.grids, "load", hostile)
    make(small_store, tmp_path / "site", ["demo/noisytune"])
    for name in ("index", "compare", "tables/demo-noisytune", "methods/noisytune"):
        path = tmp_path / "site" / f"{name}.html"
        assert "img" not in Page(path).tags
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202e]", path.read_text())


def test_an_empty_store_has_a_site_that_says_so(make, tmp_path):
    made = make(Store(tmp_path / "none"), tmp_path / "site", ["noisytune/figure5"])
    assert (made.runs, made.problems) == (0, [])
    assert "has no finished run yet" in Page(tmp_path / "site/index.html").text
    assert "no finished run" in Page(tmp_path / "site/runs.html").text
    assert "Fewer than two methods" in Page(tmp_path / "site/compare.html").text


def test_tables_without_claims_have_a_site_that_says_so(small_store, make, tmp_path):
    make(small_store, tmp_path / "site", ["demo/noisytune"])
    assert "None of the tables of this site has a claim" in Page(tmp_path / "site/claims.html").text
    assert "Claims by verdict" not in Page(tmp_path / "site/index.html").text


def test_a_run_is_described_without_needless_digits_and_empty_values(built):
    page = next(path for path in (built / "runs").glob("*.html"))
    text = Page(page).text
    assert re.search(r"Finished\s*\d{4}-\d\d-\d\d \d\d:\d\d UTC", text)
    assert re.search(r"Interrupted\s*never", text)
    assert not re.search(r"\bremark\b", text)
    assert re.search(r"lr=0.001 epochs=\d+\s", Page(built / "runs.html").text)


def test_damaged_foreign_and_unfinished_records_are_named(small_store, make, tmp_path):
    store = Store(shutil.copytree(small_store.folder, tmp_path / "store"))
    first, second, *_ = [run.run_id for run in grid.load("demo/noisytune").runs]
    whole = {run_id: (store.folder / run_id / "record.json").read_text() for run_id in (first, second)}
    (store.folder / first / "record.json").write_text("{")
    other = json.loads(whole[second]) | {"version": 99}
    (store.folder / second / "record.json").write_text(json.dumps(other))
    (store.folder / "unfinished").mkdir()
    (store.folder / "unfinished" / "0000000000000000.pt").touch()
    (store.folder / "leases").mkdir(exist_ok=True)
    (store.folder / "leases" / "0000000000000000").touch()
    made = make(store, tmp_path / "site")
    assert sorted(problem[:16] for problem in made.problems) == sorted([first, second])
    index = Page(tmp_path / "site/index.html").text
    assert first in index
    assert "of version 99" in index
    assert re.search(r"Being made\s*1", index)
    table = Page(tmp_path / "site/tables/demo-noisytune.html").text
    assert "cannot be shown" in table
    assert "of version 99" in table
    for run_id, text in whole.items():
        (store.folder / run_id / "record.json").write_text(text)
    assert make(store, tmp_path / "site").problems == []
    assert "All 30 runs" in Page(tmp_path / "site/tables/demo-noisytune.html").text


def test_a_folder_with_other_files_is_refused_and_nothing_of_it_is_touched(small_store, tmp_path, capsys):
    (tmp_path / "index.html").write_text("mine")
    assert command.main(["demo", f"store={small_store.folder}", "--output", str(tmp_path)]) == 2
    assert "is not a site of this project; name another folder" in capsys.readouterr().err
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("index.html", "mine")]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["nosytune"], "unknown paper or table 'nosytune'"),
        (["demo/noisytune", "protocol.lr=1"], "protocol.lr"),
        (["demo/noisytune", "noisytune/table1", "protocol.selection=bets"], "did you mean 'best'?"),
    ],
)
def test_a_wrong_name_or_key_is_refused_in_one_line(words, says, tmp_path, capsys):
    assert command.main([*words, "--output", str(tmp_path / "site")]) == 2
    [line] = capsys.readouterr().err.strip().splitlines()
    assert says in line


def test_the_command_says_what_it_wrote(
    small_store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    words = ["noisytune/figure5", f"store={small_store.folder}", "--output", str(tmp_path / "site")]
    assert command.main(words) == 0
    assert "1 table and 157 runs written, 0 pages as before" in capsys.readouterr().out


def test_the_command_says_that_a_store_has_nothing(tmp_path, capsys):
    words = ["noisytune/figure5", f"store={tmp_path / 'none'}", "--output", str(tmp_path / "site")]
    assert command.main(words) == 0
    said = f"store={tmp_path / 'none'} has no run: the pages show the papers' numbers alone"
    assert said in capsys.readouterr().err


def test_a_gain_of_runs_that_were_lost_says_so_wherever_it_is_shown(make, record_of, tmp_path):
    store = Store(tmp_path / "store")
    store.open()
    planned = grid.load("demo/noisytune")
    for run in planned.runs:
        collapsed = ["validation"] if not run.config.method and run.config.seed == 1 else []
        scores = {"validation": dict.fromkeys(run.config.task.metrics, 0.3 if collapsed else 0.7)}
        store.add(record_of(run.config, scores, collapsed=collapsed), {"losses": np.zeros(1)})
    make(store, tmp_path / "site", ["demo/noisytune"])
    said = "(collapsed 0 runs, plain fine-tuning 3)"
    for page in ("index.html", "methods/noisytune.html"):
        assert said in (tmp_path / "site" / page).read_text()
    assert (
        f"{said}; without collapses +0.00" in (tmp_path / "site" / "methods" / "noisytune.html").read_text()
    )


def test_what_we_found_has_its_figure_within_and_leads_to_the_campaigns_pages(built):
    text = (built / "reference" / "README.html").read_text()
    assert '<figure><div class="wide" role="region" tabindex="0" aria-label="Differences to plain' in text
    assert "<svg" in text
    assert 'href="strength.html"' in text
    assert 'href="statistics.html"' in text
    assert (built / "reference" / "strength.html").is_file()


@pytest.mark.parametrize(
    "inner",
    [
        "<script>window.pwned=1</script>",
        '<circle onload="window.pwned=1"/>',
        '<a href="javascript:pwned">x</a>',
        '<image href="http://x.example/y"/>',
        '<rect style="fill:url(http://x.example)"/>',
    ],
)
def test_a_figure_that_is_none_of_ours_is_an_image_in_which_nothing_can_act(inner, tmp_path):
    (tmp_path / "ours.svg").write_text('<svg><title>x</title><text x="1">a</text></svg>')
    (tmp_path / "foreign.svg").write_text(f"<svg>{inner}</svg>")
    source = tmp_path / "README.md"
    source.write_text(
        "# Found\n\nScope.\n\n## One\n\n![a](ours.svg)\n\n## Two\n\n![b](foreign.svg)\n\n## Rest\n"
    )
    scope, one, two = documents.findings([documents.Document("x", documents.FOUND, source)])
    assert scope == "<p>Scope.</p>\n"
    assert '<text x="1">a</text>' in one
    assert 'src="data:image/svg+xml;base64,' in two
    assert inner not in two
    assert documents.findings([]) == []
