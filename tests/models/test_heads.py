"""A task's head is drawn from its seed, whatever head of another training its checkpoint has."""

from __future__ import annotations

import copy
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file
from transformers import BertConfig, ModernBertConfig, PreTrainedModel, RobertaConfig

from benchmark.config.schema import ModelConfig
from benchmark.models import pretrained
from benchmark.models.architecture import encoder_of
from helpers.checkpoints import SHAPE, WEIGHTS, tokenizer, weighted

SEQUENCES, TOKENS, ANSWERS = (
    f"AutoModelFor{name}" for name in ("SequenceClassification", "TokenClassification", "QuestionAnswering")
)
CONFIGS = {
    "bert": BertConfig(**SHAPE),
    "roberta": RobertaConfig(**SHAPE, pad_token_id=0),
    "modernbert": ModernBertConfig(**SHAPE, pad_token_id=0, cls_token_id=2, sep_token_id=3),
}


def saved(folder: Path, config: Any, kind: str) -> Path:
    """A checkpoint of the class ``kind`` with random weights."""
    torch.manual_seed(0)
    getattr(transformers, kind).from_config(copy.deepcopy(config)).save_pretrained(folder)
    tokenizer(folder)
    return folder


def loaded(folder: Path, head: str, seed: int = 1) -> PreTrainedModel:
    return pretrained.load(ModelConfig(name="mine", id=str(folder)), 2, seed, Path("cache"), head)


def head_of(model: PreTrainedModel) -> dict[str, torch.Tensor]:
    encoder = encoder_of(model)
    return {name: value for name, value in model.named_parameters() if encoder.in_head(name)}


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(value, other[name]) for name, value in one.items())


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The project's own warnings since the last clearing."""
    return [record.getMessage() for record in caplog.records if record.name.startswith("benchmark.")]


@pytest.mark.parametrize("labels", [2, 3])  # of the checkpoint's head; the task's has 2
@pytest.mark.parametrize("head", [SEQUENCES, TOKENS, ANSWERS])
@pytest.mark.parametrize("family", CONFIGS)
def test_a_head_of_another_training_is_not_taken_and_said(
    family: str, head: str, labels: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = copy.deepcopy(CONFIGS[family])
    config.num_labels = labels
    saved(tmp_path / "tuned", config, head)
    shutil.copytree(tmp_path / "tuned", tmp_path / "plain")
    base = f"{loaded(tmp_path / 'tuned', head).base_model_prefix}."
    weighted(tmp_path / "plain", lambda w: {name: v for name, v in w.items() if name.startswith(base)})
    caplog.clear()
    tuned, plain = (loaded(tmp_path / name, head) for name in ("tuned", "plain"))
    assert same(head_of(tuned), head_of(plain))  # as of a checkpoint without one
    assert same(dict(tuned.base_model.named_parameters()), dict(plain.base_model.named_parameters()))
    assert tuned.drawn == plain.drawn == sorted(head_of(tuned))
    [warning] = said(caplog)
    assert warning.startswith("model 'mine': its checkpoint has a head of another training (")
    assert all(name in warning for name in head_of(tuned))
    assert not same(head_of(tuned), head_of(loaded(tmp_path / "tuned", head, seed=2)))


def test_what_a_head_has_of_pretraining_is_taken(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    saved(tmp_path, CONFIGS["modernbert"], "AutoModelForMaskedLM")
    model = loaded(tmp_path, SEQUENCES)
    assert torch.equal(model.head.dense.weight, load_file(tmp_path / WEIGHTS)["head.dense.weight"])
    assert model.drawn == ["classifier.bias", "classifier.weight"]
    assert not said(caplog)
