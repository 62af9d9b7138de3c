"""A byte-pair encoding trained on texts, with the same bits every time."""

from __future__ import annotations

from collections import Counter

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def trained(texts: list[str], vocabulary: int, characters: int, length: int) -> PreTrainedTokenizerFast:
    """Train an encoding of words, each with the space before it, into pieces.

    ``vocabulary`` and ``characters`` are the largest numbers of pieces and of single characters, ``length``
    the number of pieces that its model takes.
    """
    tokenizer = Tokenizer(models.BPE(unk_token="[UNK]", fuse_unk=True))
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Metaspace(), pre_tokenizers.Punctuation()]
    )
    tokenizer.decoder = decoders.Metaspace()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        # Without it, the trainer may drop any of several equally rare characters, and results would vary.
        initial_alphabet=commonest(tokenizer, texts, characters),
        limit_alphabet=characters,
        special_tokens=list(SPECIAL),
        max_token_length=16,
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(name, tokenizer.token_to_id(name)) for name in ("[CLS]", "[SEP]")],
    )
    names = ("pad", "unk", "cls", "sep", "mask")
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=length,
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
        **{f"{name}_token": token for name, token in zip(names, SPECIAL, strict=True)},
    )


def commonest(tokenizer: Tokenizer, texts: list[str], characters: int) -> list[str]:
    """The most frequent characters of ``texts``, at most so many; ties by code point."""
    counts: Counter[str] = Counter()
    for text in texts:
        for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(tokenizer.normalizer.normalize_str(text)):
            counts.update(word)
    return sorted(counts, key=lambda character: (-counts[character], character))[:characters]
