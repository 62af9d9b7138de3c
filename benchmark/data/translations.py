"""Translations of training sets as XTREME publishes them: `storage.googleapis.com/xtreme_translations`.

Hu et al., "XTREME" (ICML 2020). `XNLI/translate-train/en-de-translated.tsv`, and PAWSX's like it, has no line of names:
both sentences in English, both translated, and the label. `squad.translate.train.en-de.json` has SQuAD's own format.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmark.data.shared_task import check_names
from benchmark.data.text import read_text
from benchmark.errors import BenchmarkError
from benchmark.places import without_gz

PAIRS = re.compile(r"en-(?P<lang>[a-z]{2,3})-translated\.tsv")
QUESTIONS = re.compile(r"(?:squad|tydiqa)\.translate\.(?P<part>train)\.en-(?P<lang>[a-z]{2,3})\.json")
COLUMNS = ("english1", "english2", "sentence1", "sentence2", "label")
ONE_IN = (
    100  # of PAWS-X's rows, some are known to be damaged: https://www.tensorflow.org/datasets, xtreme_pawsx
)


def pairs(paths: Sequence[Path]) -> dict[str, list[Any]]:
    """The columns `COLUMNS` of a file, as text; quotation marks are letters.

    A row of another width gets empty texts and the label '', which no task maps. At most one row in `ONE_IN`
    may be so. Raises: BenchmarkError for several files, or naming the first row of another width if there are
    more.
    """
    check_names(paths, [without_gz(paths[0].name)])
    rows, wrong = [], []
    for number, line in enumerate(read_text(paths[0]).split("\n"), 1):
        if line.strip():
            fields = line.rstrip("\r").split("\t")
            fits = len(fields) == len(COLUMNS)
            rows.append(fields if fits else [""] * len(COLUMNS))
            wrong += [] if fits else [(number, len(fields))]
    if not rows:
        raise BenchmarkError(f"{paths[0]} is empty: it has no rows")
    if len(wrong) * ONE_IN > len(rows):
        number, width = wrong[0]
        raise BenchmarkError(
            f"{paths[0]}, line {number}: {width} fields, and XTREME's translations have {len(COLUMNS)} with tabs between "
            f"(two sentences in English, the two translated, the label) and no line of names"
        )
    return {name: [row[place] for row in rows] for place, name in enumerate(COLUMNS)}
