"""`python -m benchmark.tasks new NAME --data FOLDER`: a task's file for your own data."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from benchmark.command import carried_out, plain_parser
from benchmark.config.schema import CONFIG
from benchmark.places import ROOT, in_home
from benchmark.progress import IMPORTING, shown

DESCRIPTION = """\
Look at the columns of a data set, guess the task, and write its file. Nothing is trained.

  python -m benchmark.tasks new reviews --data data/reviews
  python -m benchmark.tasks new stance --data tweets --text tweet,topic --target stance

FOLDER has a file for each split, such as train.csv and dev.csv; it may be a repository in the hub's cache.
"""


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status."""
    parser = plain_parser("benchmark.tasks", DESCRIPTION)
    parser.add_argument("action", choices=["new"], help="write the file of a task")
    parser.add_argument("name", metavar="NAME", help="the task's name")
    parser.add_argument("--data", metavar="FOLDER", required=True, help="a folder, or OWNER/NAME on the hub")
    parser.add_argument("--config", default=CONFIG, help="the data set's configuration, if it has several")
    parser.add_argument("--train", metavar="SPLIT", help="the split to train on, if there are several")
    parser.add_argument("--text", default="", metavar="A[,B]", help="the text column, or the two of a pair")
    parser.add_argument("--target", help="the column to predict")
    parser.add_argument(
        "--conf", type=in_home, default=Path("conf"), help="your folder of configuration files"
    )
    options = parser.parse_args(arguments)
    return carried_out(lambda: new(options))


def new(options: argparse.Namespace) -> int:
    """Write the file of a task, and say what was guessed."""
    text = [name.strip() for name in options.text.split(",") if name.strip()]
    with shown() as tell:
        tell(IMPORTING, 0, 0)
        from datasets import disable_progress_bars  # slow to import, and --help needs none

        from benchmark.tasks.new import write

        disable_progress_bars()
        tell("looking at the data", 0, 0)
        path, lines = write(
            options.name, options.data, options.conf, options.config, text, options.target, options.train
        )
    print(f"wrote {path}", *lines, sep="\n  ")
    conf = options.conf.absolute()
    search = [] if conf == ROOT / "conf" else [f"hydra.searchpath=[file://{conf}]"]
    command = shlex.join(["python", "-m", "benchmark", *search, f"task={options.name}"])
    print(
        f"see that it runs, on the embedded encoder:  {command}",
        f"and on a pretrained one:  {command} model=minilm",
        sep="\n",
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
