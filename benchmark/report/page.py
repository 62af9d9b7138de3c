"""A report as one self-contained HTML page: light and dark, for screens, phones and paper."""

from __future__ import annotations

import html
from collections.abc import Sequence

from benchmark.printable import printable
from benchmark.report.build import Report
from benchmark.report.judge import Verdict
from benchmark.report.sections import Section
from benchmark.report.statements import CLAIMS, statement

WHOLE = 40  # letters: shorter cells are never broken into lines, so that numbers stay whole
# The colours of figures follow the page: matplotlib's black becomes the colour of text.
FIGURE_STYLE = """\
figure{margin:1.5rem 0;overflow-x:auto}figure svg{display:block}@media print{figure svg{max-width:100%;height:auto}}
figure svg :is([style*="stroke: #000000"],[style*="stroke: #333333"]){stroke:currentColor!important}
figure svg path[style="fill: #ffffff"],figure svg [style^="fill: #ffffff; stroke: #000000"]{fill:none!important}
@media (prefers-color-scheme:dark){
figure svg .blue:not(circle,polygon){stroke:#5ab0e6}figure svg circle.blue{fill:#5ab0e6}
figure svg .red:not(circle){stroke:#ff9b57}figure svg :is(circle,polygon).red:not(.open){fill:#ff9b57}
figure svg .green:not(circle){stroke:#3fc79a}figure svg circle.green{fill:#3fc79a}}"""
STYLE = f"""\
:root{{color-scheme:light dark;--ink:#1d1f23;--soft:#55595f;--line:#c9ccd1;--band:#f5f6f7;--paper:#fff}}
@media (prefers-color-scheme:dark){{:root{{--ink:#e4e6e9;--soft:#a8adb5;--line:#454a52;--band:#1f2328;--paper:#16181c}}}}
body{{font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;color:var(--ink);background:var(--paper);margin:0}}
main{{max-width:76rem;margin:2rem auto;padding:0 1rem}}h1{{font-size:1.5rem;line-height:1.25}}
h2{{font-size:1.05rem;margin:1.8rem 0 .3rem}}.wide{{overflow-x:auto;margin:.4rem 0 1.2rem}}
table{{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:.93rem}}
th,td{{padding:.28rem .7rem;text-align:right;vertical-align:top;white-space:nowrap}}th{{font-weight:600}}tbody th{{font-weight:400}}
.name{{text-align:left}}.long{{white-space:normal;text-align:left;min-width:18rem}}
thead th{{border-bottom:2px solid var(--line);vertical-align:bottom}}tbody tr:nth-child(even){{background:var(--band)}}
.notes{{color:var(--soft);padding-left:1.2rem}}li{{margin:.25rem 0;overflow-wrap:anywhere}}
{FIGURE_STYLE}
@media print{{body{{font-size:10pt}}.wide,figure{{overflow:visible}}tr,figure{{break-inside:avoid}}}}"""


def page(report: Report, figures: Sequence[str]) -> str:
    """A page that stands alone: tables, verdicts, notes and the figures as SVG."""
    title = _html(report.title)
    body = "\n".join(_section(section, report.columns) for section in report.sections)
    head = "".join(f"<p>{_html(sentence)}</p>\n" for sentence in report.preface)
    notes = "".join(f"<li>{_html(note)}</li>" for note in report.notes)
    by_language = "\n".join(_section(section, report.columns) for section in report.by_language)
    drawn = "\n".join(f"<figure>{svg}</figure>" for svg in figures)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>\n'
        f'<meta name="viewport" content="width=device-width,initial-scale=1">\n'
        f"<style>{STYLE}</style></head><body><main>\n<h1>{title}</h1>\n{head}{body}\n"
        f"{_verdicts(report.verdicts)}\n{drawn}\n"
        f'<ul class="notes">{notes}</ul>\n{by_language}</main></body></html>\n'
    )


def _section(section: Section, columns: Sequence[str]) -> str:
    names = len(section.header)
    header = "".join(
        f'<th scope="col"{_class(text, number < names)}>{_html(text)}</th>'
        for number, text in enumerate((*section.header, *(section.columns or columns)))
    )
    rows = "\n".join(
        "<tr>" + "".join(_cell(text, number, names) for number, text in enumerate(row)) + "</tr>"
        for row in section.rows
    )
    # A scrolling region must be reachable with the keyboard, and must have a label.
    return (
        f'<h2>{_html(section.title)}</h2>\n<div class="wide" role="region" tabindex="0" '
        f'aria-label="{_html(section.title)}"><table><thead><tr>{header}</tr></thead>\n<tbody>{rows}</tbody></table></div>'
    )


def _cell(text: str, number: int, names: int) -> str:
    attributes = _class(text, number < names)
    if number < names:
        return f'<th scope="row"{attributes}>{_html(text)}</th>'
    return f"<td{attributes}>{_html(text)}</td>"


def _class(text: str, is_name: bool) -> str:
    names = [name for name, has in (("name", is_name), ("long", len(text) > WHOLE)) if has]
    return f' class="{" ".join(names)}"' if names else ""


def _verdicts(verdicts: Sequence[Verdict]) -> str:
    if not verdicts:
        return ""
    return f"<h2>{_html(CLAIMS)}</h2>\n{_list(verdicts)}"


def _list(verdicts: Sequence[Verdict]) -> str:
    if not verdicts:
        return ""
    items = (statement(judged, "<b>{}</b>".format, _html) + _list(judged.controls) for judged in verdicts)
    return f"<ul>{''.join(f'<li>{item}</li>' for item in items)}</ul>"


def _html(text: str) -> str:
    return html.escape(printable(text))
