"""What a task is at run time: tokenised examples of its splits, its loss and its scores.

Data come from the hub's own cache layout, one Parquet file or more per split at ``CONFIG/SPLIT-*``,
read by path; no code from a data set is ever run. Tokenised splits are cached by the content of the
files and the tokenizer, so that a changed file is noticed.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled
from hydra.utils import get_method
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence
from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from benchmark import metrics
from benchmark.errors import BenchmarkError
from benchmark.randomness import stream

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Examples:
    """Tokenised examples: token ids, segment ids (or None) and targets, in file order.

    ``counts_as`` says for every class which one an answer of it counts as, where that is another one.
    """

    ids: list[torch.Tensor]
    segments: list[torch.Tensor] | None
    targets: torch.Tensor
    counts_as: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def labelled(self) -> bool:
        """False for the splits whose labels GLUE keeps to itself (-1 throughout)."""
        return bool((self.targets >= 0).all())


@dataclass(frozen=True)
class Task:
    """A task ready to be learnt; ``training`` is already cut to the run's subset."""

    name: str
    labels: list[str]
    metrics: list[str]
    training: Examples
    evaluation: dict[str, Examples]
    pad_id: int
    pad_left: bool
    subset: np.ndarray
    stamp: dict[str, Any]

    @property
    def outputs(self) -> int:
        """Units of the head: one per class, or one for a regression."""
        return max(len(self.labels), 1)

    def batch(self, examples: Examples, indices: Sequence[int]) -> dict[str, torch.Tensor]:
        """The model's inputs for ``indices``, padded to the longest of them."""
        side = "left" if self.pad_left else "right"
        chosen = [examples.ids[i] for i in indices]
        inputs = {
            "input_ids": pad_sequence(chosen, True, self.pad_id, side),
            "attention_mask": pad_sequence([torch.ones_like(ids) for ids in chosen], True, 0, side),
        }
        if examples.segments is not None:
            inputs["token_type_ids"] = pad_sequence([examples.segments[i] for i in indices], True, 0, side)
        return inputs

    def loss(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Mean cross-entropy, or mean squared error for a regression; ``logits`` is (batch, outputs)."""
        if self.labels:
            return functional.cross_entropy(logits.float(), targets)
        return functional.mse_loss(logits.float().squeeze(-1), targets)

    def predictions(self, logits: np.ndarray) -> np.ndarray:
        """The predicted class, or value, of each row of ``logits``."""
        return logits.argmax(-1) if self.labels else logits[:, 0]

    def score(self, logits: np.ndarray, examples: Examples) -> dict[str, float]:
        """Every metric of the task on ``logits`` (n, outputs), which belong to ``examples``."""
        answers = self.predictions(logits)
        if examples.counts_as is not None:
            answers = examples.counts_as[answers]
        return metrics.score(self.metrics, answers, examples.targets.numpy())


def load(config: dict[str, Any], tokenizer: PreTrainedTokenizerBase) -> Task:
    """The task of a plain run configuration, tokenised for its model.

    Raises: BenchmarkError for data that are not there, naming the file and how to get it.
    """
    task, cache = config["task"], Path(config["cache"])
    splits = {"train": task["train"], **{f"evaluate/{k}": v for k, v in task["evaluate"].items()}}
    sources = _sources(task, list(splits.values()), cache)
    # A longer input than the model has positions for would crash it.
    max_length = min(config["protocol"]["max_length"], tokenizer.model_max_length)
    examples, digests = {}, {}
    for name, split in splits.items():
        files = _files(task, sources[_origin(task, split)], split)
        place = f"{split['config']}/{split['split']}"
        digests[f"{split['repo']}/{place}" if split["repo"] else place] = digest = _digest(files)
        examples[name] = _tokenised(task, split, tokenizer, files, digest, max_length, cache)
    training = examples.pop("train")
    if task["labels"] and int(training.targets.max()) >= len(task["labels"]):
        raise BenchmarkError(
            f"task {task['name']!r}: task.labels={task['labels']} has {len(task['labels'])} classes, "
            f"and its training split has the label {int(training.targets.max())}"
        )
    if not training.labelled:
        raise BenchmarkError(f"task {task['name']!r}: its training split {task['train']} has hidden labels")
    subset = draw_subset(training.targets, config["data"], config["seed"], bool(task["labels"]))
    training = _take(training, subset) if len(subset) < len(training) else training
    evaluation = {name.split("/", 1)[1]: split for name, split in examples.items()}
    return Task(
        name=task["name"],
        labels=task["labels"],
        metrics=task["metrics"],
        training=training,
        evaluation=evaluation | ({"train": training} if task["score_training"] else {}),
        pad_id=tokenizer.pad_token_id or 0,
        pad_left=tokenizer.padding_side == "left",
        subset=subset,
        stamp={
            "id": task["repo"] or task["builder"],
            "revision": sources[_origin(task, task["train"])].revision,
            "revisions": {origin[0]: source.revision for origin, source in sources.items() if origin[0]},
            "digests": digests,
            "max_length": max_length,
        },
    )


def draw_subset(targets: torch.Tensor, data: dict[str, Any], seed: int, stratified: bool) -> np.ndarray:
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


@dataclass(frozen=True)
class Source:
    """A data set on this machine: its repository (None for one that the project makes), folder and revision."""

    repo: str | None
    folder: Path
    revision: str | None


def _origin(task: dict[str, Any], split: dict[str, Any]) -> tuple[str | None, str | None]:
    """The repository and pinned revision that a split comes from."""
    return (split["repo"], split["revision"]) if split["repo"] else (task["repo"], task["revision"])


def _sources(
    task: dict[str, Any], splits: list[dict[str, Any]], cache: Path
) -> dict[tuple[str | None, str | None], Source]:
    """Every data set that a task's splits come from; fetches only the configurations needed."""
    found = {}
    for origin in dict.fromkeys(_origin(task, split) for split in splits):
        repo, revision = origin
        if repo is None:
            found[origin] = Source(None, Path(get_method(task["builder"])(cache)), None)
            continue
        wanted = sorted({f"{split['config']}/*" for split in splits if _origin(task, split) == origin})
        folder = _snapshot(task["name"], repo, revision, wanted)
        found[origin] = Source(repo, folder, folder.name)
    return found


def _snapshot(name: str, repo: str, revision: str | None, wanted: list[str]) -> Path:
    try:
        return Path(snapshot_download(repo, repo_type="dataset", revision=revision, allow_patterns=wanted))
    except (LocalEntryNotFoundError, OfflineModeIsEnabled, HfHubHTTPError, OSError) as error:
        raise BenchmarkError(
            f"task {name!r}: data set {repo!r} is not in the hub cache and the hub was not "
            f"reached; {_how_to_get(repo, wanted)}"
        ) from error


def _files(task: dict[str, Any], source: Source, part: dict[str, Any]) -> list[Path]:
    config, split = part["config"], part["split"]
    files = sorted((source.folder / config).glob(f"{split}-*.parquet"))
    if not files:
        raise BenchmarkError(
            f"task {task['name']!r}: no file {config}/{split}-*.parquet in {source.repo or source.folder} (looked "
            f"in the cached revision {source.folder.name})"
            + (f"; {_how_to_get(source.repo, [f'{config}/{split}-*'])}" if source.repo else "")
        )
    return files


def _how_to_get(repo: str, patterns: list[str]) -> str:
    includes = " ".join(f"--include '{pattern}'" for pattern in patterns)
    return f"get it with `hf download {repo} --repo-type dataset {includes}` on a connected machine"


def _digest(files: list[Path]) -> str:
    digest = hashlib.sha256()
    for path in files:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _tokenised(
    task: dict[str, Any],
    split: dict[str, Any],
    tokenizer: PreTrainedTokenizerBase,
    files: list[Path],
    digest: str,
    max_length: int,
    cache: Path,
) -> Examples:
    """The examples of ``files``, from the cache where their content was tokenised the same way before."""
    vocabulary = hashlib.sha256(tokenizer.backend_tokenizer.to_str().encode()).hexdigest()
    fields, target = split["text"] or task["text"], split["target"] or task["target"]
    codes = {said: task["labels"].index(label) for said, label in split["label_map"].items()}
    recipe = json.dumps([digest, vocabulary, fields, target, max_length, *([codes] if codes else [])])
    path = cache / "tokens" / f"{hashlib.sha256(recipe.encode()).hexdigest()[:24]}.arrow"
    path.parent.mkdir(parents=True, exist_ok=True)

    def tokenise(rows: dict[str, list[Any]]) -> dict[str, list[Any]]:
        targets = [codes[str(said)] for said in rows[target]] if codes else rows[target]
        encoded = tokenizer(*(rows[field] for field in fields), truncation=True, max_length=max_length)
        return {**{key: encoded[key] for key in encoded if key != "attention_mask"}, "target": targets}

    rows = _read(task, files, cache / "parquet" / digest[:24])
    if missing := [column for column in (*fields, target) if column not in rows.column_names]:
        raise BenchmarkError(f"task {task['name']!r}: no column {missing[0]!r} (valid: {rows.column_names})")
    if codes:
        kept = [i for i, said in enumerate(rows[target]) if str(said) in codes]
        if not kept:
            raise BenchmarkError(
                f"task {task['name']!r}: no row of {split['config']}/{split['split']} has one of the targets "
                f"{', '.join(codes)} in {target!r}"
            )
        rows = rows.select(kept)
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


def _counts_as(labels: list[str], fold: dict[str, str]) -> np.ndarray | None:
    return np.array([labels.index(fold.get(label, label)) for label in labels]) if fold else None


def _read(task: dict[str, Any], files: list[Path], cache: Path) -> Dataset:
    try:
        return Dataset.from_parquet([str(path) for path in files], cache_dir=str(cache))
    except Exception as error:  # datasets wraps Arrow's errors in several of its own
        raise BenchmarkError(f"task {task['name']!r}: cannot read {files[0]}: {error}") from error


def _take(examples: Examples, indices: np.ndarray) -> Examples:
    return Examples(
        ids=[examples.ids[i] for i in indices],
        segments=[examples.segments[i] for i in indices] if examples.segments is not None else None,
        targets=examples.targets[torch.from_numpy(indices)],
        counts_as=examples.counts_as,
    )
