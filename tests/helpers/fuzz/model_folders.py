"""Mangled folders of models: configuration, vocabulary, weights and files that are not what they should be."""

from __future__ import annotations

import functools
import json
import os
import random
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors.torch import load_file, save_file

from benchmark.config.compose import run_config
from benchmark.config.schema import ModelConfig, RunConfig, SplitConfig, TaskConfig
from helpers.checkpoints import SHAPE, WEIGHTS, WORDS, checkpoint
from helpers.fuzz.tries import Try, running
from helpers.fuzz.words import mangled, word

CONFIG, TOKENIZER, OPTIONS = "config.json", "tokenizer.json", "tokenizer_config.json"
NARROW = {
    "vocab_size": len(WORDS),
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "pad_token_id": 0,
}
ODD = [
    None,
    0,
    1,
    -1,
    2,
    3,
    7,
    15,
    0.5,
    -0.5,
    1e30,
    2**31,
    10**20,
    "",
    "x",
    "2",
    "gelu",
    True,
    False,
    [],
    [2, 2],
    {},
    {"a": 1},
]
ROWS = [
    {"text": f"a {'good' if i % 2 else 'bad'} film", "other": "the book " * i, "label": i % 2}
    for i in range(8)
]


def prepare(folder: Path) -> None:
    """Make the data of all tries, and a whole model of every kind."""
    (folder / "data").mkdir()
    for split in ("train", "dev"):
        (folder / "data" / f"{split}.jsonl").write_text("\n".join(map(json.dumps, ROWS)))
    kinds = transformers
    shape = NARROW | {"intermediate_size": 32, "max_position_embeddings": 40}
    for name, config in {
        "bert": kinds.BertConfig(**SHAPE),
        "roberta": kinds.RobertaConfig(**shape, type_vocab_size=2),
        "electra": kinds.ElectraConfig(**shape, embedding_size=16),
        "distilbert": kinds.DistilBertConfig(vocab_size=len(WORDS), dim=16, n_layers=2, n_heads=2, hidden_dim=32, max_position_embeddings=40),
        "albert": kinds.AlbertConfig(**shape, embedding_size=16),
        "deberta": kinds.DebertaV2Config(**shape, relative_attention=True, pos_att_type=["p2c", "c2p"]),
        "modernbert": kinds.ModernBertConfig(**shape, cls_token_id=2, sep_token_id=3, bos_token_id=2, eos_token_id=3),
        "gpt2": kinds.GPT2Config(vocab_size=len(WORDS), n_embd=16, n_layer=2, n_head=2, n_positions=40, bos_token_id=2, eos_token_id=3),
    }.items():  # fmt: skip
        checkpoint(folder / "whole" / name, config)


def make(number: int, folder: Path) -> Try:
    """The try of a number: a changed copy of a model, and a run with it."""
    rng = random.Random(f"models {number}")
    place = folder / f"model-{number}"
    shutil.rmtree(folder / f"model-{number - 1}", ignore_errors=True)
    kind = rng.choice(["bert", "bert", *sorted(os.listdir(folder / "whole"))])
    shutil.copytree(folder / "whole" / kind, place)
    said = [kind]
    for _ in range(rng.choice([1, 1, 1, 2])):
        try:
            said.append(rng.choice(CHANGES)(rng, place))
        except Exception:  # of what an earlier change left
            said.append("-")
    return Try("; ".join(said), running(configured(place, folder, rng.random() < 0.3)))


def configured(model: Path, folder: Path, pairs: bool) -> RunConfig:
    """A run of one update with the model."""
    config = composed()
    task = TaskConfig(
        name="mine", repo=str(folder / "data"), text=["text", "other"] if pairs else ["text"], labels=["bad", "good"],
        metrics=["accuracy"], train=SplitConfig(split="train"), evaluate={"dev": SplitConfig(split="dev")},
    )  # fmt: skip
    return replace(
        config,
        task=task,
        model=ModelConfig(name="tiny", id=str(model)),
        protocol=replace(config.protocol, batch_size=8, epochs=1.0, max_length=128),
        store=str(folder / "store"),
        cache=str(folder / "cache"),
        device="cpu",
        snapshot_minutes=None,
    )


@functools.cache
def composed() -> RunConfig:
    """The configuration that all tries begin with."""
    return run_config()


def _json(path: Path, change: Callable[[dict[str, Any]], Any]) -> str:
    content = json.loads(path.read_text())
    said = change(content)
    path.write_text(json.dumps(content))
    return f"{path.name}: {said}"


def field(rng: random.Random, place: Path) -> str:
    """Give a field of the configuration another value, or take it out."""

    def change(content: dict[str, Any]) -> str:
        key = rng.choice(sorted(content))
        value = rng.choice([*ODD, word(rng)])
        if rng.random() < 0.15:
            del content[key]
            return f"no {key}"
        content[key] = value
        return f"{key}={str(value)[:60]!r}"

    return _json(place / CONFIG, change)


def near(rng: random.Random, place: Path) -> str:
    """Change a size of the configuration by a little or a factor."""

    def change(content: dict[str, Any]) -> str:
        key = rng.choice(
            [k for k, v in sorted(content.items()) if isinstance(v, int) and not isinstance(v, bool)]
        )
        content[key] = rng.choice(
            [content[key] + 1, content[key] - 1, content[key] * 2, content[key] // 2, -content[key]]
        )
        return f"{key}={content[key]}"

    return _json(place / CONFIG, change)


def extra(rng: random.Random, place: Path) -> str:
    """Add a field to the configuration that means something to somebody."""
    key, value = rng.choice(
        [("auto_map", {"AutoModel": "x.Y"}), ("quantization_config", {}), ("dtype", "int8"), ("torch_dtype", "float16"),
         ("num_labels", 7), ("num_labels", -1), ("id2label", {"0": "a"}), ("id2label", []), ("problem_type", "x"), ("is_decoder", True),
         ("_attn_implementation", "nothing"), ("attn_implementation", "flash_attention_2"), ("chunk_size_feed_forward", 3),
         ("pruned_heads", {"0": [0]}), ("is_encoder_decoder", True), ("add_cross_attention", True), ("use_cache", 3), ("architectures", []),
         ("architectures", ["Nothing"]), ("transformers_version", "99"), ("output_attentions", True), ("return_dict", False),
         ("output_hidden_states", True), ("problem_type", "regression"), ("problem_type", "multi_label_classification"), ("label2id", {"x": 0}),
         ("vision_config", {}), ("text_config", {}), ("attribute_map", {}), ("name_or_path", "/x"), ("hidden_dropout_prob", 1.0),
         ("attention_probs_dropout_prob", 2), ("layer_norm_eps", 0), ("initializer_range", -1), ("tie_word_embeddings", False),
         ("gradient_checkpointing", True)]
    )  # fmt: skip
    return _json(place / CONFIG, lambda content: f"{key}={content.update({key: value}) or value}")


def text(rng: random.Random, place: Path) -> str:
    """Change the text of a JSON file."""
    path = rng.choice(sorted(place.glob("*.json")))
    path.write_text(mangled(rng, path.read_text()))
    return f"{path.name}: changed text"


def file(rng: random.Random, place: Path) -> str:
    """Remove, empty, cut, flip or replace a file."""
    path = rng.choice(sorted(path for path in place.iterdir() if path.is_file()))
    content = bytearray(path.read_bytes())
    at = rng.randrange(len(content) + 1)
    way = rng.choice(
        ["gone", "empty", "cut", "cut", "flip", "more", "zeros", "folder", "link", "pointer", "list", "head"]
    )
    if way == "flip" and content:
        content[at - 1] ^= 1 << rng.randrange(8)
    if way == "head":
        content[:8] = rng.choice([2**63, 2**40, 1, len(content)]).to_bytes(8, "little")
    changed = {"cut": content[:at], "flip": content, "more": content + b"more", "zeros": b"\0" * len(content), "list": b"[]",
               "pointer": b"version https://git-lfs.github.com/spec/v1\n", "empty": b"", "head": content}.get(way)  # fmt: skip
    path.unlink()
    if way == "folder":
        path.mkdir()
    elif way == "link":
        path.symlink_to("/nothing")
    elif changed is not None:
        path.write_bytes(changed)
    return f"{path.name}: {way} at {at}"


def weight(rng: random.Random, place: Path) -> str:
    """Change the values, the shape, the type or the name of a weight."""
    weights = load_file(place / WEIGHTS)
    name = rng.choice(sorted(weights))
    value = weights[name]
    way = rng.choice(["nan", "inf", "huge", "zeros", "gone", "name", "prefix", "no prefix", "cut", "flat", "turned", "scalar", "none", "more",
                      "int8", "uint8", "int64", "bool", "float16", "float64", "bfloat16", "complex64", "float8_e4m3fn", "sum"])  # fmt: skip
    first = (0,) * value.dim()
    if way in ("nan", "inf", "huge"):
        value[first] = {"nan": float("nan"), "inf": float("-inf"), "huge": 1e38}[way]
    elif way == "sum" and value.numel() > 1:  # infinities that a sum does not show
        value.view(-1)[:2] = torch.tensor([3e38, 3e38])
    elif way == "zeros":
        value.zero_()
    elif way == "gone":
        del weights[name]
    elif way == "name":
        weights[f"{name}.x"] = weights.pop(name)
    elif way == "prefix":
        weights = {f"model.{key}": value for key, value in weights.items()}
    elif way == "no prefix":
        weights = {key.partition(".")[2] or key: value for key, value in weights.items()}
    elif way in ("cut", "flat", "turned", "scalar", "none", "more"):
        weights[name] = {"cut": value[:1], "flat": value.reshape(-1), "turned": value.t() if value.dim() == 2 else value[None],
                         "scalar": value.reshape(-1)[0], "none": value[:0], "more": torch.cat([value, value])}[way]  # fmt: skip
    elif way != "sum":
        weights[name] = value.to(getattr(torch, way))
    save_file(
        {key: value.contiguous().clone() for key, value in weights.items()}, place / WEIGHTS, {"format": "pt"}
    )
    return f"{name}: {way}"


def pickled(rng: random.Random, place: Path) -> str:
    """Keep the weights as a pickle, or as something else in one."""
    weights = load_file(place / WEIGHTS)
    way = rng.choice(
        [
            "weights",
            "weights",
            "nested",
            "list",
            "module",
            "text",
            "number keys",
            "other values",
            "cut",
            "old",
            "both",
        ]
    )
    content: Any = {"nested": {"state_dict": weights}, "list": [*weights.values()], "module": torch.nn.Linear(2, 2), "text": "weights",
                    "number keys": dict(enumerate(weights.values())), "other values": {**weights, "epoch": 3}}.get(way, weights)  # fmt: skip
    path = place / "pytorch_model.bin"
    torch.save(content, path, _use_new_zipfile_serialization=way != "old")
    if way == "cut":
        path.write_bytes(path.read_bytes()[: rng.randrange(3000)])
    if way != "both":
        (place / WEIGHTS).unlink()
    return f"pickle: {way}"


def sharded(rng: random.Random, place: Path) -> str:
    """Spread the weights over files, with an index that may not fit."""
    weights = load_file(place / WEIGHTS)
    names = sorted(weights)
    parts = {"model-00001-of-00002.safetensors": names[::2], "model-00002-of-00002.safetensors": names[1::2]}
    for path, some in parts.items():
        save_file({name: weights[name] for name in some}, place / path, {"format": "pt"})
    index = {name: path for path, some in parts.items() for name in some}
    way = rng.choice(
        ["right", "gone", "other", "outside", "number", "empty", "list", "text", "absent", "swapped"]
    )
    if way in ("gone", "outside", "number"):
        index[names[0]] = {"gone": "model-3.safetensors", "outside": "../../x", "number": 3}[way]  # type: ignore[assignment]
    if way == "absent":
        del index[names[0]]
    if way == "swapped":
        index = {name: next(path for path in parts if path != file) for name, file in index.items()}
    if way == "other":
        index["nothing"] = "model-00001-of-00002.safetensors"
    whole = {"empty": {}, "list": [], "text": "x"}.get(way, {"metadata": {}, "weight_map": index})
    (place / f"{WEIGHTS}.index.json").write_text(json.dumps(whole))
    (place / WEIGHTS).unlink()
    return f"shards: {way}"


def vocabulary(rng: random.Random, place: Path) -> str:
    """Change the vocabulary or the special tokens of the tokenizer."""

    def change(content: dict[str, Any]) -> str:
        words = content["model"]["vocab"]
        way = rng.choice(["big", "negative", "gap", "same", "few", "none", "no unk", "list", "type", "template", "no template", "special",
                          "added", "added far", "normalizer", "truncation", "padding", "text", "version"])  # fmt: skip
        if way in ("big", "negative", "gap", "text"):
            words["film"] = {"big": 10**6, "negative": -1, "gap": 12, "text": "x"}[way]
        elif way == "same":
            words["film"] = words["book"]
        elif way in ("few", "none"):
            content["model"]["vocab"] = {} if way == "none" else dict(list(words.items())[:4])
        elif way == "no unk":
            content["model"]["unk_token"] = rng.choice([None, "nothing", 3])
        elif way == "list":
            content["model"]["vocab"] = list(words)
        elif way == "type":
            content["model"]["type"] = rng.choice(["BPE", "Unigram", "WordPiece", "x", None])
        elif way == "template":
            content["post_processor"]["special_tokens"]["[CLS]"]["ids"] = [rng.choice([99, -1, 10**10])]
        elif way == "no template":
            content["post_processor"] = None
        elif way == "special":
            content["added_tokens"] = rng.choice([[], None, content["added_tokens"][:1]])
        elif way in ("added", "added far"):
            number = len(words) if way == "added" else 99999
            content["added_tokens"].append({**content["added_tokens"][0], "id": number, "content": "<new>"})
        elif way == "normalizer":
            content["normalizer"] = rng.choice([{"type": "Lowercase"}, {"type": "x"}, {"type": "Replace", "pattern": {"Regex": "("}, "content": ""},
                                                {"type": "Replace", "pattern": {"Regex": "."}, "content": ""}])  # fmt: skip
        elif way == "truncation":
            content["truncation"] = {
                "direction": "Right",
                "max_length": rng.choice([0, 1, 2]),
                "strategy": "LongestFirst",
                "stride": 0,
            }
        elif way == "padding":
            content["padding"] = {
                "strategy": {"Fixed": 9},
                "direction": "Left",
                "pad_to_multiple_of": None,
                "pad_id": 5,
                "pad_type_id": 0,
                "pad_token": "[PAD]",
            }
        else:
            content["version"] = "99"
        return way

    return _json(place / TOKENIZER, change)


def option(rng: random.Random, place: Path) -> str:
    """Change an option of the tokenizer."""
    key, value = rng.choice(
        [("model_max_length", rng.choice([0, 1, 2, 3, 8, -1, 10**30, "x", None, 2.5])), ("padding_side", rng.choice(["left", "middle", None])),
         ("truncation_side", rng.choice(["left", "x"])), ("tokenizer_class", rng.choice(["Nothing", "BertTokenizer", "T5Tokenizer", None, 3])),
         ("pad_token", rng.choice([None, "[new]", 3, "good", {"content": "x"}])), ("unk_token", rng.choice([None, "[new]", "film"])),
         ("cls_token", rng.choice([None, "[new]"])), ("sep_token", rng.choice([None, "[new]", [1]])), ("mask_token", "<mask>"),
         ("model_input_names", rng.choice([["input_ids"], ["input_ids", "attention_mask"], ["x"], [], None, ["input_ids", "token_type_ids"]])),
         ("additional_special_tokens", rng.choice([["<a>", "<b>"], "x", [3]])), ("auto_map", {"AutoTokenizer": ["x.Y", None]}),
         ("do_lower_case", "x"), ("added_tokens_decoder", rng.choice([{"99": {"content": "<z>"}}, {"x": {}}, []])), ("chat_template", "{{"),
         ("clean_up_tokenization_spaces", 3), ("extra_special_tokens", rng.choice([{"a": "<a>"}, ["<a>"], 3])), (word(rng), word(rng))]
    )  # fmt: skip
    return _json(
        place / OPTIONS, lambda content: f"{key}={content.update({key: value}) or str(value)[:60]!r}"
    )


def foreign(rng: random.Random, place: Path) -> str:
    """Add files of other programs, or leave those alone."""
    name = rng.choice(["adapter_config.json", "modules.json", "model.onnx", "model.gguf", "tf_model.h5", "generation_config.json", "vocab.txt",
                       "spiece.model", "merges.txt", "special_tokens_map.json", "added_tokens.json", "preprocessor_config.json", "chat_template.jinja",
                       "processor_config.json", "tokenizer.model", "custom_generate", "video_preprocessor_config.json"])  # fmt: skip
    if rng.random() < 0.3:
        (place / rng.choice([CONFIG, WEIGHTS, TOKENIZER])).unlink()
    (place / name).write_text(
        rng.choice(
            [
                "",
                "{}",
                "[]",
                "x",
                '{"a": 1}',
                '[{"path": "", "type": "x.Transformer"}]',
                '{"<new>": 99}',
                "null",
            ]
        )
    )
    return f"with {name}"


CHANGES: list[Callable[[random.Random, Path], str]] = [
    field, field, field, near, near, extra, text, file, file, weight, weight, weight, pickled, sharded, vocabulary, vocabulary, option, option, foreign,
]  # fmt: skip
