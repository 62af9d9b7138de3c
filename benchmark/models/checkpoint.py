"""The files of a checkpoint: in a user's folder, of another library, or in the hub's cache."""

from __future__ import annotations

import difflib
import json
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

from huggingface_hub.errors import HFValidationError
from huggingface_hub.utils import validate_repo_id
from safetensors import safe_open

from benchmark.errors import BenchmarkError, hint
from benchmark.models import fetching
from benchmark.models.foreign import SHOWN, content, other_encoding
from benchmark.models.pickled import foreign_code
from benchmark.places import in_home, instead_of_address
from benchmark.printable import looks_like

CONFIG, MODULES, ADAPTER = "config.json", "modules.json", "adapter_config.json"
WEIGHTS = ("model.safetensors", "pytorch_model.bin")  # in the order in which `transformers` looks for them
TOKENIZER = ("tokenizer.json", "vocab.*", "*.model", "merges.txt", "*vocab*.txt", "tokenizer*.bpe.model")
POINTER = b"version https://git-lfs"
EIGHT_BITS = ("I8", "U8", "F8", "F4")  # types of safetensors that need scales beside them


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint on this machine.

    ``name`` is the model's, ``folder`` has its configuration. ``id`` is the hub's; None for a user's folder.
    """

    name: str
    folder: Path
    id: str | None = None

    def refusal(self, file: str, problem: str) -> BenchmarkError:
        """The error for ``file``, with the way to get a whole one."""
        place = str(self.folder / file)
        advice = f"; get it whole with `hf download {self.id}` on a connected machine" if self.id else ""
        return BenchmarkError(f"model {self.name!r}: {place}: {problem}{advice}")

    def lacking(self, problem: str) -> BenchmarkError:
        """The error for a part that is not there; a link that leads nowhere is the likely cause."""
        for path in sorted(self.folder.iterdir()):
            if path.is_symlink() and not path.exists():
                return self.refusal(path.name, f"is a link to {path.readlink()}, and nothing is there")
        return self.refusal("", problem)

    def matching(self, *patterns: str) -> list[Path]:
        """The files that match one of ``patterns``."""
        return sorted({path for pattern in patterns for path in self.folder.glob(pattern)})

    def json(self, file: str) -> dict[str, Any]:
        """The mapping in a JSON file. Raises: BenchmarkError naming the file."""
        try:
            content = json.loads((self.folder / file).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise self.unreadable(self.folder / file, error) from error
        if not isinstance(content, dict):
            raise self.refusal(file, "must be a JSON mapping")
        return content

    def unreadable(self, path: Path, error: BaseException) -> BenchmarkError:
        """The error for a file that cannot be read, with its likely cause."""
        file = str(path.relative_to(self.folder))
        if path.is_file() and not path.stat().st_size:
            return self.refusal(file, "is empty")
        if is_pointer(path):
            return self.refusal(file, "is a pointer of git-lfs, not the file: run `git lfs pull`")
        if path.suffix == ".json" and (encoding := other_encoding(path)):
            return self.refusal(
                file,
                f"is {encoding}, which transformers cannot read: save it as UTF-8 without a byte order mark",
            )
        return self.refusal(file, f"cannot be read, it is damaged or cut short ({in_short(error)})")

    def weights(self) -> list[Path]:
        """The files of the weights. Raises: BenchmarkError if they are not all there."""
        for file in WEIGHTS:
            if (self.folder / file).exists():
                return [self.folder / file]
            index = f"{file}.index.json"
            if (self.folder / index).exists():
                return self._shards(index)
        raise self.lacking(f"has no weights ({' or '.join(WEIGHTS)}); it has {content(self.folder)}")

    def has_tokenizer(self) -> bool:
        """True if it has a vocabulary."""
        return bool(self.matching(*TOKENIZER))

    def complete(self) -> bool:
        """True if configuration, weights and vocabulary are there."""
        try:
            return self.has_tokenizer() and (self.folder / CONFIG).exists() and bool(self.weights())
        except BenchmarkError:
            return False

    def check_files(self) -> None:
        """Look at the headers of all weights, without loading them.

        Raises: BenchmarkError naming a file that is damaged, or that holds more than weights.
        """
        for path in self.weights():
            if path.suffix == ".bin":
                self._check_pickle(path)
                continue
            try:
                with safe_open(path, "pt") as file:
                    types = {name: file.get_slice(name).get_dtype() for name in file.keys()}  # noqa: SIM118
            except Exception as error:  # safetensors has a type of its own beside OSError and others
                raise self.unreadable(path, error) from error
            for name, kind in types.items():
                if kind.startswith(EIGHT_BITS):
                    raise self.refusal(path.name, f"{name} is {kind}: quantised weights cannot be fine-tuned")

    def _shards(self, index: str) -> list[Path]:
        files = self.json(index).get("weight_map")
        if not isinstance(files, dict) or not files or not all(isinstance(f, str) for f in files.values()):
            raise self.refusal(index, "has no weight_map from weights to files")
        paths = [self.folder / name for name in sorted(set(files.values()))]
        if missing := [path.name for path in paths if not path.exists()]:
            raise self.refusal(
                missing[0], f"is missing, one of {len(paths)} files of weights that {index} names"
            )
        return paths

    def _check_pickle(self, path: Path) -> None:
        import torch  # for old formats alone: the reporter finds checkpoints without it

        try:
            try:
                torch.load(path, map_location="meta", weights_only=True, mmap=True)
            except RuntimeError:  # an older format, which cannot be mapped
                torch.load(path, map_location="meta", weights_only=True)
        except Exception as error:
            if name := foreign_code(path):
                raise self.refusal(
                    path.name,
                    f"holds code beside weights ({name}), which is not run; save the weights as safetensors",
                ) from error
            if isinstance(error, UnpicklingError):  # it tells what to do in order to run code
                error = UnpicklingError("not a whole pickle of weights, of protocol 2 or 3")
            raise self.unreadable(path, error) from error


def located(name: str, place: str, revision: str | None = None) -> Checkpoint:
    """The checkpoint of the model ``name`` at ``place``, a folder or a hub id.

    The hub is asked once, and only if its cache is incomplete. Raises: BenchmarkError naming what is missing.
    """
    folder = in_home(place)
    if folder.is_dir():
        return inside(Checkpoint(name, folder))
    if folder.exists():
        raise BenchmarkError(f"model {name!r}: {place} is a file; give the folder that it is in")
    if (instead := instead_of_address(place)) is not None:
        raise BenchmarkError(f"model {name!r}: {place} is an address: {instead}")
    if is_path(place):
        raise BenchmarkError(f"model {name!r}: no folder {place}; {_beside(folder)}")
    cached = fetching.cached(place, revision, CONFIG, MODULES)
    checkpoint = None if cached is None else Checkpoint(name, cached, place)
    if checkpoint is None or not inside(checkpoint, strict=False).complete():
        fetched = fetching.fetched(name, place, revision, checkpoint is None)
        checkpoint = Checkpoint(name, fetched or checkpoint.folder, place)  # type: ignore[union-attr]
    return inside(checkpoint)


def is_path(place: str) -> bool:
    """True if ``place`` can be a folder only, and no id of the hub."""
    try:
        validate_repo_id(place)
    except HFValidationError:
        return True
    return place.startswith(("~", ".", "/")) or ("/" in place and Path(place).parent.is_dir())


def is_pointer(path: Path) -> bool:
    """True if git left the file's pointer in place of its content."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(POINTER)) == POINTER


def in_short(error: BaseException) -> str:
    """An error's type and the begin of its message, in one line."""
    message = " ".join(str(error).split())
    return f"{type(error).__name__}: {message[:160]}{'…' if len(message) > 160 else ''}"


def inside(checkpoint: Checkpoint, strict: bool = True) -> Checkpoint:
    """The checkpoint itself, or the one of sentence-transformers that is in it.

    Raises: BenchmarkError for a folder without configuration, if ``strict``.
    """
    folder = checkpoint.folder
    if (folder / ADAPTER).exists():
        raise checkpoint.refusal(
            ADAPTER,
            f"is an adapter of PEFT for {_base(checkpoint)}; merge it (merge_and_unload) and save that",
        )
    if (folder / CONFIG).exists():
        return checkpoint
    if (folder / MODULES).exists() and (inner := _transformer(checkpoint)) is not None:
        return Checkpoint(checkpoint.name, inner, checkpoint.id)
    if not strict:
        return checkpoint
    others = sorted({path.parent for depth in ("*", "*/*") for path in folder.glob(f"{depth}/{CONFIG}")})
    hint = f"; {', '.join(map(str, others[:SHOWN]))} has one" if others else f"; it has {content(folder)}"
    raise checkpoint.lacking(f"has no {CONFIG}{hint}")


def _transformer(checkpoint: Checkpoint) -> Path | None:
    """The folder of the encoder that sentence-transformers' list of modules names."""
    try:
        modules = json.loads((checkpoint.folder / MODULES).read_text(encoding="utf-8"))
        paths = [str(module["path"]) for module in modules if str(module["type"]).endswith("Transformer")]
    except (ValueError, TypeError, KeyError) as error:
        raise checkpoint.unreadable(checkpoint.folder / MODULES, error) from error
    folders = [checkpoint.folder / path for path in paths]
    return next((folder for folder in folders if (folder / CONFIG).exists()), None)


def _base(checkpoint: Checkpoint) -> str:
    return str(checkpoint.json(ADAPTER).get("base_model_name_or_path") or "another model")


def _beside(folder: Path) -> str:
    """The folders that could be meant by one that is not there."""
    parent = next(parent for parent in folder.absolute().parents if parent.is_dir())
    if parent != folder.absolute().parent:
        return f"{parent} is there, and nothing of the rest"
    names = sorted(path.name for path in parent.iterdir() if path.is_dir() and path.name[0] != ".")
    close = difflib.get_close_matches(folder.name, names, SHOWN) or names[:SHOWN]
    alike = hint(folder.name, [name for name in names if looks_like(name, folder.name)])
    return f"{parent} has {', '.join(close)}{alike}" if close else f"{parent} has no folder"
