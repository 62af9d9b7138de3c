"""The record and the arrays of a finished run, and the failures of others.

`STORE/RUN_ID/record.json` is a `Record` and `STORE/failures/RUN_ID-N.json` a `Failure`; `schema.json` in this
folder is their JSON Schema. `STORE/RUN_ID/arrays.npz` has, as numpy arrays:

    losses              (updates,) float32: the training loss of every update
    subset              (examples,) int32: the training examples used, as rows of the training set
    logits/SET          (evaluations, examples, outputs) float32: of a classification or regression
    predictions/SET     (evaluations, …): of other kinds; tagging (words,) int16 classes, question answering
                        (questions, 4) float64: begin and end of the answer in its context, exact match and F1;
                        retrieval and mining (layers, sentences) int32 rows
    targets/SET         the true classes or values of SET, of mining the right rows; for unknown ones -1, or NaN
                        beside known values
    lengths/SET         (sentences,) int32: of tagging, the words of every sentence
    probe/NAME/…        the measurements of the probe NAME, see `benchmark/probes/`

SET is an evaluation set, `SET/LANGUAGE` if it has languages. A set that is scored only after the last update
has one evaluation. Reading needs neither torch nor transformers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from benchmark.records.shape import ShapeError, check_of, shown

VERSION = 1  # version of the JSON of records and failures, raised when a field changes its name or meaning
FINISHED, DIVERGED, FAILED = "finished", "diverged", "failed"

LOUD = 10  # warn if a term of the loss is so many times the task's own
DATA = "data "  # precedes the name of a split in `Record.origins`
CODE = "the code of "  # precedes the name of a module

Scores = dict[str, dict[str, float]]  # by evaluation set and metric; fractions


class VersionError(Exception):
    """A record is of a version that this code does not read.

    ``version`` is None for a record without one, written before there were versions.
    """

    def __init__(self, version: Any) -> None:
        stated = (
            "without a version, from before there were any"
            if version is None
            else f"of version {shown(version)}"
        )
        super().__init__(f"a record {stated}, and this code reads version {VERSION}")
        self.version = version


@dataclass
class Evaluation:
    """One evaluation during a run, after ``step`` updates and ``epoch`` epochs.

    ``loss`` is the mean training loss of the last epoch's updates, ``losses`` the mean loss by evaluation set.
    """

    step: int
    epoch: float
    loss: float
    losses: dict[str, float]
    scores: Scores


@dataclass
class Seconds:
    """The time of a run in seconds, by use, with the time before interruptions.

    ``train`` includes ``survey``, in which methods see the training data once. ``per_update`` is the time of a
    typical update. ``total`` includes loading and saving.
    """

    train: float
    evaluate: float
    survey: float
    per_update: float
    probes: float
    total: float


@dataclass
class Memory:
    """The peak of memory in bytes.

    It is of the tensors on a GPU, or of the process on a CPU; None if the system does not tell it. ``reserved``
    is the most that the process took of a GPU for tensors; None on a CPU.
    """

    peak: int | None
    reserved: int | None = None


@dataclass
class Weights:
    """The origin of the weights before fine-tuning.

    ``id`` is of the hub, with its commit in ``revision``, a folder's name or a builder. ``digest`` is the
    SHA-256 of the weights' files, ``tokenizer`` that of the configuration and tokenizer; None in old records.
    ``drawn`` names the weights that the checkpoint lacks and every run draws: the head's, and a pooler's.
    """

    id: str | None
    revision: str | None = None
    digest: str | None = None
    drawn: list[str] = field(default_factory=list)
    tokenizer: str | None = None


@dataclass
class Data:
    """The origin of the data: a hub id with its commit, or a builder without.

    ``revisions`` are the commits of other data sets by id. ``digests`` are the SHA-256 of files by
    CONFIG/SPLIT. ``max_length`` is in tokens. ``remarks`` counts examples by remark and CONFIG/SPLIT,
    ``left_out`` the rows that were left out, by reason and CONFIG/SPLIT.
    """

    id: str | None
    revision: str | None
    revisions: dict[str, str | None]
    digests: dict[str, str]
    max_length: int
    remarks: dict[str, dict[str, int]]
    left_out: dict[str, dict[str, int]] = field(default_factory=dict)


@dataclass
class Record:
    """The stored result of a finished or diverged run.

    ``config`` is the configuration as JSON, without paths of this machine. ``finished`` is a date and time
    (ISO 8601, UTC), and ``command`` repeats the run. ``diverged_at`` counts updates, ``resumed``
    interruptions, and ``replayed`` the updates that a GPU replayed from CUDA graphs. ``attention`` names the
    attention kernel; ``padding_computed`` is true if passes computed padding. ``collapsed`` names the
    evaluation sets on which the final model gives one answer to everything, if they can show that it has
    learnt nothing (older records: all of them). ``scores`` are of the last
    evaluation, empty if the run diverged. ``examples`` are counts by set; the training set is ``train``.
    ``environment`` has the code's commit, the versions of packages, and the device. ``seal`` proves the
    files, see `benchmark.records.seal`. ``terms`` has, by method, the term that it adds to the loss divided
    by the task's own loss, at the first update. ``own_code`` are the SHA-256 of files of the user's own code,
    by module: of classes and builders that the configuration names, and of their bases.
    """

    run_id: str
    status: str
    finished: str
    command: str
    diverged_at: int | None
    resumed: int
    replayed: int
    attention: str
    padding_computed: bool
    collapsed: list[str]
    config: dict[str, Any]
    scores: Scores
    curve: list[Evaluation]
    seconds: Seconds
    memory: Memory
    examples: dict[str, int]
    model: Weights
    data: Data
    environment: dict[str, Any]
    version: int = VERSION
    seal: dict[str, str] = field(default_factory=dict, compare=False)
    terms: dict[str, float] = field(default_factory=dict)
    own_code: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The content of the record's file."""
        return asdict(self)

    def origins(self) -> dict[str, str]:
        """The digests of the files behind the result, by role: weights, tokenizer, data, own code."""
        model = self.model
        weights = {"weights": model.digest} if model.digest else {"revision": model.revision}
        facts = weights | {"tokenizer": model.tokenizer}
        data = {DATA + name: digest for name, digest in self.data.digests.items()}
        code = {CODE + name: digest for name, digest in self.own_code.items()}
        return {name: fact for name, fact in facts.items() if fact is not None} | data | code

    def changed(self, now: Mapping[str, str]) -> list[str]:
        """The names of the record's origins that surely differ ``now``."""
        return [name for name, fact in self.origins().items() if now.get(name, fact) != fact]

    @classmethod
    def from_json(cls, stored: Any) -> Self:
        """The record of a file's content.

        Raises: VersionError for another version, ShapeError for content that is not a record.
        """
        values = _checked("record", stored)
        inner = {"seconds": Seconds, "memory": Memory, "model": Weights, "data": Data}
        parts = {key: kind(**values[key]) for key, kind in inner.items()}
        return cls(**values | parts | {"curve": [Evaluation(**entry) for entry in values["curve"]]})


@dataclass
class Failure:
    """The error of a run that did not finish, with its configuration and command.

    ``cause`` is refused, out of memory, GPU fault, crashed, late (it took longer than allowed), store unwritable or
    error. ``error`` is one line. ``traceback`` is empty
    if the process died without a message. ``failed`` is a date and time (ISO 8601, UTC).
    """

    run_id: str
    cause: str
    error: str
    traceback: str
    config: dict[str, Any]
    command: str
    failed: str
    status: str = FAILED
    version: int = VERSION

    def to_json(self) -> dict[str, Any]:
        """The content of the failure's file."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Any) -> Self:
        """The failure of a file's content.

        Raises: VersionError for another version, ShapeError for content that is not a failure.
        """
        return cls(**_checked("failure", stored))


# Fields that records of this version need not have, since older code did not write them.
LATER = ("drawn", "left_out", "tokenizer", "seal", "terms", "own_code")


def _checked(kind: str, stored: Any) -> dict[str, Any]:
    """``stored`` if it has the published shape of a ``kind``. Raises: VersionError, ShapeError."""
    if isinstance(stored, dict) and "run_id" in stored and stored.get("version") != VERSION:
        raise VersionError(stored.get("version"))
    if not isinstance(stored, dict):
        raise ShapeError(f"{shown(stored)} is not a mapping")
    check_of(kind)(stored)
    return stored
