"""Pages of what people wrote: how to read a report, and the tables of `results/reference/` with their figures."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt
from markupsafe import Markup

from benchmark.places import ROOT
from benchmark.site.pages import Site

RESULTS = ROOT / "results"
LONGEST = 1_000_000  # bytes of a document: a page of the site stays below 2 MB


@dataclass(frozen=True)
class Document:
    """A Markdown file with the page that shows it."""

    title: str
    path: str
    source: Path


def every() -> list[Document]:
    """The documents of `results/`; none in an installed package, which has none."""
    return [*_found()]


def write(site: Site, documents: list[Document]) -> None:
    """Write the page of every document; HTML in them is text."""
    reader = MarkdownIt("commonmark", {"html": False}).enable("table")
    for document in documents:
        text = document.source.read_text(encoding="utf-8")[:LONGEST]
        body = _led(reader.render(text), document, documents).replace(
            "<table>", '<div class="wide" role="region" tabindex="0"><table>'
        )
        site.write(
            document.path,
            "document.html",
            document=document,
            body=Markup(body.replace("</table>", "</table></div>").replace("<th>", '<th scope="col">')),
            figures=[(path.stem, _embedded(path)) for path in sorted(document.source.parent.glob("*.svg"))],
            others=documents,
        )


def _led(body: str, document: Document, documents: list[Document]) -> str:
    """HTML whose links lead to the pages of other documents, and which has its figures within."""
    for other in documents:
        place = os.path.relpath(other.source, document.source.parent)
        page = os.path.relpath(other.path, Path(document.path).parent)
        body = body.replace(f'href="{place}"', f'href="{page}"')
    for place in re.findall(r'src="([^":]+\.svg)"', body):
        path = document.source.parent / place
        if path.is_file():
            body = body.replace(f'src="{place}"', f'src="{_embedded(path)}"')
    return body


def _found() -> Iterator[Document]:
    readme = RESULTS / "README.md"
    if readme.is_file():
        yield Document("How to read the results", "reading.html", readme)
    folder = RESULTS / "reference"
    for path in sorted([*folder.glob("*.md"), *folder.rglob("table.md")]):
        name = path.parent.name if path.name == "table.md" else path.stem
        title = "Tables we measured" if name == "README" else name
        yield Document(title, f"reference/{name}.html", path)


def _embedded(path: Path) -> str:
    """A figure as the address of an image: nothing in it can act."""
    return f"data:image/svg+xml;base64,{base64.b64encode(path.read_bytes()).decode()}"
