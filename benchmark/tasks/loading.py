"""From a run's configuration to its task: splits read, turned into examples by their kind, cut to the subset.

Tokenised classifications are cached by the content of the files and the tokenizer, so that a changed file
is noticed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import ClassLabel, Dataset
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from benchmark import models
from benchmark.errors import BenchmarkError
from benchmark.languages import evaluation_splits, training_splits
from benchmark.randomness import stream
from benchmark.tasks import answers, files, tagging
from benchmark.tasks.answers import Answers, Questions
from benchmark.tasks.base import Examples, Kind, Measure, Task
from benchmark.tasks.classification import Classification
from benchmark.tasks.files import File, Split
from benchmark.tasks.retrieval import Bitext, Corpora, Mining, Retrieval

SENTENCE_COLUMNS = ["id", "lang", "sentence"]
PAIR_COLUMNS = (
    ["source_id", "target_id"],
    ["source_lang", "target_lang"],
)  # `google/xtreme` has ids in the latter
LONGEST_SENTENCE = 512  # tokens of a sentence whose vector is taken, unless a split says otherwise


class Sets(Mapping[str, Examples]):
    """Evaluation sets by name; those given as a function are read when they are asked for, and not kept."""

    def __init__(self, sets: dict[str, Examples | Callable[[], Examples]]) -> None:
        self.sets = sets

    def __getitem__(self, name: str) -> Examples:
        found = self.sets[name]
        return found if isinstance(found, Examples) else found()

    def __iter__(self) -> Iterator[str]:
        return iter(self.sets)

    def __len__(self) -> int:
        return len(self.sets)


def load(config: dict[str, Any], tokenizer: PreTrainedTokenizerBase) -> Task:
    """The task of a plain run configuration, tokenised for its model.

    Raises: BenchmarkError for data that are not there, naming the file and how to get it.
    """
    task, cache = config["task"], Path(config["cache"])
    train, evaluate = training_splits(task), evaluation_splits(task)
    sources = files.find_sources(task, [*train, *evaluate.values()], cache)
    # A longer input than the model has positions for would crash it.
    max_length = min(config["protocol"]["max_length"], tokenizer.model_max_length)
    reader = Reader(task, config["model"], sources, tokenizer, max_length, cache)
    found = {f"train/{number}": reader.find(split) for number, split in enumerate(train)}
    found |= {f"evaluate/{name}": reader.find(split) for name, split in evaluate.items()}
    training = joined([reader.examples(split, True) for split in train])
    check(task, training)
    subset = draw_subset(
        training.targets,
        config["data"],
        config["seed"],
        isinstance(reader.learnt, Classification) and bool(task["labels"]),
    )
    training = taken(training, subset) if len(subset) < len(training) else training
    sets: dict[str, Examples | Callable[[], Examples]] = {
        name: partial(reader.examples, split) if split["last_only"] else reader.examples(split)
        for name, split in evaluate.items()
    }
    return Task(
        name=task["name"],
        kind=reader.learnt,
        metrics=task["metrics"],
        training=training,
        evaluation=Sets(sets | ({"train": training} if task["score_training"] else {})),
        pad_id=tokenizer.pad_token_id or 0,
        pad_left=tokenizer.padding_side == "left",
        subset=subset,
        stamp={
            "id": task["repo"] or task["builder"],
            "revision": sources[files.origin(task, train[0])].revision,
            "revisions": {place[0]: source.revision for place, source in sources.items() if place[0]},
            "digests": {file.name: file.digest for split in found.values() for file in split},
            "max_length": max_length,
            **({"answers_not_in_place": reader.misplaced} if isinstance(reader.learnt, Answers) else {}),
        },
        last_only=frozenset(name for name, split in evaluate.items() if split["last_only"]),
    )


def check(task: dict[str, Any], training: Examples) -> None:
    """Raises: BenchmarkError for a training set that cannot be learnt from."""
    if not len(training) or (not training.labelled and not isinstance(training, Questions)):
        raise BenchmarkError(
            f"task {task['name']!r}: its training split {task['train']} has "
            f"{'hidden labels' if len(training) else 'no example that can be learnt from'}"
        )
    classes = training.truth if isinstance(training, tagging.Sentences) else training.targets
    if task["labels"] and int(classes.max()) >= len(task["labels"]):
        raise BenchmarkError(
            f"task {task['name']!r}: task.labels={task['labels']} has {len(task['labels'])} classes, "
            f"and its training split has the label {int(classes.max())}"
        )


def draw_subset(targets: Any, data: dict[str, Any], seed: int, stratified: bool) -> np.ndarray:
    """Sorted indices of the training examples a run uses, drawn from the subset stream.

    Classes keep their shares when ``stratified``. Raises: BenchmarkError if more are asked for than
    there are.
    """
    total = len(targets)
    count = data["count"] if data["count"] is not None else total
    if data["share"] is not None:
        count = max(1, round(data["share"] * total))
    if count > total:
        raise BenchmarkError(f"data.count={count}: the training set has only {total} examples")
    if count == total:
        return np.arange(total)
    subset_seed = seed if data["subset_seed"] is None else data["subset_seed"]
    order = torch.randperm(total, generator=stream(subset_seed, "subset")).numpy()
    if not stratified:
        return np.sort(order[:count])
    # The k-th example of a class of size m stands at (k + 1/2) / m of the way: a cut takes like shares.
    rank = np.empty(total)
    labels = targets.numpy()[order]
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        rank[members] = (np.arange(len(members)) + 0.5) / len(members)
    return np.sort(order[np.argsort(rank, kind="stable")[:count]])


@dataclass
class Reader:
    """Turns the splits of a task into examples; ``misplaced`` counts answers that do not stand where they should."""

    task: dict[str, Any]
    model: dict[str, Any]
    sources: dict[files.Origin, files.Source]
    tokenizer: PreTrainedTokenizerBase
    max_length: int
    cache: Path
    misplaced: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.learnt = self.kind(self.task["kind"])

    def kind(self, name: str) -> Kind:
        """The kind of task of that name."""
        if name == "classification":
            return Classification(self.task["labels"])
        if name == "tagging":
            return tagging.Tagging(self.task["labels"])
        if name == "answers":
            return Answers(self.task["answers"]["longest"])
        depth = models.depth(self.model, self.cache)
        return {"retrieval": Retrieval, "mining": Mining}[name](self.task["retrieval"], depth)

    def source(self, split: Split) -> files.Source:
        """Where ``split`` comes from."""
        return self.sources[files.origin(self.task, split)]

    def find(self, split: Split) -> list[File]:
        """All files that a split needs. Raises: BenchmarkError if one is missing."""
        found = [files.find(self.task, self.source(split), split)]
        if split["kind"] == "mining":
            found += [files.find(self.task, self.source(split), split, self.sentences(split))]
            if self.task["retrieval"]["threshold"] == "dev":
                dev = split | {"split": split["dev"]}
                found += [
                    files.find(self.task, self.source(split), dev, c) for c in (None, split["sentences"])
                ]
        return found

    def sentences(self, split: Split) -> str:
        """The configuration that has all sentences of a mining set. Raises: BenchmarkError if none is named."""
        if not split["sentences"]:
            raise BenchmarkError(
                f"task {self.task['name']!r}: {split['config']} of {self.source(split).repo or 'the data set'} has "
                f"the pairs to be found and not the sentences to find them in, and without those nothing can be "
                f"mined; give the set's `sentences`, a configuration with the columns {', '.join(SENTENCE_COLUMNS)} "
                f"(and its `repo`), or choose a task without it"
            )
        return str(split["sentences"])

    def rows(self, split: Split, columns: list[str], config: str | None = None) -> Dataset:
        """The rows of a split."""
        file = files.find(self.task, self.source(split), split, config)
        return files.read(self.task, split, file, columns, self.cache)

    def examples(self, split: Split, training: bool = False) -> Examples:
        """The examples of a split, with how they are measured."""
        name = split["kind"] or self.task["kind"]
        limit = split["max_length"] or (
            LONGEST_SENTENCE if name in ("retrieval", "mining") else self.max_length
        )
        limit = min(limit, self.tokenizer.model_max_length)
        readers: dict[str, Callable[[Split, int], Examples]] = {
            "classification": self.classified,
            "tagging": self.tagged,
            "answers": partial(self.asked, training=training),
            "retrieval": self.translated,
            "mining": self.mined,
        }
        made = readers[name](split, limit)
        own = split["kind"] or split["metrics"] or split["language"]
        if training or not own:
            return made
        metrics = split["metrics"] or self.task["metrics"]
        kind = self.learnt if name == self.task["kind"] else self.kind(name)
        return replace(made, measure=Measure(kind, metrics, split["language"]))

    def columns(self, split: Split) -> tuple[list[str], str]:
        """The names of a split's text columns and of its target."""
        return split["text"] or self.task["text"], split["target"] or self.task["target"]

    def classified(self, split: Split, max_length: int) -> Examples:
        """Sentences or pairs with a class or value, from the cache where they were tokenised the same way before."""
        task, tokenizer = self.task, self.tokenizer
        file = files.find(task, self.source(split), split)
        vocabulary = hashlib.sha256(tokenizer.backend_tokenizer.to_str().encode()).hexdigest()
        fields, target = self.columns(split)
        codes = {said: task["labels"].index(label) for said, label in split["label_map"].items()}
        chosen = [split["rows"], task["drop_untranslated"]]
        recipe = json.dumps(
            [file.digest, vocabulary, fields, target, max_length]
            + ([codes] if codes else [])
            + (chosen if any(chosen) else [])
        )
        path = self.cache / "tokens" / f"{hashlib.sha256(recipe.encode()).hexdigest()[:24]}.arrow"
        path.parent.mkdir(parents=True, exist_ok=True)

        def tokenise(rows: dict[str, list[Any]]) -> dict[str, list[Any]]:
            targets = [codes[str(said)] for said in rows[target]] if codes else rows[target]
            encoded = tokenizer(*(rows[name] for name in fields), truncation=True, max_length=max_length)
            return {**{key: encoded[key] for key in encoded if key != "attention_mask"}, "target": targets}

        rows = files.read(task, split, file, [*fields, target], self.cache)
        rows = rows.map(
            tokenise,
            batched=True,
            remove_columns=rows.column_names,
            cache_file_name=str(path),
            load_from_cache_file=True,
            new_fingerprint=path.stem,
        )
        columns = rows.with_format("numpy")[:]
        segments = columns.get("token_type_ids")
        targets = torch.tensor(columns["target"])
        return Examples(
            ids=[torch.tensor(ids) for ids in columns["input_ids"]],
            segments=[torch.tensor(ids) for ids in segments] if segments is not None else None,
            targets=targets.long() if task["labels"] else targets.float(),
            counts_as=_counts_as(task["labels"], split["fold"]),
        )

    def tagged(self, split: Split, max_length: int) -> Examples:
        """Sentences with a class for every word. Raises: BenchmarkError if the data's classes are others."""
        fields, target = self.columns(split)
        rows = self.rows(split, [*fields, target])
        inner = getattr(rows.features[target], "feature", None)
        if isinstance(inner, ClassLabel) and list(inner.names) != self.task["labels"]:
            raise BenchmarkError(
                f"task {self.task['name']!r}: the classes of {split['config']}/{split['split']} are {inner.names}, "
                f"and task.labels={self.task['labels']}"
            )
        codes = {label: number for number, label in enumerate(self.task["labels"])}
        classes = [[codes[c] if isinstance(c, str) else c for c in one] for one in rows[target]]
        return tagging.sentences(list(rows[fields[0]]), classes, self.tokenizer, max_length)

    def asked(self, split: Split, max_length: int, training: bool) -> Examples:
        """Questions and contexts; answers that are not in their place are counted."""
        fields, target = self.columns(split)
        rows = self.rows(split, [*fields, target])
        columns = {name: list(rows[name]) for name in (*fields, target)}
        options = self.task["answers"]
        made, wrong = answers.questions(
            columns, fields, target, self.tokenizer, max_length, options, training
        )
        if wrong:
            self.misplaced[f"{split['config']}/{split['split']}"] = wrong
        return made

    def translated(self, split: Split, max_length: int) -> Examples:
        """Sentences of two languages, pair by pair."""
        fields, _ = self.columns(split)
        rows = self.rows(split, list(fields))
        texts = [text.strip() for name in fields for text in rows[name]]
        return Bitext(*self.encoded(texts, max_length), np.zeros(0))

    def mined(self, split: Split, max_length: int) -> Examples:
        """All sentences of two languages, and the pairs among them."""
        sides, gold = list[list[tuple[str, str]]](), list[set[tuple[str, str]]]()
        parts = [split["split"], *([split["dev"]] if self.task["retrieval"]["threshold"] == "dev" else [])]
        for part in parts:
            here = split | {"split": part, "rows": {}}
            rows = self.rows(here, SENTENCE_COLUMNS, self.sentences(split))
            english = [one == "en" for one in rows["lang"]]
            lines = list(zip(rows["id"], (text.strip() for text in rows["sentence"]), strict=True))
            sides += [
                [line for line, en in zip(lines, english, strict=True) if en == side]
                for side in (False, True)
            ]
            pairs = self.rows(here, [])
            names = next((names for names in PAIR_COLUMNS if set(names) <= set(pairs.column_names)), None)
            if names is None:
                raise BenchmarkError(
                    f"task {self.task['name']!r}: {split['config']} has no columns {' and '.join(PAIR_COLUMNS[0])}"
                )
            gold.append(set(zip(*(pairs[name] for name in names), strict=True)))
        texts = [text for side in sides for _, text in side]
        return Corpora(*self.encoded(texts, max_length), np.zeros(0), sides=sides, gold=gold)

    def encoded(self, texts: list[str], max_length: int) -> tuple[list[torch.Tensor], None]:
        """Token ids of single sentences."""
        ids = self.tokenizer(texts, truncation=True, max_length=max_length)["input_ids"]
        return [torch.tensor(one) for one in ids], None


def _counts_as(labels: list[str], fold: dict[str, str]) -> np.ndarray | None:
    return np.array([labels.index(fold.get(label, label)) for label in labels]) if fold else None


def joined(parts: list[Examples]) -> Examples:
    """Training examples of several splits, one after the other."""
    if len(parts) == 1:
        return parts[0]
    first = parts[0]
    changes: dict[str, Any] = {
        "ids": [ids for part in parts for ids in part.ids],
        "segments": None if first.segments is None else [s for part in parts for s in part.segments or ()],
    }
    if isinstance(first, tagging.Sentences):
        before = np.cumsum([0, *(part.size for part in parts[:-1])]).tolist()
        changes["targets"] = [one for part in parts for one in part.targets]
        changes["pieces"] = [
            replace(piece, sentence=piece.sentence + start)
            for part, start in zip(parts, before, strict=True)
            for piece in part.pieces  # type: ignore[attr-defined]
        ]
        for name in ("lengths", "truth"):
            changes[name] = np.concatenate([getattr(part, name) for part in parts])
    else:
        changes["targets"] = torch.cat([part.targets for part in parts])
    if isinstance(first, Questions):
        changes["lengths"] = np.concatenate([part.lengths for part in parts])  # type: ignore[attr-defined]
    return replace(first, **changes)


def taken(examples: Examples, indices: np.ndarray) -> Examples:
    """The training examples at ``indices``."""
    changes: dict[str, Any] = {
        "ids": [examples.ids[i] for i in indices],
        "segments": [examples.segments[i] for i in indices] if examples.segments is not None else None,
    }
    if isinstance(examples, tagging.Sentences):
        changes["targets"] = [examples.targets[i] for i in indices]
        changes["pieces"] = [examples.pieces[i] for i in indices]
    else:
        changes["targets"] = examples.targets[torch.from_numpy(indices)]
    if isinstance(examples, Questions):
        changes["lengths"] = examples.lengths[indices]
    return replace(examples, **changes)
