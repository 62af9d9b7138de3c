"""A real browser for tests, and axe-core, where they are installed; else tests say how to install them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmark.config.compose import ROOT

INSTALL = "apt-get install chromium, and pip install -e '.[browser]'"
FETCH_AXE = (
    "npm pack axe-core && mkdir -p .cache/axe && tar -xzf axe-core-*.tgz --strip-components=1 -C .cache/axe"
)
LEVELS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


def started() -> Iterator[Any]:
    """A running browser, which ends with the test; skips without one."""
    api = pytest.importorskip("playwright.sync_api", reason=f"no playwright: {INSTALL}")
    program = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if not program:
        pytest.skip(f"no browser: {INSTALL}")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


def axe() -> str:
    """The source of axe-core; skips without it."""
    places = [
        os.environ.get("AXE", ""),
        ROOT / ".cache/axe/axe.min.js",
        ROOT / "node_modules/axe-core/axe.min.js",
    ]
    for place in filter(None, places):
        if Path(place).is_file():
            return Path(place).read_text(encoding="utf-8")
    pytest.skip(f"no axe-core: {FETCH_AXE} (or AXE=FILE)")


class Watched:
    """A page of a browser, and what it must not do: errors, messages, and requests that are not for files."""

    def __init__(self, browser: Any, width: int = 1280, **options: Any) -> None:
        self.context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        self.page = self.context.new_page()
        self.wrongs: list[str] = []
        self.page.on("console", lambda message: self.wrongs.append(f"console: {message.text}"))
        self.page.on("pageerror", lambda error: self.wrongs.append(f"error: {error}"))
        self.page.on("request", self._asked)

    def _asked(self, request: Any) -> None:
        if not request.url.startswith(("file:", "data:", "blob:")):
            self.wrongs.append(f"request: {request.url}")

    def open(self, path: Path, view: str = "") -> Any:
        """Open a file, with a view of it after ``#``; the page."""
        self.page.goto(path.as_uri() + (f"#{view}" if view else ""))
        return self.page

    def violations(self, source: str) -> list[str]:
        """The rules of axe-core's levels A and AA that the page breaks, with the first element of each."""
        self.page.evaluate(source)
        found = self.page.evaluate("levels => axe.run(document, {runOnly: levels})", LEVELS)
        return [f"{rule['id']}: {rule['nodes'][0]['html'][:200]}" for rule in found["violations"]]
