"""`make fuzz N=…`: many tries of every generator, with the faults that were seen."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections import Counter
from pathlib import Path

SCRATCH = tempfile.TemporaryDirectory(prefix="benchmark-fuzz-")
# The Hugging Face libraries read these when they are imported.
os.environ |= {
    "HF_HUB_OFFLINE": "1",
    "HF_HOME": f"{SCRATCH.name}/hub",
    "HF_DATASETS_CACHE": f"{SCRATCH.name}/datasets",
    "TOKENIZERS_PARALLELISM": "false",
    "OMP_NUM_THREADS": "1",
    "WANDB_MODE": "disabled",
}

from benchmark.printable import printable  # noqa: E402
from benchmark.progress import RunProgress  # noqa: E402
from helpers.fuzz import configurations, data_folders, model_folders  # noqa: E402
from helpers.fuzz.tries import Fault, judged, quiet  # noqa: E402

GENERATORS = {"configurations": configurations, "data": data_folders, "models": model_folders}


def main() -> int:
    """Run the command and return 1 if there was a fault."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--tries", type=int, default=2000, help="of each generator (2000)")
    parser.add_argument("--only", choices=GENERATORS, help="one generator alone")
    parser.add_argument("--first", type=int, default=0, help="the number of the first try, to repeat one (0)")
    parser.add_argument("--told", action="store_true", help="show what became of every try")
    options = parser.parse_args()
    quiet()
    chosen = {name: made for name, made in GENERATORS.items() if options.only in (None, name)}
    faults = 0
    for name, generator in chosen.items():
        folder = Path(SCRATCH.name) / name
        folder.mkdir()
        generator.prepare(folder)
        progress, ends = RunProgress(), Counter[str]()
        for number in range(options.first, options.first + options.tries):
            this = generator.make(number, folder)
            try:
                end, line = judged(this)
            except Fault as fault:
                end, line = "fault", str(fault)
                print(printable(f"{name} {number}: {this.said[:1500]}"), f"    {fault}", sep="\n", flush=True)
            if options.told and end != "fault":
                print(printable(f"{name} {number}: {this.said[:600]}\n    {end} {line}"), flush=True)
            ends[end] += 1
            progress(f"tries of {name}, {ends['fault']} faults", number - options.first + 1, options.tries)
        progress.line.close()
        faults += ends["fault"]
        print(f"{name}: {options.tries} tries, " + ", ".join(f"{count} {end}" for end, count in ends.items()))
    return int(faults > 0)


if __name__ == "__main__":
    sys.exit(main())
