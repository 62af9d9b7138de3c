"""A byte-pair encoding learnt from texts, to the same bits every time."""

from __future__ import annotations

from collections import Counter

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def trained(texts: list[str], vocabulary: int, characters: int, length: int) -> PreTrainedTokenizerFast:
    """An encoding of words with the space before them, in ``vocabulary`` pieces of so many ``characters`` at most.

    ``length`` is how many pieces its model takes.
    """
    made = Tokenizer(models.BPE(unk_token="[UNK]", fuse_unk=True))
    made.normalizer = normalizers.NFKC()
    made.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Metaspace(), pre_tokenizers.Punctuation()])
    made.decoder = decoders.Metaspace()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        # Told none, the trainer leaves out one or another of the characters that are equally rare.
        initial_alphabet=commonest(made, texts, characters),
        limit_alphabet=characters,
        special_tokens=list(SPECIAL),
        max_token_length=16,
        show_progress=False,
    )
    made.train_from_iterator(texts, trainer)
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(name, made.token_to_id(name)) for name in ("[CLS]", "[SEP]")],
    )
    names = ("pad", "unk", "cls", "sep", "mask")
    return PreTrainedTokenizerFast(
        tokenizer_object=made,
        model_max_length=length,
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
        **{f"{name}_token": token for name, token in zip(names, SPECIAL, strict=True)},
    )


def commonest(tokenizer: Tokenizer, texts: list[str], characters: int) -> list[str]:
    """The characters that ``tokenizer`` begins with, so many at most; of equally rare ones the first."""
    counts: Counter[str] = Counter()
    for text in texts:
        for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(tokenizer.normalizer.normalize_str(text)):
            counts.update(word)
    return sorted(counts, key=lambda character: (-counts[character], character))[:characters]
