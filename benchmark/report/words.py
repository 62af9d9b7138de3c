"""The words of verdicts, and the recipe that they speak of.

*Reproduced* and *contradicted* are for the grid that a sweep declares. On other models, data or recipes a claim
*holds here* or *fails here*.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

REPRODUCED, CONTRADICTED = "reproduced", "contradicted"
HOLDS_HERE, FAILS_HERE = "holds here", "fails here"
UNDECIDED, NOT_MEASURED, NOT_DECLARED = "undecided", "not measured", "not declared"
UNTESTABLE = "cannot be tested here"
#: In place of a word for sentences like these.
PREDICTIONS_MISSING, SEEDS_ALONE = "predictions missing", "of seeds alone"

HERE = {REPRODUCED: HOLDS_HERE, CONTRADICTED: FAILS_HERE}
ON_THIS_SET, FOR_SENTENCES = "on this evaluation set", "for sentences like these"


def worded(word: str, changed: bool) -> str:
    """The word of a verdict, on a recipe that was ``changed`` or not."""
    return HERE.get(word, word) if changed else word


def reason(changed: Mapping[str, Sequence[str]]) -> str:
    """The sentence at the head of a report whose recipe was ``changed``."""
    changes = ", ".join(f"{key}={','.join(values)}" for key, values in changed.items())
    return (
        f"Claims hold here or fail here, and none is reproduced or contradicted: these runs are not the declared "
        f"ones ({changes})."
    )
