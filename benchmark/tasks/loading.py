"""From a run's configuration to its task: splits are read and cut to the subset."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from transformers.tokenization_utils_base import PreTrainedTokenizerBase

from benchmark.config.schema import RunConfig, SplitConfig
from benchmark.config.splits import evaluation_splits, language_groups, place_of, training_splits
from benchmark.data import files
from benchmark.data.reader import Reader
from benchmark.data.rows import LABEL_MAP
from benchmark.data.shards import in_short
from benchmark.errors import BenchmarkError
from benchmark.tasks import constants, metrics
from benchmark.tasks.answers import Answers
from benchmark.tasks.classification import Classification
from benchmark.tasks.kind import WITHOUT_GOLD, Examples, Kind, Measure
from benchmark.tasks.mining import Mining
from benchmark.tasks.questions import MISPLACED
from benchmark.tasks.retrieval import Retrieval
from benchmark.tasks.subset import check_count, draw_subset
from benchmark.tasks.tagging import Tagging
from benchmark.tasks.task import Task

log = logging.getLogger(__name__)

# Reasons to leave out rows that may surprise a user.
UNEXPECTED = {LABEL_MAP: "label_map does not name their targets", WITHOUT_GOLD: "they have no gold label"}
UNLEARNT = "have an answer that is not where its answer_start says"
KINDS: dict[str, type[Kind]] = {
    "classification": Classification,
    "tagging": Tagging,
    "answers": Answers,
    "retrieval": Retrieval,
    "mining": Mining,
}


class Sets(Mapping[str, Examples]):
    """Evaluation sets by name.

    A set given as a function is read on every access and not kept.
    """

    def __init__(self, sets: dict[str, Examples | Callable[[], Examples]]) -> None:
        self.sets = sets

    def __getitem__(self, name: str) -> Examples:
        examples = self.sets[name]
        return examples if isinstance(examples, Examples) else examples()

    def __iter__(self) -> Iterator[str]:
        return iter(self.sets)

    def __len__(self) -> int:
        return len(self.sets)


def load(config: RunConfig, tokenizer: PreTrainedTokenizerBase) -> Task:
    """Load the task of a run configuration, tokenised for its model.

    Raises: BenchmarkError for missing data, with the file and the way to get it.
    """
    task = config.task
    train, evaluate = training_splits(task), evaluation_splits(task)
    splits = opened(config, tokenizer)
    sources, max_length = splits.reader.sources, splits.reader.max_length
    used = [file for split in (*train, *evaluate.values()) for file in splits.files(split)]
    for name, joined in {file.name: file.joined for file in used if file.joined}.items():
        log.warning("%s is joined of %s", name, in_short(joined))
    splits.look(evaluate)
    first, *others = [splits.training(split) for split in train]
    training = first.followed_by(others) if others else first
    if not len(training):
        names = ", ".join(place_of(split) for split in train)
        raise BenchmarkError(
            f"task {task.name!r}: its training split {names} has no example to learn from{splits.unlearnt(train)}"
        )
    subset = draw_subset(training.targets, config.data, config.seed, splits.learnt.stratified)
    training = training.taken(subset) if len(subset) < len(training) else training
    constants.check_learnt(task, ", ".join(place_of(split) for split in train), training.targets)
    sets: dict[str, Examples | Callable[[], Examples]] = {
        name: partial(splits.evaluation, split) if split.last_only else splits.evaluation(split)
        for name, split in evaluate.items()
    }
    return Task(
        name=task.name,
        kind=splits.learnt,
        metrics=task.metrics,
        training=training,
        evaluation=Sets(sets | ({"train": training} if task.score_training else {})),
        pad_id=tokenizer.pad_token_id or 0,
        pad_left=tokenizer.padding_side == "left",
        subset=subset,
        stamp={
            "id": task.repo or task.builder,
            "revision": sources[files.origin(task, train[0])].revision,
            "revisions": {place[0]: source.revision for place, source in sources.items() if place[0]},
            "digests": {file.name: file.digest for file in used},
            "max_length": max_length,
            "remarks": splits.remarks,
            "left_out": splits.left_out,
        },
        files={file.name: file.paths for file in used},
        last_only=frozenset(name for name, split in evaluate.items() if split.last_only),
        groups=language_groups(task),
    )


def look(config: RunConfig, tokenizer: PreTrainedTokenizerBase) -> None:
    """Check the data of a run without tokenising them: columns, targets and the size of the training set.

    Raises: BenchmarkError for what does not fit.
    """
    splits = opened(config, tokenizer)
    rows = 0
    for split in training_splits(config.task):
        rows += len(splits.learnt.look(splits.reader, split, True)[0])
    if config.task.kind != "answers":  # whose examples are windows, known only after tokenising
        check_count(config.data, rows)
    for name, split in evaluation_splits(config.task).items():
        metrics.check(split.metrics or config.task.metrics, split.language, name)
        splits.kind_of(split).look(splits.reader, split, False)


def opened(config: RunConfig, tokenizer: PreTrainedTokenizerBase) -> Splits:
    """The splits of a run's task, not read yet.

    Raises: BenchmarkError for missing data, or a tokenizer without the special tokens of the task's kind.
    """
    task, cache = config.task, Path(config.cache)
    used = [*training_splits(task), *evaluation_splits(task).values()]
    sources = files.find_sources(task, used, cache)
    # An input longer than the model's positions would crash it.
    max_length = min(config.protocol.max_length, tokenizer.model_max_length)
    splits = Splits(Reader(task, config.model, sources, tokenizer, max_length, cache))
    check_special(config, splits.learnt, tokenizer)
    return splits


def check_special(config: RunConfig, kind: Kind, tokenizer: PreTrainedTokenizerBase) -> None:
    """Check that a tokenizer has the special tokens that a kind reads.

    Raises: BenchmarkError naming a missing one.
    """
    for name in kind.special:
        if getattr(tokenizer, name) is None:
            raise BenchmarkError(
                f"model {config.model.name!r}: its tokenizer has no {name}, which tasks of the kind "
                f"{config.task.kind!r} need: set it in tokenizer_config.json"
            )


class Splits:
    """The splits of a task as examples.

    ``remarks`` are the counted remarks on all splits read so far, by remark and split. ``left_out`` counts
    their rows that were left out, by reason and split.
    """

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.learnt = KINDS[reader.task.kind].of(reader)
        self.remarks: dict[str, dict[str, int]] = {name: {} for name in self.learnt.remarks}
        self.left_out: dict[str, dict[str, int]] = {}

    def kind_of(self, split: SplitConfig) -> Kind:
        """The kind of a split: its own, or the task's."""
        kind = split.kind or self.reader.task.kind
        return self.learnt if kind == self.reader.task.kind else KINDS[kind].of(self.reader)

    def files(self, split: SplitConfig) -> list[files.SplitFiles]:
        """The files that a split needs.

        Raises: BenchmarkError if one is missing.
        """
        return self.kind_of(split).files(self.reader, split)

    def look(self, evaluate: dict[str, SplitConfig]) -> None:
        """Check metrics of evaluation sets, and columns that are read after training.

        The columns of the others are checked as they are read. Raises: BenchmarkError for what does not fit.
        """
        for name, split in evaluate.items():
            metrics.check(split.metrics or self.reader.task.metrics, split.language, name)
            if split.last_only:
                self.kind_of(split).look(self.reader, split, False)

    def training(self, split: SplitConfig) -> Examples:
        """Read the examples of a split for training."""
        return self.read(self.learnt, split, True)

    def unlearnt(self, splits: Iterable[SplitConfig]) -> str:
        """The number of questions in training ``splits`` with a misplaced answer, for a message."""
        by_split = self.remarks.get(MISPLACED, {})
        count = sum(by_split.get(place_of(split), 0) for split in splits)
        return f": {count} questions {UNLEARNT}" if count else ""

    def evaluation(self, split: SplitConfig) -> Examples:
        """Read the examples of a split for evaluation, with their measure."""
        kind = self.kind_of(split)
        made = self.read(kind, split, False)
        if not (split.kind or split.metrics or split.language):
            return made
        names = split.metrics or self.reader.task.metrics
        return replace(made, measure=Measure(kind, names, split.language))

    def read(self, kind: Kind, split: SplitConfig, training: bool) -> Examples:
        made, place = kind.read(self.reader, split, training), place_of(split)
        for counts, by_split in ((made.remarks, self.remarks), (made.left_out, self.left_out)):
            for name, count in counts.items():
                by_split.setdefault(name, {})[place] = count
        for reason, words in UNEXPECTED.items():
            if reason in made.left_out:
                log.warning("%s: %d rows are left out: %s", place, made.left_out[reason], words)
        if training and MISPLACED in made.remarks:
            log.warning("%s: %d questions are left out: they %s", place, made.remarks[MISPLACED], UNLEARNT)
        if made.labelled and WITHOUT_GOLD in made.remarks:
            count = made.remarks[WITHOUT_GOLD]
            log.warning("%s: %d targets without a gold label are not scored", place, count)
        elif WITHOUT_GOLD in made.remarks:
            _, target = self.reader.columns(split)
            log.warning("%s: no gold label in %r: predictions are kept, and there is no score", place, target)
        return made
