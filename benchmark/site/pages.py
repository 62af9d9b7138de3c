"""Pages from templates: every text is escaped and shown literally, on one line."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from benchmark.printable import printable
from benchmark.report.figures.drawing import signed
from benchmark.report.page import FIGURE_STYLE

HERE = Path(__file__).parent
TEMPLATES, ASSETS = HERE / "templates", HERE / "assets"
MINUS = re.compile(r"(?<![\w−-])-(?=\.?\d)")
CODE = re.compile(r"`{1,2}([^`]+)`{1,2}")
MOST_ROWS = 2000  # rows of a table in one page: more make a browser slow
NAVIGATION = {
    "index.html": "Overview",
    "claims.html": "Claims",
    "methods.html": "Methods",
    "compare.html": "Compare",
    "runs.html": "Runs",
    "failed.html": "Failures",
}


@dataclass(frozen=True)
class Site:
    """The folder of a site, in which pages are written."""

    folder: Path

    def write(self, path: str, template: str, **values: Any) -> None:
        """Write the page at ``path`` within the site."""
        place = self.folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        root = "../" * path.count("/")
        text = environment().get_template(template).render(path=path, root=root, **values)
        place.write_text(text, encoding="utf-8")

    def write_assets(self) -> list[str]:
        """Write the style and the script that all pages share; their paths."""
        folder = self.folder / "assets"
        folder.mkdir(parents=True, exist_ok=True)
        for source in ASSETS.iterdir():
            text = source.read_text(encoding="utf-8")
            text += FIGURE_STYLE if source.suffix == ".css" else ""
            (folder / source.name).write_text(text, encoding="utf-8")
        return [f"assets/{source.name}" for source in ASSETS.iterdir()]


@cache
def environment() -> Environment:
    """The templates, with the functions that they may call."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        finalize=shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals |= {"navigation": NAVIGATION}
    made.filters |= {"slug": slug, "prose": prose, "signed": _signed, "minus": minus, "breakable": breakable}
    return made


def shown(value: Any) -> Any:
    """A value as a page shows it: text without control characters; markup stays."""
    return printable(value) if type(value) is str else value


def prose(text: str) -> Markup:
    """A paragraph of a docstring, with text in backticks as code."""
    return Markup(CODE.sub(r"<code>\1</code>", str(escape(printable(text)))))


def minus(text: str) -> str:
    """``text`` with typographic minus signs before its numbers."""
    return MINUS.sub("−", text)


def breakable(text: Any) -> Markup:
    """``text`` with places for a line to end, after points, strokes and underscores."""
    return Markup(re.sub(r"(?<=[._/])(?=\w)", "<wbr>", str(escape(printable(str(text))))))


def _signed(value: float) -> str:
    return signed(value) if value == value else "–"


def slug(text: str) -> str:
    """``text`` as a part of a file's name or of an address."""
    return re.sub(r"[^A-Za-z0-9_.=,-]+", "-", text).strip("-.") or "x"
