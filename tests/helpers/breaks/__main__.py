"""`make breaks`: every break of the list, one at a time in a copy, and the first test that notices it."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

SCRATCH = tempfile.TemporaryDirectory(prefix="benchmark-breaks-")
# The Hugging Face libraries read these when they are imported, which is once for all trials.
os.environ |= {
    "HF_HUB_OFFLINE": "1",
    "HF_HOME": f"{SCRATCH.name}/hub",
    "TOKENIZERS_PARALLELISM": "false",
    "OMP_NUM_THREADS": "1",
}

from helpers.breaks.listed import Break, Part, parts  # noqa: E402
from helpers.breaks.trial import copied, noticing, tried  # noqa: E402

REFERENCE, OTHER, NONE, FAULT = "by reference values", "by other tests", "NOT NOTICED", "NOT TRIED"


def main() -> int:
    """Run the command and return 1 if something is not noticed."""
    whole = {part.name: part for part in parts()}
    parser = argparse.ArgumentParser(prog="make breaks", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(whole)} (all)")
    asked = parser.parse_args().parts
    if unknown := [name for name in asked if name not in whole]:
        parser.error(f"{', '.join(unknown)}: no such part of the list; valid: {', '.join(whole)}")
    project = copied(Path(SCRATCH.name))
    counts = {name: of_part(part, project) for name, part in whole.items() if name in (asked or whole)}
    print()
    for name, ends in counts.items():
        print(line(name, ends))
    ends = [end for found in counts.values() for end in found]
    print(line("all", ends))
    return int(NONE in ends or FAULT in ends)


def of_part(part: Part, project: Path) -> list[str]:
    """Try every break of a part, and say what became of it. Returns the outcomes."""
    print(f"{part.name}: {', '.join(part.tests)}", flush=True)
    if test := noticing(project, part.tests).test:
        print(f"  {test} fails without any break", flush=True)
        return [FAULT] * len(part.breaks)
    return [of_break(broken, part, project) for broken in part.breaks]


def of_break(broken: Break, part: Part, project: Path) -> str:
    try:
        watcher = tried(project, broken, part.tests)
    except ValueError as error:
        end, test = FAULT, str(error)
    else:
        end = NONE if not watcher.test else REFERENCE if watcher.by_reference else OTHER
        test = watcher.test.removeprefix("tests/")
    print(f"  {end}: {broken.what}{test and f' ({test})'}", flush=True)
    return end


def line(name: str, ends: list[str]) -> str:
    """The counts of a part's outcomes."""
    counts = [f"{ends.count(end)} {end}" for end in (REFERENCE, OTHER, NONE, FAULT) if end in ends]
    return f"{name}: {len(ends)} = {' + '.join(counts)}"


if __name__ == "__main__":
    sys.exit(main())
