"""Small models of every kind with every head, and a batch for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from transformers import (
    AlbertConfig,
    AlbertForQuestionAnswering,
    AlbertForSequenceClassification,
    AlbertForTokenClassification,
    BertConfig,
    BertForQuestionAnswering,
    BertForSequenceClassification,
    BertForTokenClassification,
    DebertaConfig,
    DebertaForSequenceClassification,
    DebertaV2Config,
    DebertaV2ForSequenceClassification,
    DistilBertConfig,
    DistilBertForQuestionAnswering,
    DistilBertForSequenceClassification,
    DistilBertForTokenClassification,
    ElectraConfig,
    ElectraForQuestionAnswering,
    ElectraForSequenceClassification,
    ElectraForTokenClassification,
    PreTrainedModel,
    RobertaConfig,
    RobertaForQuestionAnswering,
    RobertaForSequenceClassification,
    RobertaForTokenClassification,
    XLMRobertaConfig,
    XLMRobertaForQuestionAnswering,
    XLMRobertaForSequenceClassification,
    XLMRobertaForTokenClassification,
    XLNetConfig,
    XLNetForSequenceClassification,
)

from benchmark.testing.fixtures import LAYERS, SHAPE

DISTILLED = DistilBertConfig(
    vocab_size=32,
    dim=8,
    n_layers=LAYERS,
    n_heads=2,
    hidden_dim=12,
    max_position_embeddings=24,
    pad_token_id=1,
)
CONFIGS = {
    "bert": BertConfig(**SHAPE),
    "roberta": RobertaConfig(**SHAPE),
    "xlm_r": XLMRobertaConfig(**SHAPE),
    "electra": ElectraConfig(**SHAPE, embedding_size=4),
    "albert": AlbertConfig(**SHAPE, embedding_size=4),
    "distilbert": DISTILLED,
}
HEADS: dict[str, tuple[Any, Any, Any]] = {
    "bert": (BertForSequenceClassification, BertForTokenClassification, BertForQuestionAnswering),
    "roberta": (RobertaForSequenceClassification, RobertaForTokenClassification, RobertaForQuestionAnswering),
    "xlm_r": (
        XLMRobertaForSequenceClassification,
        XLMRobertaForTokenClassification,
        XLMRobertaForQuestionAnswering,
    ),
    "electra": (ElectraForSequenceClassification, ElectraForTokenClassification, ElectraForQuestionAnswering),
    "albert": (AlbertForSequenceClassification, AlbertForTokenClassification, AlbertForQuestionAnswering),
    "distilbert": (
        DistilBertForSequenceClassification,
        DistilBertForTokenClassification,
        DistilBertForQuestionAnswering,
    ),
}
LENGTHS = (11, 3, 8, 9, 1, 5, 10)


def inputs(left: bool = False) -> dict[str, torch.Tensor]:
    """Random examples of unlike lengths, padded on the right or on the left.

    ``input_ids`` and ``attention_mask``: (7, 11) int64.
    """
    ids = torch.randint(2, 32, (len(LENGTHS), 11), generator=torch.Generator().manual_seed(3))
    mask = (torch.arange(11) < torch.tensor(LENGTHS)[:, None]).long()
    if left:
        mask = mask.flip(1)
    return {"input_ids": ids.where(mask == 1, 1), "attention_mask": mask}


DISENTANGLED = {
    "relative_attention": True,
    "pos_att_type": ["c2p", "p2c"],
    "position_biased_input": False,
    "max_relative_positions": 8,
}
ARCHITECTURES: dict[str, Callable[[], PreTrainedModel]] = {
    "bert": lambda: BertForSequenceClassification(BertConfig(**SHAPE)),
    "roberta": lambda: RobertaForSequenceClassification(RobertaConfig(**SHAPE)),
    "xlm_r": lambda: XLMRobertaForSequenceClassification(XLMRobertaConfig(**SHAPE)),
    "electra": lambda: ElectraForSequenceClassification(ElectraConfig(**SHAPE, embedding_size=4)),
    "xlnet": lambda: XLNetForSequenceClassification(
        XLNetConfig(vocab_size=32, d_model=8, n_layer=LAYERS, n_head=2, d_inner=12, pad_token_id=1)
    ),
    "deberta": lambda: DebertaForSequenceClassification(DebertaConfig(**SHAPE, **DISENTANGLED)),
    "deberta_v2": lambda: DebertaV2ForSequenceClassification(
        DebertaV2Config(
            **SHAPE, **DISENTANGLED, share_att_key=True, norm_rel_ebd="layer_norm", conv_kernel_size=3
        )
    ),
}
