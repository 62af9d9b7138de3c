"""Pretraining of the small multilingual encoder of `benchmark.embedded.xtreme`."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from huggingface_hub import snapshot_download
from huggingface_hub.errors import LocalEntryNotFoundError
from pyarrow import parquet
from transformers import BertConfig, BertForMaskedLM, PreTrainedTokenizerFast

from benchmark.embedded import masked, subwords
from benchmark.errors import BenchmarkError
from benchmark.hub_answers import downloading
from benchmark.progress import hearer
from benchmark.randomness import derive, stream

REPOSITORY = "google/xtreme"
VOCABULARY, CHARACTERS = 16_000, 5_000
WIDTH, LAYERS, LENGTH = 192, 4, 128
SHARE = 120_000  # characters of one configuration at most
PAIR = 96  # tokens of a pair at most
MASKED = 0.15
RECIPE = masked.Recipe(updates=1200, batch=16, rate=5e-4)
# The files of REPOSITORY that are read, and their columns of text.
TEXTS = {
    "PAN-X.*/train-*": ["tokens"],
    "PAN-X.*/validation-*": ["tokens"],
    "udpos.*/train-*": ["tokens"],
    "udpos.*/validation-*": ["tokens"],
    "XQuAD.*/validation-*": ["context"],
    "MLQA.*/validation-*": ["context"],
    "SQuAD/*": ["context"],
    "tydiqa/*": ["context"],
}


@dataclass(frozen=True)
class Aligned:
    """A sentence in several languages, English first."""

    sentences: tuple[str, ...]


def pretrain(folder: Path) -> None:
    """Pretrain and save encoder and tokenizer to ``folder``.

    Raises: BenchmarkError if the texts are not available.
    """
    chance = random.Random("xtreme")
    source = find_texts()
    aligned = aligned_sentences(source)
    lines = list(plain_texts(source, chance))
    every = [
        *(text for group in lines for text in group),
        *(sentence for group in aligned for sentence in group.sentences),
    ]
    tell = hearer()
    tell("learning a vocabulary (once)", 0, 0)
    tokenizer = subwords.trained(every, VOCABULARY, CHARACTERS, LENGTH)
    sources = [
        blocks(tokenizer, lines),
        pairs(tokenizer, aligned, chance),
    ]
    with masked.one_thread():
        model = fresh(len(tokenizer))
        tell("aligning word embeddings (once)", 0, 0)
        start_embeddings(model, tokenizer, aligned)
        chances = torch.full((len(tokenizer),), MASKED)
        chances[: len(subwords.SPECIAL)] = 0
        masked.learn(model, tokenizer, sources, chances, RECIPE, stream(0, "xtreme"))
    masked.save(model, tokenizer, folder)


def find_texts() -> Path:
    """The folder of the texts.

    Raises: BenchmarkError if it is not in the cache and cannot be fetched.
    """
    wanted = [*TEXTS, "XNLI/validation-*", "PAWS-X.*/validation-*"]
    try:
        return Path(
            snapshot_download(
                REPOSITORY, repo_type="dataset", allow_patterns=wanted, tqdm_class=downloading(REPOSITORY)
            )
        )
    except (LocalEntryNotFoundError, OSError) as error:
        raise BenchmarkError(
            f"data set {REPOSITORY!r} is not in the hub cache and the hub was not reached; get it with "
            f"`hf download {REPOSITORY} --repo-type dataset` on a connected machine, or set HF_HOME"
        ) from error


def plain_texts(source: Path, chance: random.Random) -> Iterator[list[str]]:
    """The lines of every configuration, in random order and cut to its share."""
    for pattern, columns in TEXTS.items():
        for path in sorted(source.glob(pattern)):
            table = parquet.read_table(path, columns=columns).to_pydict()
            texts = (text for column in columns for text in table[column])
            lines = list(dict.fromkeys(t if isinstance(t, str) else " ".join(t) for t in texts))
            chance.shuffle(lines)
            kept, size = [], 0
            for line in lines:
                size += len(line)
                if size > SHARE:
                    break
                kept.append(line)
            yield kept


def aligned_sentences(source: Path) -> list[Aligned]:
    """XNLI's and PAWS-X's development sets, which hold the same rows in every language."""
    aligned: list[Aligned] = []
    rows = parquet.read_table(next(source.glob("XNLI/validation-*"))).to_pydict()
    codes = sorted(set(rows["language"]), key=lambda code: (code != "en", code))
    for column in ("sentence1", "sentence2"):
        by_code = {
            code: [s for s, language in zip(rows[column], rows["language"], strict=True) if language == code]
            for code in codes
        }
        aligned += [Aligned(group) for group in zip(*by_code.values(), strict=True)]
    files = sorted(
        source.glob("PAWS-X.*/validation-*"), key=lambda path: ("PAWS-X.en" not in str(path), path)
    )
    tables = [parquet.read_table(path).to_pydict() for path in files]
    whole = [table for table in tables if len(table["label"]) == len(tables[0]["label"])]
    for column in ("sentence1", "sentence2"):
        aligned += [Aligned(group) for group in zip(*(table[column] for table in whole), strict=True)]
    return list(dict.fromkeys(aligned))


def blocks(tokenizer: PreTrainedTokenizerFast, groups: list[list[str]]) -> masked.Texts:
    """Lines of one configuration, joined into sequences that fill the encoder."""
    sequences = []
    for lines in groups:
        tokens = [
            token
            for line in tokenizer(lines, add_special_tokens=False, verbose=False)["input_ids"]
            for token in line
        ]
        for begin in range(0, len(tokens), LENGTH - 2):
            part = tokens[begin : begin + LENGTH - 2]
            sequences.append([tokenizer.cls_token_id, *part, tokenizer.sep_token_id])
    return masked.padded(sequences, None, tokenizer.pad_token_id)


def pairs(tokenizer: PreTrainedTokenizerFast, aligned: list[Aligned], chance: random.Random) -> masked.Texts:
    """Sentences beside their translations, in two random languages, mostly with English."""
    first, second = [], []
    for group in aligned:
        for _ in range(3):
            a, b = chance.sample(range(len(group.sentences)), 2)
            a = 0 if b and chance.random() < 0.5 else a
            swap = chance.random() < 0.5
            first.append(group.sentences[b if swap else a])
            second.append(group.sentences[a if swap else b])
    encoded = tokenizer(first, second)
    short = [i for i, ids in enumerate(encoded["input_ids"]) if len(ids) <= PAIR]
    return masked.padded(
        [encoded["input_ids"][i] for i in short],
        [encoded["token_type_ids"][i] for i in short],
        tokenizer.pad_token_id,
    )


def fresh(vocabulary: int) -> BertForMaskedLM:
    """The encoder before pretraining."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(0, "xtreme"))
        return BertForMaskedLM(
            BertConfig(
                vocab_size=vocabulary,
                hidden_size=WIDTH,
                num_hidden_layers=LAYERS,
                num_attention_heads=WIDTH // 32,
                intermediate_size=4 * WIDTH,
                max_position_embeddings=LENGTH,
                initializer_range=0.03,
            )
        ).eval()  # without dropout: the model cannot memorise so much text


@torch.no_grad()
def start_embeddings(
    model: BertForMaskedLM, tokenizer: PreTrainedTokenizerFast, aligned: list[Aligned]
) -> None:
    """Set word embeddings from the aligned sentences in which each token occurs.

    Tokens in fewer than 5 sentences keep their random embeddings.
    """
    rows, columns = [], []
    for number, group in enumerate(aligned):
        for ids in tokenizer(list(group.sentences), add_special_tokens=False)["input_ids"]:
            for token in set(ids):
                rows.append(token)
                columns.append(number)
    size = (len(tokenizer), len(aligned))
    counts = torch.sparse_coo_tensor(torch.tensor([rows, columns]), torch.ones(len(rows)), size).coalesce()
    token, sentence = counts.indices()
    seen, length = (
        torch.bincount(indices, counts.values(), n) for indices, n in zip(counts.indices(), size, strict=True)
    )
    information = (counts.values() * counts.values().sum() / (seen[token] * length[sentence])).log().relu()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(0, "factors"))
        left, strength, _ = torch.svd_lowrank(
            torch.sparse_coo_tensor(counts.indices(), information, size), q=WIDTH, niter=3
        )
    factors = left * strength.sqrt()
    factors = factors / factors.norm(dim=1, keepdim=True).clamp(min=1e-6)
    weight = model.bert.embeddings.word_embeddings.weight
    known = seen >= 5
    weight[known] = factors[known] * weight.norm(dim=1).mean()
