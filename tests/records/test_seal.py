"""A seal holds for the text that was sealed and for no other."""

from __future__ import annotations

import json

from benchmark.records.seal import holds, sealed

CONTENT = {"seconds": 12.5, "status": "finished", "scores": [0.25, 0.5]}


def test_a_changed_character_breaks_the_seal() -> None:
    text = sealed(CONTENT, arrays="ab" * 32)
    assert holds(text, json.loads(text))
    broken = 0
    for place, character in enumerate(text):
        changed = f"{text[:place]}{'1' if character != '1' else '2'}{text[place + 1 :]}"
        try:
            content = json.loads(changed)
        except ValueError:
            continue  # no record at all
        assert not holds(changed, content), changed
        broken += 1
    assert broken > 150  # of numbers, words and both digests


def test_a_text_without_a_seal_is_not_as_it_was_sealed() -> None:
    text = json.dumps(CONTENT)
    assert not holds(text, CONTENT)
