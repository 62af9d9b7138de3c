"""The claims of the papers: all of them are declared, each under its number."""

from __future__ import annotations

import pytest
import yaml

from benchmark.config.compose import ROOT

CLAIMS = {"lnsr": ("L", 25), "hype": ("H", 41)}  # by paper: the letter of its claims and their number


def claims(paper: str) -> list[tuple[str, dict]]:
    """The claims of a paper with the table in which each is declared."""
    tables = {
        path.stem: yaml.safe_load(path.read_text()) for path in (ROOT / "sweeps" / paper).glob("*.yaml")
    }
    return [(name, claim) for name, text in tables.items() for claim in text["table"].get("claims", ())]


@pytest.mark.parametrize("paper", CLAIMS)
def test_every_claim_of_a_paper_is_declared_under_its_number(paper):
    letter, number = CLAIMS[paper]
    assert {claim["id"] for _, claim in claims(paper)} == {f"{letter}{n}" for n in range(1, number + 1)}


@pytest.mark.parametrize("paper", CLAIMS)
def test_every_claim_of_a_paper_names_its_place(paper):
    declared = [claim for _, claim in claims(paper)]
    assert all(isinstance(claim.get("place"), str) and claim["place"] for claim in declared)
    places = [(claim["id"], claim["place"]) for claim in declared]
    assert len(places) == len(set(places))  # the parts of a claim can be told apart
