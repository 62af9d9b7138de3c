"""Every claim of a paper is declared in its sweeps, once or in one sentence."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Any

import pytest
import yaml

from benchmark.places import ROOT

# By paper: the letter of its ids, and the number of its claims.
CLAIMS = {"noisytune": ("N", 20), "pats": ("P", 20), "lnsr": ("L", 25), "hype": ("H", 41)}


def declared(paper: str) -> list[dict[str, Any]]:
    texts = [yaml.safe_load(path.read_text()) for path in sorted((ROOT / "sweeps" / paper).glob("*.yaml"))]
    return [claim for text in texts for claim in text["table"].get("claims", ())]


@pytest.mark.parametrize("paper", CLAIMS)
def test_every_claim_of_a_paper_is_declared(paper: str) -> None:
    letter, count = CLAIMS[paper]
    parts: dict[str, set[str]] = defaultdict(set)
    for claim in declared(paper):
        name, part = re.fullmatch(r"([A-Z]\d+)([a-z]?)", claim["id"]).groups()
        parts[name].add(part)
    assert set(parts) == {f"{letter}{number}" for number in range(1, count + 1)}
    for name, letters in parts.items():  # a claim of one test has no letter, one of several has one for each
        assert sorted(letters) in ([""], list("abcdefghijklmnopqrstuvwxyz"[: len(letters)])), name
        assert letters != {"a"}, name


@pytest.mark.parametrize("paper", CLAIMS)
def test_every_claim_has_its_place_and_an_id_stands_for_one_sentence(paper: str) -> None:
    sentences: dict[str, set[str]] = defaultdict(set)
    for claim in declared(paper):
        assert claim.get("place"), claim["id"]
        sentences[claim["id"]].add(claim["says"])
    assert {id_: len(said) for id_, said in sentences.items()} == dict.fromkeys(sentences, 1)


def test_claims_of_lnsr_are_against_the_mixout_that_was_released() -> None:
    """The paper ran the code "from the repository" (appendix A); the exact gradient stands beside it."""
    rivals = [claim["than"]["method"] for claim in declared("lnsr") if "than" in claim]
    names = {name for rival in rivals for one in rival if isinstance(one, list) for name in one}
    assert "mixout_released" in names
    assert "mixout" not in names
