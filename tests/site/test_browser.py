"""The site in a real browser, opened from disk: every kind of page, wide and narrow, light and dark, on paper."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from helpers import browser as browsers
from helpers.browser import Watched
from helpers.records import ID

LARGE, LONG = "tables/noisytune-figure2.html", "reference/speed.html"
KINDS = [
    "index.html",
    "claims.html",
    "tables/demo-noisytune.html",
    LARGE,
    "tables/noisytune-figure5.html",
    "tables/noisytune-table1.html",
    "methods.html",
    "methods/noisytune.html",
    "runs.html",
    f"runs/{ID}.html",
    "failed.html",
    "compare.html",
    LONG,
    "reference/README.html",
    "reference/strength.html",
]
LOOKS = ["claims.html", "tables/demo-noisytune.html", "methods/noisytune.html", f"runs/{ID}.html"]
VIEWS = {"wide and light": (1280, "light"), "narrow and dark": (390, "dark")}
# axe looks at every element: of a kind that a small page has as well, it is not asked; a look changes colours and sizes.
CHECKED = {"wide and light": [path for path in KINDS if path not in (LARGE, LONG)], "narrow and dark": LOOKS}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    yield from browsers.started()


@pytest.fixture(scope="module")
def wide(browser: Any) -> Iterator[Watched]:
    watched = Watched(browser, accept_downloads=True)
    yield watched
    assert watched.wrongs == []


@pytest.mark.parametrize("view", VIEWS)
def test_every_kind_of_page_fits_says_nothing_and_asks_the_network_for_nothing(browser, built, view):
    width, scheme = VIEWS[view]
    watched = Watched(browser, width, color_scheme=scheme)
    backgrounds = set()
    for path in KINDS:
        page = watched.open(built / path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        assert page.evaluate("window.pwned") is None
        assert page.locator("h1").count() == page.locator("main").count() == 1
        backgrounds.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert backgrounds == {"rgb(255, 255, 255)" if scheme == "light" else "rgb(21, 23, 27)"}
    assert watched.wrongs == []
    watched.context.close()


@pytest.mark.parametrize("view", VIEWS)
def test_no_rule_of_accessibility_is_broken(browser, built, view):
    width, scheme = VIEWS[view]
    source = browsers.axe()
    watched = Watched(browser, width, color_scheme=scheme, bypass_csp=True)
    for path in CHECKED[view]:
        watched.open(built / path)
        assert watched.violations(source) == [], path
    watched.context.close()


def test_figures_of_findings_have_the_colours_of_the_page_and_text_to_select(browser, built):
    for path in ("index.html", "reference/README.html", "reference/strength.html"):
        page = Watched(browser, 390, color_scheme="dark").open(built / path)
        text = page.locator("figure svg text").first
        assert text.evaluate("text => getComputedStyle(text).fill") == "rgb(227, 229, 232)", path
        page.context.close()
    page = Watched(browser).open(built / "index.html")
    figure, words = (page.locator(f".finding {part}").first.bounding_box() for part in ("figure", "ul"))
    assert figure["y"] + figure["height"] < 900, "a finding is on the first screen"
    assert words["x"] > figure["x"] + figure["width"]
    page.locator(".finding h3 a").first.click()
    assert page.url.endswith("reference/strength.html")


def test_a_wide_window_holds_the_ledger(wide, built):
    page = wide.open(built / "claims.html")
    assert page.locator(".wide").first.evaluate("region => region.scrollWidth - region.clientWidth") == 0


def shown(page: Any, table: str, column: int) -> list[str]:
    """The texts of a column in the rows that are shown."""
    found: list[str] = page.locator(
        f"#{table} tbody tr:not([hidden]) > :nth-child({column})"
    ).all_inner_texts()
    return found


def test_a_table_is_sorted_and_filtered_and_its_address_says_so(wide, built):
    page = wide.open(built / "tables/demo-noisytune.html")
    page.get_by_role("button", name="Score").first.click()
    first = [float(text.strip("* ").split()[0]) for text in shown(page, "measured", 4)]
    assert first == sorted(first)
    page.get_by_role("button", name="Score").first.click()
    assert page.locator("#measured th[aria-sort=descending]").count() == 1
    page.get_by_label("Column").select_option("Opinion")
    page.get_by_label("Filter").fill("noisytune")
    assert shown(page, "measured", 3) == ["Opinion"]
    address = page.url
    assert all(part in address for part in ("sort=3-", "task=Opinion", "q=noisytune"))
    page.goto("about:blank")
    page.goto(address)
    assert shown(page, "measured", 3) == ["Opinion"]
    assert page.locator("#measured th[aria-sort=descending]").count() == 1
    assert page.get_by_role("status").inner_text() == "1 of 8 rows"


def test_a_count_of_the_overview_leads_to_its_claims(wide, built):
    page = wide.open(built / "index.html")
    row = page.locator("#content table").first.locator("tbody tr").first
    link = row.locator("td a").first
    number = int(link.inner_text())
    link.click()
    assert page.url.split("#")[0].endswith("claims.html")
    assert len(shown(page, "claims", 1)) == number
    page.get_by_label("Method").select_option("noisytune")
    assert 0 < len(shown(page, "claims", 1)) <= number


def test_the_failures_of_a_table_are_a_link_away(wide, built):
    page = wide.open(built / LARGE)
    page.get_by_role("link", name="which, and why").click()
    assert page.url.split("#")[1] == "table=noisytune/figure2"
    assert page.get_by_label("Table").input_value() == "noisytune/figure2"
    assert shown(page, "failed", 2) == ["failed"]


def test_a_cell_leads_to_its_runs_by_the_keyboard_alone(wide, built):
    page = wide.open(built / "tables/demo-noisytune.html")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    button = page.locator("button.seeds").first
    button.focus()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")
    seeds = page.locator(".popover:popover-open")
    assert seeds.locator("tbody tr").count() == 5
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/runs/*.html")
    assert "python -m benchmark" in page.locator("pre.command").inner_text()


def test_seeds_are_shown_under_a_pointer_and_go_with_escape(wide, built):
    page = wide.open(built / "tables/demo-noisytune.html")
    page.locator("button.seeds").first.hover()
    page.wait_for_selector(".popover:popover-open")
    page.keyboard.press("Escape")
    assert page.locator(".popover:popover-open").count() == 0


def test_a_view_is_downloaded_as_csv_without_formulas(wide, built):
    page = wide.open(built / "tables/demo-noisytune.html", "q=noisytune")
    with page.expect_download() as waiting:
        page.get_by_role("button", name="CSV of this view").click()
    header, *rows = csv.reader(io.StringIO(Path(waiting.value.path()).read_text()))
    assert header[:3] == ["Model", "Method", "Column"]
    assert len(rows) == 4
    assert rows[0][:3] == ["Embedded", "noisytune", "Opinion"]
    page.evaluate("document.querySelector('#measured tbody td').textContent = '=HYPERLINK(1)'")
    page.get_by_label("Filter").fill("")
    with page.expect_download() as waiting:
        page.get_by_role("button", name="CSV of this view").click()
    assert "'=HYPERLINK(1)" in Path(waiting.value.path()).read_text()


def test_two_methods_are_compared_where_one_table_has_both(wide, built):
    page = wide.open(built / "compare.html")
    assert len(shown(page, "compared", 1)) > 0  # of the first two that can be compared
    page.get_by_label("First").select_option("noisytune")
    page.get_by_label("Second").select_option("noisytune_gaussian")
    assert set(shown(page, "compared", 1)) == {"NoisyTune, Figure 2: kinds of noise on GLUE"}
    assert "b=noisytune_gaussian" in page.url
    text = page.get_by_role("status").inner_text()
    assert text.startswith("noisytune has the higher mean in ")
    page.reload()
    assert page.get_by_role("status").inner_text() == text
    page.locator("#compared tbody a").first.click()
    assert page.url.endswith("tables/noisytune-figure2.html")


def test_a_page_is_whole_without_its_script_and_on_paper(browser, built):
    without = Watched(browser, java_script_enabled=False)
    page = without.open(built / "tables/demo-noisytune.html")
    assert page.locator("#measured > tbody > tr").count() == 8
    assert not page.locator("form.filters").first.is_visible()
    watched = Watched(browser)
    page = watched.open(built / "tables/demo-noisytune.html")
    page.emulate_media(media="print")
    assert not page.locator("header nav").is_visible()
    assert not page.locator("form.filters").first.is_visible()
    assert page.locator("#measured > tbody > tr").first.is_visible()
    assert page.pdf()[:4] == b"%PDF"
    assert watched.wrongs == without.wrongs == []
    watched.context.close()
    without.context.close()
