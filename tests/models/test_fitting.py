"""Whatever does not fit together in a checkpoint is refused in one line that names the file and the fact."""

from __future__ import annotations

import copy
import gzip
import io
import json
import math
import os
import pickle
import re
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file
from transformers import DebertaV2Config, GPT2Config, PreTrainedModel, RobertaConfig, T5Config, XmodConfig

from benchmark.config.schema import ModelConfig
from benchmark.errors import BenchmarkError
from benchmark.models import pretrained
from benchmark.models.vocabulary import check_end_tokens, check_tokens
from helpers.checkpoints import SHAPE, WEIGHTS, WORDS, checkpoint, configured, tokenizer, weighted
from helpers.models import ARCHITECTURES, CONFIGS

Break = Callable[[Path], Any]
LAYER, EMBEDDING = "encoder.layer.1.", "embeddings.word_embeddings.weight"


def loaded(folder: Path | str, pairs: bool = False) -> tuple[Any, PreTrainedModel]:
    """Tokenizer and model of a folder, as a run loads them."""
    model = ModelConfig(name="mine", id=str(folder))
    return pretrained.tokenizer(model, Path("cache"), pairs), pretrained.load(model, 2, 1, Path("cache"))


def refusal(folder: Path | str, pairs: bool = False) -> str:
    with pytest.raises(BenchmarkError) as refused:
        loaded(folder, pairs)
    line = str(refused.value)
    assert "\n" not in line
    assert len(line) < 900
    assert line.startswith("model 'mine': ")
    assert "hf download" not in line
    return line


def pickled(folder: Path) -> None:
    torch.save(load_file(folder / WEIGHTS), folder / "pytorch_model.bin")
    (folder / WEIGHTS).unlink()


def cut(file: str, before: Break = lambda _: None) -> Break:
    def change(folder: Path) -> None:
        before(folder)
        content = (folder / file).read_bytes()
        (folder / file).write_bytes(content[: len(content) // 2])

    return change


def written(file: str, text: str) -> Break:
    return lambda folder: (folder / file).write_text(text)


def linked(file: str) -> Break:
    def change(folder: Path) -> None:
        (folder / file).unlink()
        (folder / file).symlink_to("nowhere")

    return change


def in_json(file: str, change: Callable[[dict[str, Any]], Any]) -> Break:
    def changed(folder: Path) -> None:
        content = json.loads((folder / file).read_text())
        change(content)
        (folder / file).write_text(json.dumps(content))

    return changed


def numbered(word: str, number: int) -> Break:
    return in_json("tokenizer.json", lambda content: content["model"]["vocab"].update({word: number}))


def sharded(folder: Path) -> None:
    names = {
        name: f"model-0000{1 + ('layer' in name)}-of-00002.safetensors"
        for name in load_file(folder / WEIGHTS)
    }
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": names}))
    (folder / WEIGHTS).rename(folder / "model-00001-of-00002.safetensors")


def without(part: str) -> Break:
    return lambda folder: weighted(folder, lambda w: {name: v for name, v in w.items() if part not in name})


POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 3\n"
BROKEN: dict[str, tuple[Break, list[str]]] = {
    "a layer": (without(LAYER), [WEIGHTS, "has no bert.encoder.layer.1.", "and 13 more"]),
    "one weight": (without(LAYER + "output.dense.bias"), ["has no bert.encoder.layer.1.output.dense.bias"]),
    "another prefix": (
        lambda folder: weighted(folder, lambda w: {f"other.{name}": v for name, v in w.items()}),
        ["has no bert.", "it has other."],
    ),
    "another embedding": (lambda f: configured(f, vocab_size=99), [EMBEDDING, "(10, 16)", "(99, 16)"]),
    "a narrower encoder": (lambda f: configured(f, hidden_size=32), ["(16,)", "(32,)", "config.json"]),
    "more layers": (lambda f: configured(f, num_hidden_layers=3), ["has no bert.encoder.layer.2."]),
    "fewer layers": (
        lambda f: configured(f, num_hidden_layers=1),
        [WEIGHTS, f"has {LAYER}attention.output.LayerNorm.bias", "and 13 more", "config.json has no place"],
    ),
    "a part of layers that the model has not": (
        lambda f: weighted(f, lambda w: w | {"encoder.layer.0.adapter.weight": torch.ones(2)}),
        ["has encoder.layer.0.adapter.weight, and"],
    ),
    "NaN": (
        lambda folder: weighted(folder, lambda w: w | {EMBEDDING: w[EMBEDDING] * float("nan")}),
        [WEIGHTS, EMBEDDING, "not finite"],
    ),
    "cut short": (cut(WEIGHTS), [WEIGHTS, "cut short"]),
    "a pickle cut short": (cut("pytorch_model.bin", pickled), ["pytorch_model.bin", "cut short"]),
    "empty": (written(WEIGHTS, ""), [WEIGHTS, "is empty"]),
    "git-lfs": (written(WEIGHTS, POINTER), [WEIGHTS, "git lfs pull"]),
    "git-lfs, tokenizer": (written("tokenizer.json", POINTER), ["tokenizer.json", "git lfs pull"]),
    "no weights": (lambda f: (f / WEIGHTS).unlink(), ["has no weights", "it has config.json"]),
    "ONNX": (lambda f: (f / WEIGHTS).rename(f / "model.onnx"), ["only model.onnx, of ONNX"]),
    "GGUF alone": (
        lambda f: ((f / WEIGHTS).rename(f / "q4.gguf"), (f / "config.json").unlink()),
        ["has no config.json; it has only q4.gguf, of llama.cpp"],
    ),
    "a shard": (sharded, ["model-00002-of-00002.safetensors", "is missing"]),
    "a shard without a name": (
        lambda f: (sharded(f), written(f"{WEIGHTS}.index.json", '{"weight_map": {"a": 3, "b": "x"}}')(f)),
        [f"{WEIGHTS}.index.json", "no weight_map"],
    ),
    "a link to nothing": (linked(WEIGHTS), [WEIGHTS, "is a link to nowhere, and nothing is there"]),
    "a link to no configuration": (linked("config.json"), ["config.json", "is a link to nowhere"]),
    "a link to no tokenizer": (linked("tokenizer.json"), ["tokenizer.json", "is a link to nowhere"]),
    "no configuration": (lambda f: (f / "config.json").unlink(), ["has no config.json"]),
    "a damaged configuration": (cut("config.json"), ["config.json", "cannot be read"]),
    "a list": (written("config.json", "[]"), ["config.json", "mapping"]),
    "no model_type": (lambda f: configured(f, model_type=None), ["config.json", "no model_type"]),
    "a list as model_type": (lambda f: configured(f, model_type=["bert"]), ["config.json", "no model_type"]),
    "an unknown model_type": (lambda f: configured(f, model_type="mine"), ["'mine' is not known"]),
    "not of texts": (
        lambda f: configured(f, model_type="vit"),
        ["'vit'", "AutoModelForSequenceClassification"],
    ),
    "code": (lambda f: configured(f, model_type="x", auto_map={"AutoModel": "m.M"}), ["auto_map", "not run"]),
    "quantised": (lambda f: configured(f, quantization_config={"bits": 4}), ["quantization_config"]),
    "eight bits": (
        lambda f: weighted(f, lambda w: w | {EMBEDDING: w[EMBEDDING].to(torch.int8)}),
        [WEIGHTS, f"{EMBEDDING} is I8", "quantised"],
    ),
    "no tokenizer": (lambda f: (f / "tokenizer.json").unlink(), ["has no tokenizer", "tokenizer.json"]),
    "a damaged tokenizer": (cut("tokenizer.json"), ["tokenizer.json", "cannot be read"]),
    "no words": (lambda f: tokenizer(f, WORDS[:4]), ["knows no word"]),
    "a number around texts": (
        in_json("tokenizer.json", lambda t: t["post_processor"]["special_tokens"]["[SEP]"].update(ids=[12])),
        ["13 tokens", "embedding of 10"],
    ),
    "no room for a word": (
        in_json("tokenizer_config.json", lambda t: t.update(model_max_length=2)),
        ["tokenizer_config.json: model_max_length=2: must be a whole number of tokens, at least 3"],
    ),
    "a limit in quotes": (
        in_json("tokenizer_config.json", lambda t: t.update(model_max_length="512")),
        ['tokenizer_config.json: model_max_length="512": must be a whole number'],
    ),
    "half a token": (
        in_json("tokenizer_config.json", lambda t: t.update(model_max_length=20.5)),
        ["model_max_length=20.5: must be a whole number"],
    ),
    "positions for special tokens alone": (
        lambda f: checkpoint(f, max_position_embeddings=2),
        ["config.json: its model has positions for 2 tokens; an input needs at least 3"],
    ),
    "no unknown token": (
        in_json("tokenizer.json", lambda t: t["model"].update(unk_token="nothing")),
        ["tokenizer cannot read a text", "Missing"],
    ),
    "more words": (lambda f: tokenizer(f, [*WORDS, "new"]), ["11 tokens", "embedding of 10"]),
    "an adapter": (
        written("adapter_config.json", '{"base_model_name_or_path": "me/base"}'),
        ["adapter_config.json", "PEFT", "me/base"],
    ),
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoint(tmp_path_factory.mktemp("whole") / "m")


@pytest.mark.parametrize("name", BROKEN)
def test_a_checkpoint_that_does_not_fit_together_is_refused(name: str, whole: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(whole, tmp_path / "m")
    change, facts = BROKEN[name]
    change(folder)
    line = refusal(folder)
    assert all(fact in line for fact in facts), line
    assert str(folder) in line


def test_a_number_beyond_the_embedding_is_refused_if_a_text_uses_it(whole: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(whole, tmp_path / "model"))
    numbered("film", 40)(folder)
    reader, model = loaded(folder)
    texts = {"train": [reader(text, return_tensors="pt")["input_ids"][0] for text in ("good", "good film")]}
    check_tokens("mine", reader, model, lambda: {"train": texts["train"][:1]})
    with pytest.raises(
        BenchmarkError, match=r"'mine': example 2 of train has the token 'film', number 40 .* of 10"
    ):
        check_tokens("mine", reader, model, lambda: texts)


class Code:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.folder),)


def saved(content: Any, **options: Any) -> bytes:
    file = io.BytesIO()
    torch.save(content, file, **options)
    return file.getvalue()


OLD = {"_use_new_zipfile_serialization": False}
CODE: dict[str, Callable[[Any], bytes]] = {
    "torch": lambda code: saved({"x": code}),
    "torch, as it was": lambda code: saved({"x": code}, **OLD),
    **{f"protocol {i}": partial(pickle.dumps, protocol=i) for i in range(pickle.HIGHEST_PROTOCOL + 1)},
    "by hand": lambda code: f"(ios\nmkdir\nV{code.folder}\no.".encode(),
}


@pytest.mark.parametrize("name", CODE)
def test_code_in_a_pickle_is_not_run(name: str, whole: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(whole, tmp_path / "m")
    (folder / WEIGHTS).unlink()
    (folder / "pytorch_model.bin").write_bytes(CODE[name](Code(tmp_path / "run")))
    assert re.search(r"pytorch_model.bin: holds code .*\b(os|posix).mkdir\b", refusal(folder))
    assert not (tmp_path / "run").exists()


NO_PICKLES = {
    "text": b"config of it\nfoo\nbar",
    "a sentence": b"cat dog\nfish\n.",
    "a page": b"<!DOCTYPE html><html>",
    "zeros": bytes(99),
    "numbers": bytes(range(256)) * 4,
    "gzip": gzip.compress(b"weights", mtime=0),
    "cut short": saved({"x": torch.ones(9)})[:300],
    "cut short, as it was": saved({"x": torch.ones(9)}, **OLD)[:-60],
    "weights of a later protocol": saved({"x": torch.ones(9)}, pickle_protocol=4),
    "a list": pickle.dumps([1, 2]),
    "code cut short": pickle.dumps(Code(Path("run")))[:-3],
}


@pytest.mark.parametrize("name", NO_PICKLES)
def test_what_is_no_pickle_is_damaged_and_holds_no_code(name: str, whole: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(whole, tmp_path / "m")
    (folder / WEIGHTS).unlink()
    (folder / "pytorch_model.bin").write_bytes(NO_PICKLES[name])
    line = refusal(folder)
    assert "pytorch_model.bin: cannot be read, it is damaged or cut short" in line
    assert "code" not in line
    assert "weights_only" not in line


def test_what_is_not_there_is_named_with_what_is(whole: Path, tmp_path: Path) -> None:
    shutil.copytree(whole, tmp_path / "out" / "checkpoint-5")
    assert "checkpoint-5 has one" in refusal(tmp_path / "out")
    assert "has checkpoint-5" in refusal(tmp_path / "out" / "checkpoint-50")
    assert f"{tmp_path} is there" in refusal(tmp_path / "nothing" / "here")
    assert "is a file" in refusal(tmp_path / "out" / "checkpoint-5" / WEIGHTS)
    assert "no folder ~/surely/nothing" in refusal("~/surely/nothing")
    assert "no folder ./nothing" in refusal("./nothing")
    assert "is an address: name the hub's repository, me/it" in refusal("https://huggingface.co/me/it")


def test_a_folder_is_found_from_where_the_user_is(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(whole, tmp_path / "my model")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for place in ("my model", "./my model", "~/my model", tmp_path / "my model"):
        assert loaded(place)[1].config.hidden_size == 16


def test_the_encoder_of_sentence_transformers_is_found(whole: Path, tmp_path: Path) -> None:
    shutil.copytree(whole, tmp_path / "m" / "0_Transformer")
    modules = [
        {"path": "0_Transformer", "type": "sentence_transformers.models.Transformer"},
        {"path": "1_Pooling", "type": "Pooling"},
    ]
    (tmp_path / "m" / "modules.json").write_text(json.dumps(modules))
    assert loaded(tmp_path / "m")[1].config.hidden_size == 16


def test_the_head_and_a_missing_pooler_are_drawn_and_named(whole: Path, tmp_path: Path) -> None:
    head = ["classifier.bias", "classifier.weight"]
    assert loaded(whole)[1].drawn == head
    folder = shutil.copytree(whole, tmp_path / "m")
    without("pooler")(folder)
    assert loaded(folder)[1].drawn == ["bert.pooler.dense.bias", "bert.pooler.dense.weight", *head]


FAMILIES = {**CONFIGS, **{name: made().config for name, made in ARCHITECTURES.items() if name not in CONFIGS}}


PRETRAINED = [
    (family, head)
    for head in ("AutoModel", "AutoModelForPreTraining", "AutoModelForMaskedLM")
    for family, config in FAMILIES.items()
    if type(config) in getattr(transformers, head)._model_mapping
]


@pytest.mark.parametrize(("family", "head"), PRETRAINED)
def test_heads_of_pretraining_may_be_left_over_and_layers_may_not(
    family: str, head: str, tmp_path: Path
) -> None:
    config = copy.deepcopy(FAMILIES[family])
    if family == "albert":  # its layers share the weights of a group
        config.num_hidden_groups = 2
    getattr(transformers, head).from_config(config).save_pretrained(tmp_path)
    tokenizer(tmp_path, WORDS + list("0123456789"))
    weighted(tmp_path, lambda w: w | {"embeddings.position_ids": torch.arange(9), "pooler.x": torch.ones(2)})
    loaded(tmp_path)
    names = {"albert": "num_hidden_groups", "distilbert": "n_layers", "xlnet": "n_layer"}
    configured(tmp_path, **{names.get(family, "num_hidden_layers"): 1})
    assert "has no place for" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("config", "positions"),
    [
        (None, 24),
        (RobertaConfig(**SHAPE, pad_token_id=1), 22),
        (GPT2Config(vocab_size=10, n_embd=16, n_layer=1, n_head=2, n_positions=20, pad_token_id=0), 20),
        (DebertaV2Config(**SHAPE, position_biased_input=False, relative_attention=True), None),
    ],
    ids=["bert", "roberta", "gpt2", "deberta_v2"],
)
def test_texts_are_cut_to_the_positions_of_the_model(
    config: Any, positions: int | None, tmp_path: Path
) -> None:
    limit = loaded(checkpoint(tmp_path, config))[0].model_max_length
    assert limit == positions if positions else limit > 10**9


def test_a_second_segment_needs_a_model_that_has_one(tmp_path: Path) -> None:
    folder = checkpoint(tmp_path, type_vocab_size=1)
    loaded(folder)
    assert "type_vocab_size=1" in refusal(folder, pairs=True)


def test_a_padding_token_is_the_models_or_asked_for(tmp_path: Path) -> None:
    bert, shape = checkpoint(tmp_path / "bert"), {"vocab_size": 10, "n_embd": 16, "n_layer": 1, "n_head": 2}
    tokenizer(bert, pad_token=None)
    assert loaded(bert)[0].pad_token == "[PAD]"
    gpt2 = checkpoint(tmp_path / "gpt2", GPT2Config(**shape, bos_token_id=2, eos_token_id=3))
    assert loaded(gpt2)[1].config.pad_token_id == 0
    tokenizer(gpt2, pad_token=None)
    assert "no padding token" in refusal(gpt2)


def test_a_model_that_cannot_compute_texts_is_refused_and_one_that_needs_an_end_is_not(
    tmp_path: Path,
) -> None:
    assert "Input language unknown" in refusal(checkpoint(tmp_path / "xmod", XmodConfig(**SHAPE)))
    shape = {"vocab_size": 10, "d_model": 16, "num_layers": 1, "num_heads": 2, "d_ff": 32, "d_kv": 8}
    t5 = T5Config(**shape, decoder_start_token_id=0, eos_token_id=3)
    reader, model = loaded(checkpoint(tmp_path / "t5", t5))
    assert model.config.model_type == "t5"
    ids = [torch.tensor(row) for row in ([5, 6, 3], [7, 3], [5, 3, 6, 3])]
    check_end_tokens("mine", reader, model, lambda: {"train": ids[:2]})
    with pytest.raises(
        BenchmarkError, match=r"'mine': example 3 of train has 2 times the token .* first example 1 times"
    ):
        check_end_tokens("mine", reader, model, lambda: {"train": ids})
    t5.eos_token_id = 9
    assert "tokenizer.json: its tokenizer ends no text with token 9" in refusal(
        checkpoint(tmp_path / "end", t5)
    )


ENCODED = {
    "utf-8-sig": "is UTF-8 with a byte order mark, which transformers cannot read: save it as UTF-8 without",
    "utf-16": "is UTF-16, which transformers cannot read",
    "utf-16-le": "is UTF-16-LE, which transformers cannot read",
}
FILES = [
    "config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "modules.json",
    f"{WEIGHTS}.index.json",
]


@pytest.mark.parametrize("encoding", ENCODED)
@pytest.mark.parametrize("file", FILES)
def test_a_file_in_another_encoding_is_named_with_it(
    file: str, encoding: str, whole: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(whole, tmp_path / "m")
    if file.endswith("index.json"):
        sharded(folder)
    if file == "modules.json":
        (folder / "config.json").rename(folder / "other.json")
    path = folder / file
    text = path.read_text() if path.exists() else '{"pad_token": "[PAD]"}'
    path.write_bytes(text.encode(encoding))
    assert f"{file}: {ENCODED[encoding]}" in refusal(folder)


def test_a_vocabulary_in_another_encoding_is_named(whole: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(whole, tmp_path / "m")
    (folder / "tokenizer.json").unlink()
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "BertTokenizer"}')
    (folder / "vocab.txt").write_text("\n".join(WORDS), encoding="utf-16")
    assert "vocab.txt: cannot be read, it is damaged or cut short (UnicodeDecodeError" in refusal(folder)


@pytest.mark.parametrize(("stated", "limit"), [(12, 12), (12.0, 12), (1e30, 24), (math.inf, 24), (None, 24)])
def test_a_tokenizer_limits_texts_to_its_own_length(
    stated: float | None, limit: int, whole: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(whole, tmp_path / "m"))
    in_json("tokenizer_config.json", lambda content: content.update(model_max_length=stated))(folder)
    found = loaded(folder)[0].model_max_length
    assert found == limit
    assert isinstance(found, int)
