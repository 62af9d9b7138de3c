"""A small multilingual encoder, pretrained on XTREME's own texts in minutes on one core.

It is made for `model=xtreme_small`, or by hand with `python -m benchmark.embedded.xtreme FOLDER`.
"""

from __future__ import annotations

import sys
from pathlib import Path

from benchmark.command import carried_out, plain_parser
from benchmark.embedded.folder import built_once
from benchmark.places import in_home
from benchmark.progress import shown

REVISION = "2"  # raised when the encoder changes, here and in conf/model/xtreme_small.yaml
DESCRIPTION = """\
Pretrain a small multilingual encoder on XTREME's own texts, in minutes on one core.

  python -m benchmark.embedded.xtreme FOLDER
  python -m benchmark model=xtreme_small model.builder=null model.id=FOLDER task=xnli
  python -m benchmark model=xtreme_small task=xnli          makes its own, in the cache

It is for trials of XTREME's tasks on machines without a checkpoint of the hub, and far below XLM-R. It reads the
training and development parts and the contexts of questions, never a label, a test set or a sentence that is to be
retrieved. Three things connect the languages: shared tokens; word embeddings that start from the aligned sentences in
which a token occurs (inverted indexing: Søgaard et al., "Inverted indexing for cross-lingual NLP", ACL 2015); and
translations side by side (TLM: Lample and Conneau, "Cross-lingual Language Model Pretraining", NeurIPS 2019).
"""


def build(cache: Path) -> Path:
    """The encoder's folder, in the layout of a hub snapshot.

    Pretrained if it is not in the cache yet.
    """
    return built_once(cache / "embedded" / f"xtreme-{REVISION}", _pretrain)


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status."""
    parser = plain_parser("benchmark.embedded.xtreme", DESCRIPTION)
    parser.add_argument("folder", metavar="FOLDER", type=in_home, help="where to write it")
    folder = parser.parse_args(arguments).folder

    def work() -> int:
        with shown():
            built_once(folder, _pretrain)
        return 0

    return carried_out(work)


def _pretrain(folder: Path) -> None:
    from benchmark.embedded.xtreme_pretraining import pretrain  # imports torch, which --help does not need

    pretrain(folder)


if __name__ == "__main__":
    sys.exit(main())
