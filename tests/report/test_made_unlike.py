"""A report says which arms were made on another machine, in another precision, or with other code or versions."""

from __future__ import annotations

from typing import Any

import pytest

from benchmark.config.schema import RunConfig
from helpers.claims import reported, table
from helpers.records import RECORD

STAMP = RECORD.environment | {"code": {"commit": "0123456789abcdef", "dirty": False}}
ELSEWHERE: dict[str, Any] = {
    "device": "NVIDIA H100",
    "device_type": "cuda",
    "threads": None,
    "precision": "bfloat16",
    "packages": STAMP["packages"] | {"torch": "2.13.0"},
    "code": {"commit": "f" * 16, "dirty": True},
}
CLAIM = {"better": {"method": ["noisytune"]}, "than": {"method": []}}


@pytest.fixture
def unlike(record_of):
    """``unlike(elsewhere, stamp, …)``: the note on runs for which ``elsewhere`` is true; '' without one."""

    def of(elsewhere: Any, stamp: dict[str, Any] = ELSEWHERE, **declared: Any) -> str:
        def changes(config: RunConfig) -> dict[str, Any]:
            return {"environment": STAMP | (stamp if elsewhere(config) else {})}

        report = reported(table([CLAIM], **declared), record_of, lambda c: 70.0 + c.seed, changes=changes)
        return " ".join(note for note in report.notes if "Not made alike" in note)

    return of


def test_an_arm_made_elsewhere_is_named_with_what_differs(unlike):
    assert unlike(lambda c: c.method) == (
        "Not made alike: noisytune against plain fine-tuning (machine NVIDIA H100 / a processor, precision bfloat16 / "
        "float32, torch 2.13.0 / 2.0.0, code ffffffffffff + changes / 0123456789ab): a difference may come from that."
    )
    assert "(code ffffffffffff / 0123456789ab)" in unlike(
        lambda c: c.method, {"code": {"commit": "f" * 16, "dirty": False}}
    )


def test_machines_that_both_sides_share_seed_by_seed_are_not_named(unlike):
    assert not unlike(lambda c: c.seed > 2)
    assert not unlike(lambda c: c.method and c.seed == 1)  # one pair of five
    assert "noisytune against" in unlike(lambda c: c.method and c.seed > 2)


def test_arms_of_the_same_facts_are_one_note(unlike):
    methods = ("[]", "[noisytune]", "[hype_n]", "[lnsr]", "[rdrop]")
    note = unlike(lambda c: c.method and c.method.keys() != {"rdrop"}, methods=methods, seeds=2)
    assert note.startswith("Not made alike: noisytune, hype_n, lnsr against plain fine-tuning (machine")
    assert "and 1 more against" in unlike(lambda c: c.method, methods=methods, seeds=2)


def test_an_arm_has_a_rival_of_its_own_variant(unlike):
    layout = {"kind": "lines", "x": "data.share", "x_without": 1.0}
    shares = {"shares": ("0.1", "null"), "layout": layout}
    assert (
        unlike(lambda c: c.data.share == 0.1, **shares).count("Not made alike") == 1
    )  # the variants' plain runs
    assert "Not made alike: data.share=0.1 noisytune against data.share=0.1 plain fine-tuning (" in unlike(
        lambda c: c.method and c.data.share == 0.1, **shares
    )


def test_without_plain_fine_tuning_the_first_arm_is_the_rival(record_of, unlike):
    claim = {"better": {"method": ["hype_n"]}, "than": {"method": ["noisytune"]}}
    planned = table([claim], methods=("[noisytune]", "[hype_n]"))

    def changes(config: RunConfig) -> dict[str, Any]:
        return {"environment": STAMP | (ELSEWHERE if "hype_n" in config.method else {})}

    notes = reported(planned, record_of, lambda c: 70.0, changes=changes).notes
    [note] = [note for note in notes if "Not made alike" in note]
    assert note.startswith("Not made alike: hype_n against noisytune (")
