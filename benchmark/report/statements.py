"""Verdicts as text: the words of both scopes, the claim, and its controls below it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from benchmark.report.judge import Verdict
from benchmark.report.words import FOR_SENTENCES, ON_THIS_SET

CLAIMS = "What the paper claims, and what these runs say"
HEADINGS = [ON_THIS_SET.capitalize(), FOR_SENTENCES.capitalize(), "Claim", "Why"]
Marked = Callable[[str], str]


def cells(verdicts: Sequence[Verdict]) -> Iterator[list[str]]:
    """Rows of text under ``HEADINGS``; those of controls are indented."""
    for judged in verdicts:
        yield [judged.verdict, judged.sentences, judged.sentence, judged.why]
        for again in judged.controls:
            yield [again.verdict, again.sentences, f"  {_against(again)}", again.why]


def statement(judged: Verdict, strong: Marked, text: Marked) -> str:
    """One sentence per verdict; ``strong`` marks its words and ``text`` escapes the rest."""
    says = _against(judged) if judged.control else judged.sentence
    scopes = (
        f"{strong(judged.verdict)} {ON_THIS_SET}, {strong(judged.sentences)} {FOR_SENTENCES}"
        if judged.verdict != judged.sentences
        else f"{strong(judged.verdict)} {ON_THIS_SET} and {FOR_SENTENCES}"
    )
    return f"{scopes}: {text(f'{says} ({judged.why})')}"


def _against(judged: Verdict) -> str:
    return f"against the control {judged.control}"
