"""Sizes of encoders: of known ones, and in the configurations of others."""

from __future__ import annotations

import json

import pytest

from benchmark.forecast.shapes import KNOWN, Shape, of_folder, shape_of
from benchmark.places import ROOT


def test_every_model_of_the_suite_is_known(compose):
    names = sorted(path.stem for path in (ROOT / "conf" / "model").glob("*.yaml"))
    assert len(names) > 20
    assert [name for name in names if shape_of(compose(f"model={name}").model) is None] == []


def test_a_model_of_ones_own_is_read_from_its_configuration(compose, tmp_path):
    config = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
    (tmp_path / "config.json").write_text(json.dumps(config | {"vocab_size": 100, "model_type": "bert"}))
    assert shape_of(compose(f"model.id={tmp_path}", "model.builder=null").model) == Shape(32, 2, 4, 64, 100)
    other = {"d_model": 32, "n_layer": 2, "n_head": 4, "d_inner": 64, "vocab_size": 9, "model_type": "xlnet"}
    (tmp_path / "config.json").write_text(json.dumps(other))
    assert of_folder(tmp_path) == Shape(32, 2, 4, 64, 9, padded=True)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"hidden_size": "x"}'])
def test_a_configuration_that_does_not_tell_is_no_size(text, tmp_path):
    (tmp_path / "config.json").write_text(text)
    assert of_folder(tmp_path) is None


def test_the_embedded_encoders_are_as_they_are_built(compose):
    from pathlib import Path

    config = compose("model=embedded")
    folder = Path(config.cache) / "embedded" / "encoder-1"
    if not folder.is_dir():
        pytest.skip("the embedded encoder is not built yet")
    assert of_folder(folder) == KNOWN["benchmark.embedded.encoder.build"]
