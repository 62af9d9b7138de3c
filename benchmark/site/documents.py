"""Pages of hand-written documents: how to read a report, and `results/reference/` with its figures."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt
from markupsafe import Markup

from benchmark.places import ROOT
from benchmark.site.pages import Site

RESULTS = ROOT / "results"
FOUND = "reference/README.html"  # the page of the project's findings
SECTION = re.compile(r"^## ", re.MULTILINE)
FIGURE = re.compile(r'<p><img src="([^":]+\.svg)" alt="([^"]*)" ?/?></p>')
# Elements that our own figures never have; a figure with them is shown as an image, in which no script can
# run.
FOREIGN = re.compile(
    r"<(?!/?(svg|title|g|line|text|circle|polygon|path)\b)|\son\w+\s*=|href|style\s*=", re.IGNORECASE
)
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
    reader = _reader()
    for document in documents:
        body = _led(reader.render(_text(document)), document, documents, document.path).replace(
            "<table>", '<div class="wide" role="region" tabindex="0"><table>'
        )
        site.write(
            document.path,
            "document.html",
            document=document,
            body=Markup(body.replace("</table>", "</table></div>").replace("<th>", '<th scope="col">')),
            figures=[
                Markup(_figure(path, f"Figure {path.stem} of {document.title}"))
                for path in sorted(document.source.parent.glob("*.svg"))
            ],
            others=documents,
        )


def findings(documents: Sequence[Document]) -> list[Markup]:
    """The findings of the project, for the overview: their scope, and each section that has a figure."""
    document = next((document for document in documents if document.path == FOUND), None)
    if document is None:
        return []
    scope, *sections = SECTION.split(_text(document))
    texts = [scope.partition("\n")[2], *(f"### {text}" for text in sections if "![" in text)]
    return [Markup(_led(_reader().render(text), document, documents, "index.html")) for text in texts]


def _reader() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False}).enable("table")


def _text(document: Document) -> str:
    return document.source.read_text(encoding="utf-8")[:LONGEST]


def _led(body: str, document: Document, documents: Sequence[Document], page: str) -> str:
    """HTML of a document on ``page`` with its figures, and links to the pages of other documents."""
    folder = document.source.parent
    for other in documents:
        place = os.path.relpath(other.source, folder)
        body = body.replace(f'href="{place}"', f'href="{os.path.relpath(other.path, Path(page).parent)}"')
    return FIGURE.sub(lambda found: _figure(folder / found[1], found[2]), body)


def _found() -> Iterator[Document]:
    readme = RESULTS / "README.md"
    if readme.is_file():
        yield Document("How to read the results", "reading.html", readme)
    folder = RESULTS / "reference"
    for path in sorted([*folder.glob("*.md"), *folder.rglob("table.md")]):
        name = path.parent.name if path.name == "table.md" else path.stem
        title = "Tables we measured" if name == "README" else name
        yield Document(title, f"reference/{name}.html", path)


def _figure(path: Path, words: str) -> str:
    """A figure with selectable text and the colours of the page, if it is one of ours; otherwise an image.

    ``words`` are HTML.
    """
    if not path.is_file():
        return f"<p>{words}</p>"
    drawn = path.read_text(encoding="utf-8", errors="replace")
    if FOREIGN.search(drawn):
        address = f"data:image/svg+xml;base64,{base64.b64encode(path.read_bytes()).decode()}"
        drawn = f'<img class="paper" src="{address}" alt="{words}">'
    return f'<figure><div class="wide" role="region" tabindex="0" aria-label="{words}">{drawn}</div></figure>'
