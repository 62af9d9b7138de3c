"""Pretraining by masked-word prediction: the common part of all embedded encoders."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence
from transformers import BertConfig, BertForMaskedLM, PreTrainedTokenizerBase
from transformers.utils.logging import disable_progress_bar

from benchmark.progress import PRETRAINED, hearer
from benchmark.step.schedule import rate_at


@dataclass(frozen=True)
class Texts:
    """Sequences for pretraining, padded: token ids (sequences, length) and segment ids.

    ``segments`` of None stands for all zeros.
    """

    ids: torch.Tensor
    segments: torch.Tensor | None = None


@dataclass(frozen=True)
class Recipe:
    """Length and learning rate of pretraining; a padded batch has ``batch`` sequences."""

    updates: int
    batch: int
    rate: float


def padded(ids: Sequence[Sequence[int]], segments: Sequence[Sequence[int]] | None, padding: int) -> Texts:
    """Sequences of unequal length, padded to the longest."""
    tokens = pad_sequence([torch.tensor(sequence) for sequence in ids], True, padding)
    if segments is None:
        return Texts(tokens)
    return Texts(tokens, pad_sequence([torch.tensor(sequence) for sequence in segments], True, 0))


def pretrain(
    folder: Path,
    tokenizer: PreTrainedTokenizerBase,
    sources: Sequence[Texts],
    chances: torch.Tensor,
    recipe: Recipe,
    seed: int,
    rng: torch.Generator,
) -> None:
    """Train a two-layer BERT with ``learn`` and save it to ``folder``.

    Its first weights are drawn with ``seed``.
    """
    with one_thread():
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = BertForMaskedLM(
                BertConfig(
                    vocab_size=len(tokenizer),
                    hidden_size=64,
                    num_hidden_layers=2,
                    num_attention_heads=4,
                    intermediate_size=128,
                    max_position_embeddings=tokenizer.model_max_length,
                    # A narrow network needs larger weights than BERT's 0.02 to get under way.
                    initializer_range=0.05,
                )
            ).eval()  # without dropout: the model cannot memorise so much text
        learn(model, tokenizer, sources, chances, recipe, rng)
    save(model, tokenizer, folder)


def learn(
    model: BertForMaskedLM,
    tokenizer: PreTrainedTokenizerBase,
    sources: Sequence[Texts],
    chances: torch.Tensor,
    recipe: Recipe,
    rng: torch.Generator,
) -> None:
    """Train ``model`` on batches of each source in turn.

    ``chances`` (vocabulary,) are the probabilities that a token is masked.
    """
    tell = hearer()
    optimizer = torch.optim.AdamW(model.parameters(), lr=recipe.rate, weight_decay=0.01)
    for update in range(recipe.updates):
        texts = sources[update % len(sources)]
        chosen = torch.randint(len(texts.ids), (recipe.batch,), generator=rng)
        batch = texts.ids[chosen]
        batch = batch[:, : int((batch != tokenizer.pad_token_id).sum(1).max())]
        hidden = torch.rand(batch.shape, generator=rng) < chances[batch]
        segments = None if texts.segments is None else texts.segments[chosen, : batch.shape[1]]
        states = model.base_model(
            input_ids=batch.masked_fill(hidden, tokenizer.mask_token_id),
            attention_mask=(batch != tokenizer.pad_token_id).long(),
            token_type_ids=segments,
        ).last_hidden_state
        loss = functional.cross_entropy(model.cls(states[hidden]), batch[hidden])
        loss.backward()
        optimizer.param_groups[0]["lr"] = rate_at(update, recipe.updates, recipe.rate, "linear", 0.1)
        optimizer.step()
        optimizer.zero_grad()
        tell(PRETRAINED, update + 1, recipe.updates)


def save(model: BertForMaskedLM, tokenizer: PreTrainedTokenizerBase, folder: Path) -> None:
    """Write model and tokenizer to ``folder``, in the layout of a hub snapshot."""
    disable_progress_bar()  # the library's own bar would stand beside our display
    model.config.initializer_range = 0.02  # new heads start with the same range as in other models
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


@contextmanager
def one_thread() -> Iterator[None]:
    """Restrict torch to one thread: weights must not depend on the number of cores."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
